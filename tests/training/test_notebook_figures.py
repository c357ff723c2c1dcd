"""What the notebooks show: one draft with marks and reasons, thresholds tried, drift, the split for looking."""

import re
from dataclasses import replace

import numpy as np
import pytest

from classifier import Draft, Screener
from classifier.draft import LabelledDraft
from classifier.labels import Label
from classifier.model.artifact import SHIPPED, ModelArtifact
from classifier.policy.policy import Policy
from training.evaluation.learning_curve import learning_curve
from training.evaluation.out_of_fold import predict_out_of_fold
from training.evaluation.threshold_trials import cost_map, moved, try_thresholds
from training.fitting import thresholds
from training.fitting.model_fitting import Tools
from training.fitting.recipe import Recipe
from training.monitoring.drift import Shift
from training.reports import plots
from training.reports.draft_view import explained, reasons, view, without_each_sentence
from training.tickets.split_plan import Split
from training.tickets.splitting import without_test

OFFER = "Would you like the green <one> instead?"
DRAFT = Draft("GG-8K2P-4L7Q-XY19", "Your jacket", f"Hi Dana,\nthe blue jacket is out of stock. {OFFER} Kind regards")


@pytest.fixture(scope="module")
def screener() -> Screener:
    return Screener.load(SHIPPED)


def test_a_draft_shows_the_persons_mark_the_passage_that_decided_and_the_reason(screener: Screener) -> None:
    labelled = LabelledDraft(
        "d<1>", "w", "s", DRAFT, frozenset({Label.SUBSTITUTE_OFFER}), evidence={Label.SUBSTITUTE_OFFER: (OFFER,)}
    )
    evidence = screener.evidence(DRAFT)
    verdict = screener.policy.decide(evidence)
    shown = view(DRAFT, evidence, verdict, labelled)
    person = "".join(re.findall(r"<span style='border-bottom[^']*'>(.*?)</span>", shown))
    decided = "".join(re.findall(r"<span style='[^']*background[^']*'>(.*?)</span>", shown))
    assert person == OFFER.replace("<", "&lt;").replace(">", "&gt;")
    assert "would you like the green" in decided.lower()
    assert "Kind regards" not in decided
    assert "substitute_offer" in shown
    assert verdict.findings[0].message.split(".")[0] in shown
    assert "d&lt;1&gt;" in shown
    text = re.sub(r"<[^>]*>", "", re.search(r"pre-wrap'>(Hi Dana.*?)</p>", shown.replace("\n", " ")).group(1))  # type: ignore[union-attr]
    assert text == DRAFT.body.replace("\n", " ").replace("<", "&lt;").replace(">", "&gt;")


def test_a_label_that_no_finding_explains_has_its_passage_as_reason(screener: Screener) -> None:
    draft = Draft("GG-8K2P-4L7Q-XY19", "A delay", "A storm has held up the carrier. Your order arrives two days late.")
    evidence = screener.evidence(draft)
    verdict = screener.policy.decide(evidence)
    found = {reason.name: reason for reason in reasons(evidence, verdict)}
    assert verdict.decision == "allow"
    assert found["delay_notice"].by in ("linear", "encoder")
    assert found["delay_notice"].words in draft.body
    assert "delay_notice" in explained(screener, draft)


def test_without_the_sentence_that_decides_the_label_goes(screener: Screener) -> None:
    first = without_each_sentence(screener, DRAFT)[0]
    assert (first.sentence, first.label) == (OFFER, "substitute_offer")
    assert first.before > 0.5 > first.after


def test_other_thresholds_change_allow_warn_and_block_and_the_cost(small_drafts: list[LabelledDraft]) -> None:
    tools = Tools.load()
    examples = tools.examples(small_drafts)
    predictions = predict_out_of_fold(examples, Recipe(folds=2))
    limits = thresholds.choose(predictions, tools.policy)
    never = try_thresholds(examples, predictions, moved(limits, tools.policy, sure=1.0), tools.policy)
    often = try_thresholds(examples, predictions, moved(limits, tools.policy, sure=0.05, possible=0.05), tools.policy)
    blocked = [sum(found.decisions[kind]["block"] for kind in found.decisions) for found in (never, often)]
    assert blocked[0] < blocked[1]
    assert never.minutes != often.minutes
    minutes = cost_map(examples, predictions, limits, tools.policy, sure=(0.3, 0.9), possible=(0.1, 0.6))
    assert np.isnan(minutes).tolist() == [[False, True], [False, False]]
    same = try_thresholds(examples, predictions, moved(limits, tools.policy, sure=0.9, possible=0.6), tools.policy)
    assert minutes[1, 1] == same.minutes


def test_a_warning_above_the_block_is_refused() -> None:
    limits = ModelArtifact.load(SHIPPED).thresholds
    with pytest.raises(ValueError, match=r"warnings from 0\.9 on, blocks already from 0\.5 on"):
        moved(limits, Policy.load(), sure=0.5, possible=0.9)


def test_dark_bars_are_what_drifted_and_framed_ones_what_is_unsure() -> None:
    shifts = [
        Shift("moved", "t", 0.4, 0.1, 0.001, True), Shift("few", "t", 0.3, 0.1, 0.2, False, True),
        Shift("calm", "t", 0.05, 0.1, 0.001, False),
    ]  # fmt: skip
    axes = plots.shifts(shifts).axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    dark, framed = set(), set()
    for bar, name in zip(axes.patches, names, strict=True):
        if bar.get_facecolor()[:3] == tuple(int(plots.INK[i : i + 2], 16) / 255 for i in (1, 3, 5)):
            dark.add(name)
        elif bar.get_edgecolor()[3]:
            framed.add(name)
        assert (bar.get_width() > 1) == (name != "calm")
    assert (dark, framed) == ({"moved"}, {"few"})


def test_the_split_for_looking_at_errors_has_no_test_writer(small_drafts: list[LabelledDraft]) -> None:
    tune = tuple(replace(d, writer=f"w{i % 4}") for i, d in enumerate(small_drafts[:40]))
    kept = Split(tuple(small_drafts[40:80]), tune, tuple(small_drafts[80:90]))
    found = without_test(kept)
    assert {d.writer for d in found.tune} == {"w0", "w2"}
    assert {d.writer for d in found.test} == {"w1", "w3"}
    assert not {d.id for d in found.test} & {d.id for d in kept.test}


def test_a_learning_curve_learns_from_growing_parts(small_drafts: list[LabelledDraft]) -> None:
    writers = sorted({d.writer for d in small_drafts})
    test = tuple(d for d in small_drafts if d.writer in writers[:2])
    split = Split(tuple(d for d in small_drafts if d not in test), (), test)
    points = learning_curve(split, (1.0, 0.3), Recipe(folds=2), Tools.load())
    assert points[0].drafts < points[1].drafts == len(split.train)
    assert points[0].macro_f1 < points[1].macro_f1
