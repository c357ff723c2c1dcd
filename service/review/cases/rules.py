"""The rules of a case's life: who may act on it, what a decision means, and which state follows. Reads no database."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Literal, get_args

from classifier import Decision, Label
from classifier.policy.policy import Policy
from service.storage.outbox import UNDO_TIME

Outcome = Literal["uphold", "overturn", "relabel"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
"""The acts of a reviewer that give a case its labels; every other act only moves the case."""
REOPEN_TIME = timedelta(days=1)
"""How long the reviewer who closed a case may open it again. A lead may at any time."""
StateName = Literal["open", "second", "disputed", "decided"]
Role = Literal["reviewer", "lead", "administrator", "auditor"]


@dataclass(frozen=True, slots=True)
class ReviewerDecision:
    """What one reviewer decided about a case. Decisions that were undone are left out."""

    reviewer: str
    outcome: Outcome
    labels: frozenset[Label]
    by_lead: bool


@dataclass(frozen=True, slots=True)
class CaseLock:
    """The reviewer who holds a case, and until when. `reviewer` is None where nobody holds it."""

    reviewer: str | None
    until: datetime | None

    def holder(self, now: datetime) -> str | None:
        """The reviewer who holds the case at `now`; None after the lock has expired."""
        return self.reviewer if self.reviewer and self.until and self.until > now else None


@dataclass(frozen=True, slots=True)
class CaseState:
    """Everything that determines who may act on a case."""

    state: StateName
    lock: CaseLock
    decisions: tuple[ReviewerDecision, ...]
    held: bool = False
    """Whether the lock is a hold or a hand-over. While it lasts, the queue offers the case to nobody else."""


@cache
def prohibited_labels() -> frozenset[Label]:
    """The labels that the policy prohibits (policy.toml)."""
    policy = Policy.load()
    return frozenset(label for label in Label if policy.is_prohibited(label))


def decision_of(labels: Collection[Label]) -> Decision:
    """The decision that follows from the labels alone, according to the labelling guide."""
    if prohibited_labels() & set(labels):
        return "block"
    return "allow" if labels else "warn"


def decision_is_correct(machine: Decision, labels: Collection[Label], *, form_at_fault: bool = False) -> bool:
    """Whether the stored decision is correct for a draft that carries `labels`.

    A warning is correct for every draft that should not go out unchanged: a prohibited draft, a draft without a
    reason, a draft whose form is at fault.
    """
    truth = decision_of(labels)
    if machine == "warn":
        return form_at_fault or truth != "allow"
    return truth == machine


def outcome_fits(
    outcome: Outcome, machine: Decision, labels: Collection[Label], *, form_at_fault: bool = False
) -> bool:
    """Whether an outcome goes together with the labels. To overturn a warning is to say that nothing was wrong with
    the form either."""
    if outcome == "relabel":
        return True
    if outcome == "uphold":
        return decision_is_correct(machine, labels, form_at_fault=form_at_fault)
    return not decision_is_correct(machine, labels)


def proposed_labels(
    outcome: Outcome, asserted: Collection[Label], flagged: Collection[Label], machine: Decision
) -> frozenset[Label]:
    """The labels that an uphold or overturn means when the reviewer has not changed a label.

    `flagged` are the labels of findings that warn or block. Upholding adds them; overturning removes the prohibited
    labels.
    """
    if outcome == "overturn":
        return frozenset(asserted) - prohibited_labels()
    return frozenset(asserted) | frozenset(flagged) if machine != "allow" else frozenset(asserted)


def refusal_reason(reviewer: str, role: Role, state: CaseState, now: datetime) -> str | None:
    """Why this reviewer may not decide the case now, as a sentence; None where the reviewer may decide."""
    holder = state.lock.holder(now)
    if role == "auditor":
        return "An auditor reads and does not decide."
    if state.state == "decided":
        return "This case is decided."
    if any(decision.reviewer == reviewer for decision in state.decisions):
        return "You have decided this case already; it awaits somebody else."
    if state.state == "disputed" and role == "reviewer":
        return "Two reviewers disagree; a lead decides."
    if holder and holder != reviewer:
        return f"This case is kept for {holder}." if state.held else f"{holder} is working on this case."
    return None


def next_state(decisions: tuple[ReviewerDecision, ...], *, second_wanted: bool) -> StateName:
    """The state of a case after `decisions`, which are in order of time."""
    if not decisions:
        return "open"
    if decisions[-1].by_lead and len(decisions) > 1:
        return "decided"
    if len(decisions) == 1:
        return "second" if second_wanted else "decided"
    first, second = decisions[0], decisions[1]
    return "decided" if first.labels == second.labels else "disputed"


def may_undo(reviewer: str, decided_by: str, decided_at: datetime, now: datetime) -> bool:
    """Whether a reviewer may undo a decision: only the reviewer who made it, within UNDO_TIME."""
    return reviewer == decided_by and now - decided_at <= UNDO_TIME


def reopening_refused(reviewer: str, role: Role, decided_by: str | None, decided_at: datetime, now: datetime) -> str:
    """Why this reviewer may not open a decided case again, as a sentence; empty where they may."""
    if role == "auditor":
        return "An auditor reads and does not decide."
    if role != "reviewer" or (reviewer == decided_by and now - decided_at <= REOPEN_TIME):
        return ""
    return "Whoever decided a case may reopen it for a day; after that, and for others, a lead does."
