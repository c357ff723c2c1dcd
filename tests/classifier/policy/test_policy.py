"""The judge on evidence made by hand: no text, no rules, no model."""

from dataclasses import replace

import pytest

from classifier.draft import Order
from classifier.evidence import (
    Evidence,
    FormFault,
    LabelScore,
    LanguageGuess,
    ModelEvidence,
    RuleEvidence,
    RuleHit,
    Span,
    Thresholds,
)
from classifier.labels import LABELS, Label
from classifier.policy.policy import POLICY_FILE, Policy

POLICY = Policy.load()
SPAN = Span("body", 3, 9, "wanted")
SENTENCE = Span("body", 0, 20, "x" * 20)
SUBSTITUTE, PROBING, DELAY, STOCK = (
    Label.SUBSTITUTE_OFFER,
    Label.CANCELLATION_PROBING,
    Label.DELAY_NOTICE,
    Label.INVENTORY_CANCELLATION,
)


def evidence(hits: tuple[RuleHit, ...] = (), failed: tuple[str, ...] = (), **scores: float) -> Evidence:
    given = tuple(LabelScore(lb, scores.get(lb.value, 0.01), SPAN, SENTENCE) for lb in LABELS)
    return Evidence(
        rules=RuleEvidence(hits, failed, "rules-test"),
        model=ModelEvidence(given, "model-test"),
        form=(),
        language=LanguageGuess("en", "full"),
        thresholds=dict.fromkeys(LABELS, Thresholds(possible=0.2, asserted=0.5, sure=0.9)),
    )


def hit(label: Label | None, strength: str = "strong", when: str = "always", status: str = "live") -> RuleHit:
    return RuleHit("t.rule", label, strength, status, SPAN, SENTENCE, "", "", "", when)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scores", "decision"),
    [
        ({"substitute_offer": 0.95}, "block"),
        ({"cancellation_probing": 0.95}, "block"),
        ({"substitute_offer": 0.5}, "warn"),
        ({"substitute_offer": 0.95, "inventory_cancellation": 0.95}, "block"),
        ({"substitute_offer": 0.19, "delay_notice": 0.95}, "allow"),
        ({"delay_notice": 0.95}, "allow"),
        ({"address_request": 0.25}, "allow"),
        ({}, "warn"),
    ],
)
def test_the_decision_follows_the_scores(scores: dict[str, float], decision: str) -> None:
    assert POLICY.decide(evidence(**scores)).decision == decision


def test_every_finding_says_why_what_to_do_and_cites_the_policy() -> None:
    titles = {section.title for section in POLICY.sections.values()}
    for scores in ({"substitute_offer": 0.95}, {"cancellation_probing": 0.4}, {}, {"delay_notice": 0.9}):
        for finding in POLICY.decide(evidence(**scores)).findings:
            assert finding.message
            assert finding.guidance
            assert finding.policy_ref in titles


def test_a_strong_rule_blocks_where_the_model_says_so_too_and_warns_where_it_does_not() -> None:
    assert POLICY.decide(evidence((hit(SUBSTITUTE),), substitute_offer=0.6)).decision == "block"
    assert POLICY.decide(evidence((hit(SUBSTITUTE),), substitute_offer=0.3)).decision == "warn"
    assert POLICY.decide(evidence((hit(SUBSTITUTE),), substitute_offer=0.01, delay_notice=0.9)).decision == "warn"


def test_weak_and_shadow_rules_decide_nothing() -> None:
    assert POLICY.decide(evidence((hit(SUBSTITUTE, "weak"),), delay_notice=0.9)).decision == "allow"
    verdict = POLICY.decide(evidence((hit(SUBSTITUTE, status="shadow"),), delay_notice=0.9))
    assert verdict.decision == "allow"
    assert verdict.shadow_hits == ("t.rule",)


@pytest.mark.parametrize(("cancelled_by", "decision"), [("customer", "block"), ("merchant", "allow"), (None, "allow")])
def test_an_invitation_to_order_again_is_judged_by_who_cancelled(cancelled_by: str | None, decision: str) -> None:
    invited = evidence((hit(PROBING, when="customer_cancelled"),), inventory_cancellation=0.9)
    assert POLICY.decide(invited, Order(cancelled_by=cancelled_by)).decision == decision  # type: ignore[arg-type]


def test_where_the_merchant_cancelled_nothing_is_probing() -> None:
    probing = evidence(cancellation_probing=0.99, inventory_cancellation=0.9)
    verdict = POLICY.decide(probing, Order(cancelled_by="merchant"))
    assert verdict.decision == "allow"
    assert PROBING not in verdict.labels


def test_an_open_invitation_is_allowed_with_advice() -> None:
    invited = evidence((hit(PROBING, when="customer_cancelled"),), delay_notice=0.9, cancellation_probing=0.15)
    found = POLICY.decide(invited).findings
    assert "reorder-if-you-cancelled" in {finding.id for finding in found}


def test_failed_rules_and_an_overrun_budget_make_the_judge_cautious() -> None:
    assert POLICY.decide(evidence(failed=("x.y",), delay_notice=0.9)).decision == "warn"
    assert POLICY.decide(replace(evidence(delay_notice=0.9), complete=False)).decision == "warn"


def test_a_language_that_we_cannot_judge_is_never_allowed() -> None:
    foreign = replace(evidence(delay_notice=0.9), language=LanguageGuess("pl", "none"))
    verdict = POLICY.decide(foreign)
    assert verdict.decision == "warn"
    assert "language-not-judged" in {finding.id for finding in verdict.findings}


def test_an_order_that_the_source_does_not_know_is_a_warning() -> None:
    assert POLICY.decide(evidence(delay_notice=0.9), Order(unknown_to_source=True)).decision == "warn"


@pytest.mark.parametrize(
    ("kind", "decision"),
    [("subject-empty", "warn"), ("body-one-word", "warn"), ("support-id-malformed", "warn"), ("subject-vague", "allow"),
     ("missing-next-step", "allow")],
)  # fmt: skip
def test_faults_of_the_form_weigh_what_the_policy_says(kind: str, decision: str) -> None:
    faulty = replace(evidence(delay_notice=0.9), form=(FormFault(kind, None, "subject"),))
    assert POLICY.decide(faulty).decision == decision


def test_a_delay_is_reminded_of_the_sla() -> None:
    verdict = POLICY.decide(evidence(delay_notice=0.9))
    assert [r.id for r in verdict.reminders] == ["reply-within-one-business-day", "delay-does-not-excuse-sla"]


def test_the_replacement_covers_the_whole_sentence_at_fault() -> None:
    first = POLICY.decide(evidence(substitute_offer=0.95)).findings[0]
    assert first.replacement
    assert (first.replace_start, first.replace_end) == (0, 20)


def test_rules_alone_judge_where_there_is_no_model() -> None:
    alone = replace(evidence((hit(STOCK),)), model=None)
    assert POLICY.decide(alone).decision == "allow"
    assert POLICY.decide(replace(evidence((hit(SUBSTITUTE),)), model=None)).decision == "block"


def test_a_policy_file_that_lacks_an_entry_is_refused_by_name(tmp_path: object) -> None:
    from pathlib import Path

    path = Path(str(tmp_path)) / "policy.toml"
    path.write_text(POLICY_FILE.read_text().replace("[label.delay_notice]", "[label.late_notice]"))
    with pytest.raises(ValueError, match=r"policy\.toml.*delay_notice"):
        Policy.load(path)
