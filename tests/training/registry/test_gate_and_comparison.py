"""The gate and the comparison, on verdicts made by hand."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from classifier import LABELS
from classifier.draft import Draft, LabelledDraft
from classifier.evidence import LanguageGuess
from classifier.labels import Label
from classifier.policy.policy import Policy
from classifier.verdict import Decision, Verdict, Versions
from training.evaluation.comparison import compare
from training.evaluation.costs import cost_curve, cost_sheet, minutes_per_thousand
from training.evaluation.figures import Judged, decision_table, kind_of
from training.fitting.unmet_predictions import UnmetPredictions
from training.registry.promotion_gate import MeasuredModel, Slide, Tolerance, result

POLICY = Policy.load()
TOLERANCE = Tolerance(label_f1=0.02, false_blocks=0.01, missed=0.02, golden=1, latency_ratio=1.5, cost=0.2)
SUBSTITUTE, DELAY = Label.SUBSTITUTE_OFFER, Label.DELAY_NOTICE


def judged(number: int, labels: Sequence[Label], said: Sequence[Label], decision: Decision) -> Judged:
    labelled = LabelledDraft(f"d{number}", "w", f"s{number}", Draft("GG-1", "a", "b"), frozenset(labels))
    chances = {label: 0.9 if label in said else 0.1 for label in LABELS}
    verdict = Verdict(decision, frozenset(said), chances, (), (), Versions("m", "r", "p"), LanguageGuess("en", "full"))
    return Judged(labelled, verdict, kind_of(labelled, POLICY), decision, None)


def everybody(wrong: int = 0, false_blocks: int = 0) -> list[Judged]:
    """100 substitute offers of which `wrong` are allowed unseen, 100 delay notices of which some are blocked."""
    rows = [
        judged(i, [SUBSTITUTE], [] if i < wrong else [SUBSTITUTE], "allow" if i < wrong else "block")
        for i in range(100)
    ]
    return rows + [judged(100 + i, [DELAY], [DELAY], "block" if i < false_blocks else "allow") for i in range(100)]


def measured(rows: list[Judged], golden_wrong: int = 0, seconds: float = 0.001) -> MeasuredModel:
    return MeasuredModel("model", rows, golden_wrong, seconds)


WORSE = [
    ("nothing", measured(everybody()), []),
    ("a little worse", measured(everybody(wrong=2, false_blocks=1), 1, 0.0014), []),
    ("missed", measured(everybody(wrong=5)), ["f1 of substitute_offer", "missed prohibited drafts"]),
    ("false blocks", measured(everybody(false_blocks=3)), ["false blocks"]),
    ("golden", measured(everybody(), golden_wrong=2), ["golden drafts gone wrong"]),
    ("latency", measured(everybody(), seconds=0.0016), ["latency, as a ratio"]),
]


@pytest.mark.parametrize(("challenger", "refused"), [w[1:] for w in WORSE], ids=[w[0] for w in WORSE])
def test_the_gate_refuses_what_is_worse_than_tolerated(challenger: MeasuredModel, refused: list[str]) -> None:
    found = result(measured(everybody()), challenger, 150, TOLERANCE)
    assert found.refusals == refused
    assert found.passed == (not refused)


SLIDE = Slide(versions=5, label_f1=0.03, false_blocks=0.015, missed=0.03, golden=2, cost=0.3)


def test_quality_cannot_slide_by_the_tolerance_at_every_promotion() -> None:
    steps = [measured(everybody(wrong=wrong)) for wrong in (0, 2, 4)]
    tolerance = replace(TOLERANCE, slide=SLIDE)
    assert result(steps[1], steps[2], 150, tolerance).passed
    found = result(steps[1], steps[2], 150, tolerance, steps[:1])
    assert found.refusals == ["missed prohibited drafts, best of 2"]
    assert result(steps[0], steps[1], 150, tolerance, steps[:1]).passed


def test_a_model_whose_mistakes_cost_more_is_refused() -> None:
    cheap, dear = (replace(measured(everybody()), minutes=minutes) for minutes in (100.0, 121.0))
    assert result(cheap, dear, 150, TOLERANCE).refusals == ["cost, as a share more"]
    assert result(dear, cheap, 150, TOLERANCE).passed


def test_a_better_model_passes_on_every_check() -> None:
    found = result(measured(everybody(wrong=9, false_blocks=5), 5), measured(everybody()), 150, TOLERANCE)
    assert found.passed
    assert all(check.change <= 1 for check in found.checks)


def test_comparison_lists_what_changed_sides() -> None:
    champion = everybody(wrong=3)
    challenger = [*everybody()]
    challenger[50] = judged(50, [SUBSTITUTE], [], "allow")
    challenger[150] = judged(150, [DELAY], [DELAY, SUBSTITUTE], "block")
    found = compare(champion, challenger, ("old", "new"), rounds=200)
    assert found.gained_catches == ("d0", "d1", "d2")
    assert found.lost_catches == ("d50",)
    assert found.new_false_blocks == ("d150",)
    decision = next(p for p in found.paired if p.name == "the decision")
    assert (decision.only_champion, decision.only_challenger) == (2, 3)
    assert decision.p_value == 1.0
    missed = next(g for g in found.gains if g.name == "missed prohibited drafts")
    assert missed.difference == pytest.approx(-0.02)
    assert missed.low < missed.difference < missed.high


def test_mcnemar_is_sure_where_one_is_always_better() -> None:
    found = compare(everybody(wrong=12), everybody(), ("old", "new"), rounds=50)
    assert next(p for p in found.paired if p.name == "the decision").p_value < 0.001


def test_different_drafts_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="different drafts"):
        compare(everybody(), everybody()[1:], ("a", "b"))


def test_costs_are_counts_times_minutes() -> None:
    lines = cost_sheet(decision_table(everybody(wrong=2, false_blocks=3)), POLICY.costs)
    found = {line.mistake: (line.count, line.minutes) for line in lines}
    assert found["missed_prohibited"] == (2, 2 * POLICY.costs["missed_prohibited"])
    assert found["blocked_permitted"] == (3, 3 * POLICY.costs["blocked_permitted"])
    assert minutes_per_thousand(lines, 200) == pytest.approx(5 * sum(m for _, m in found.values()))
    with pytest.raises(ValueError, match="missed_prohibited"):
        cost_sheet(decision_table(everybody()), {})


def test_the_cheapest_threshold_lies_between_the_two_kinds() -> None:
    import numpy as np

    p, y = np.zeros((4, 6)), np.zeros((4, 6), np.int64)
    at = list(Label).index(SUBSTITUTE)
    p[:, at], y[2:, at] = [0.1, 0.2, 0.8, 0.9], 1
    unmet = UnmetPredictions.kept_aside(p, y, np.array(["w"] * 4), frozenset())
    curve = cost_curve(unmet, SUBSTITUTE, POLICY.costs)
    assert 0.2 < curve.cheapest <= 0.8
    assert curve.minutes.min() == 0


def test_a_gate_file_that_lacks_a_number_is_named(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("gate") / "gate.toml"
    path.write_text("[tolerance]\nlabel_f1 = 0.1\n")
    with pytest.raises(ValueError, match=r"gate\.toml"):
        Tolerance.load(path)
    assert replace(Tolerance.load(), golden=3).golden == 3
