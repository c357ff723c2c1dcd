"""A case's life, pure: who may do what to it now, what a decision means, and what follows from it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from classifier import Decision, Label

Outcome = Literal["uphold", "overturn", "relabel"]
State = Literal["open", "second", "disputed", "decided"]
Role = Literal["reviewer", "lead", "administrator", "auditor"]

PROHIBITED = frozenset({Label.SUBSTITUTE_OFFER, Label.CANCELLATION_PROBING})
UNDO = timedelta(seconds=30)
"""How long a decision may be taken back by the one who made it."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one reviewer said of a case; undone decisions are not among opinions."""

    reviewer: str
    outcome: Outcome
    labels: frozenset[Label]
    by_lead: bool


@dataclass(frozen=True, slots=True)
class Lock:
    """Who holds a case and until when; `reviewer` None is nobody."""

    reviewer: str | None
    until: datetime | None

    def holder(self, now: datetime) -> str | None:
        """The reviewer who holds the case at `now`, or None once the lock has run out."""
        return self.reviewer if self.reviewer and self.until and self.until > now else None


@dataclass(frozen=True, slots=True)
class Standing:
    """All that decides who may act on a case."""

    state: State
    lock: Lock
    opinions: tuple[Opinion, ...]
    held: bool = False
    """Whether the lock is a hold, or was handed over: nobody else is offered the case while it lasts."""


def decision_of(labels: Collection[Label]) -> Decision:
    """The decision that the labels alone lead to, as the labelling guide has it."""
    if PROHIBITED & set(labels):
        return "block"
    return "allow" if labels else "warn"


def stands(machine: Decision, labels: Collection[Label], *, form_at_fault: bool = False) -> bool:
    """Whether the stored decision is right if the draft truly carries `labels`.

    A warning is right for whatever should not simply go out: a prohibited draft, one without a reason, a faulty form.
    """
    truth = decision_of(labels)
    if machine == "warn":
        return form_at_fault or truth != "allow"
    return truth == machine


def proposed(
    outcome: Outcome, asserted: Collection[Label], blamed: Collection[Label], machine: Decision
) -> frozenset[Label]:
    """The labels an untouched uphold or overturn stands for.

    `blamed` are labels of findings that warn or block: upholding agrees with them, overturning drops them.
    """
    if outcome == "overturn":
        return frozenset(asserted) - PROHIBITED
    return frozenset(asserted) | frozenset(blamed) if machine != "allow" else frozenset(asserted)


def why_not(reviewer: str, role: Role, standing: Standing, now: datetime) -> str | None:
    """Why this reviewer may not decide the case now, in plain words; None where they may."""
    holder = standing.lock.holder(now)
    if role == "auditor":
        return "An auditor reads and does not decide."
    if standing.state == "decided":
        return "This case is decided."
    if any(opinion.reviewer == reviewer for opinion in standing.opinions):
        return "You have decided this case already; it awaits somebody else."
    if standing.state == "disputed" and role == "reviewer":
        return "Two reviewers disagree; a lead decides."
    if holder and holder != reviewer:
        return f"This case is kept for {holder}." if standing.held else f"{holder} is working on this case."
    return None


def next_state(opinions: tuple[Opinion, ...], *, second_wanted: bool) -> State:
    """Where a case stands after `opinions`, in the order in which they were given."""
    if not opinions:
        return "open"
    if opinions[-1].by_lead and len(opinions) > 1:
        return "decided"
    if len(opinions) == 1:
        return "second" if second_wanted else "decided"
    first, second = opinions[0], opinions[1]
    return "decided" if first.labels == second.labels else "disputed"


def may_undo(reviewer: str, decided_by: str, decided_at: datetime, now: datetime) -> bool:
    """Whether a decision can still be taken back: by its maker, within the undo time."""
    return reviewer == decided_by and now - decided_at <= UNDO
