"""A case's life, without store or server."""

from datetime import UTC, datetime, timedelta

import pytest

from classifier import Label
from service.review.case_page.highlights import Highlight, pieces
from service.review.cases.rules import (
    CaseLock,
    CaseState,
    Outcome,
    ReviewerDecision,
    decision_is_correct,
    decision_of,
    may_undo,
    next_state,
    proposed_labels,
    refusal_reason,
)
from service.review.statistics.agreement import agreement, kappa

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SWAP, DELAY, STOCK = Label.SUBSTITUTE_OFFER, Label.DELAY_NOTICE, Label.INVENTORY_CANCELLATION
FREE = CaseLock(None, None)


def opinion(who: str, *labels: Label, by_lead: bool = False) -> ReviewerDecision:
    return ReviewerDecision(who, "uphold", frozenset(labels), by_lead)


@pytest.mark.parametrize(
    ("labels", "decision"), [((), "warn"), ((DELAY,), "allow"), ((SWAP,), "block"), ((STOCK, SWAP), "block")]
)
def test_labels_lead_to_the_decision_of_the_guide(labels: tuple[Label, ...], decision: str) -> None:
    assert decision_of(labels) == decision


@pytest.mark.parametrize(
    ("machine", "labels", "fault", "right"),
    [
        ("block", (SWAP,), False, True),
        ("block", (STOCK,), False, False),
        ("warn", (), False, True),
        ("warn", (SWAP,), False, True),
        ("warn", (DELAY,), False, False),
        ("warn", (DELAY,), True, True),
        ("allow", (DELAY,), False, True),
        ("allow", (), False, False),
    ],
)
def test_a_stored_decision_stands_or_falls_with_the_labels(
    machine: str, labels: tuple[Label, ...], fault: bool, right: bool
) -> None:
    assert decision_is_correct(machine, labels, form_at_fault=fault) is right  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("outcome", "machine", "expected"),
    [("uphold", "warn", {STOCK, SWAP}), ("overturn", "warn", {STOCK}), ("uphold", "allow", {STOCK})],
)
def test_an_untouched_decision_agrees_with_what_was_blamed_or_drops_it(
    outcome: Outcome, machine: str, expected: set[Label]
) -> None:
    assert proposed_labels(outcome, {STOCK}, {SWAP}, machine) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("decisions", "second", "state"),
    [
        ((), True, "open"),
        ((opinion("mira", SWAP),), False, "decided"),
        ((opinion("mira", SWAP),), True, "second"),
        ((opinion("mira", SWAP), opinion("jonas", SWAP)), True, "decided"),
        ((opinion("mira", SWAP), opinion("jonas", STOCK)), True, "disputed"),
        ((opinion("mira", SWAP), opinion("jonas", STOCK), opinion("lena", STOCK, by_lead=True)), True, "decided"),
    ],
)
def test_where_a_case_stands_follows_from_what_was_said(
    decisions: tuple[ReviewerDecision, ...], second: bool, state: str
) -> None:
    assert next_state(decisions, second_wanted=second) == state


@pytest.mark.parametrize(
    ("role", "standing", "word"),
    [
        ("auditor", CaseState("open", FREE, ()), "auditor"),
        ("reviewer", CaseState("decided", FREE, ()), "decided"),
        ("reviewer", CaseState("second", FREE, (opinion("mira", SWAP),)), "somebody else"),
        ("reviewer", CaseState("disputed", FREE, (opinion("a"), opinion("b"))), "lead"),
        ("reviewer", CaseState("open", CaseLock("jonas", NOW + timedelta(minutes=1)), ()), "jonas is working"),
        ("reviewer", CaseState("open", CaseLock("mira", NOW + timedelta(minutes=1)), ()), None),
        ("reviewer", CaseState("open", CaseLock("jonas", NOW), ()), None),
        ("lead", CaseState("disputed", FREE, (opinion("a"), opinion("b"))), None),
        ("reviewer", CaseState("open", CaseLock("jonas", NOW + timedelta(hours=1)), (), held=True), "kept for jonas"),
        ("reviewer", CaseState("open", CaseLock("jonas", NOW), (), held=True), None),
    ],
)
def test_who_may_decide(role: str, standing: CaseState, word: str | None) -> None:
    refused = refusal_reason("mira", role, standing, NOW)  # type: ignore[arg-type]
    assert refused is None if word is None else refused and word in refused


def test_undo_is_for_the_one_who_decided_and_for_thirty_seconds() -> None:
    assert may_undo("mira", "mira", NOW, NOW + timedelta(seconds=30))
    assert not may_undo("mira", "mira", NOW, NOW + timedelta(seconds=31))
    assert not may_undo("jonas", "mira", NOW, NOW)


def test_kappa_is_agreement_beyond_chance() -> None:
    # the textbook's 50 grants: 20 both yes, 15 both no, 5 and 10 apart
    answers = [(True, True)] * 20 + [(True, False)] * 5 + [(False, True)] * 10 + [(False, False)] * 15
    assert kappa(answers) == pytest.approx(0.4)
    assert kappa([(True, True)] * 3) is None
    rows = {row.label: row for row in agreement([(frozenset({SWAP}), frozenset()), (frozenset(), frozenset())])}
    assert (rows[SWAP].cases, rows[SWAP].same, rows[SWAP].both, rows[SWAP].either) == (2, 0.5, 0, 1)


def test_a_text_is_cut_where_marks_begin_and_end_and_nothing_is_lost() -> None:
    text = "we 🙂 send green instead"
    marks = [
        Highlight(5, 15, "rule", "substitute_offer", "block", "a", 1),
        Highlight(10, 23, "model", "substitute_offer", "warn", "b", 2),
        Highlight(20, 99, "model", None, "info", "outside", 3),
    ]
    cut = pieces(text, marks)
    assert "".join(piece.text for piece in cut) == text
    assert [(piece.text, [m.number for m in piece.marks]) for piece in cut] == [
        ("we 🙂 ", []),
        ("send ", [1]),
        ("green", [1, 2]),
        (" instead", [2]),
    ]
    assert cut[2].first == marks[0]
    assert [piece.spoken for piece in cut] == ["", "Substitute offer, findings 1, 2", "", ""]
    assert pieces("", []) == []
