"""How a case stands, read from its rows: opinions that were not taken back, the lock, and what follows from them."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from classifier import Label
from service.review.cases.rules import Lock, Opinion, Standing, State, next_state
from service.storage.tables.review import CaseDecisionRow, CaseRow, UserRow

OUTCOMES = ("uphold", "overturn", "relabel")
LEADS = ("lead", "administrator")


def kept(rows: Iterable[CaseDecisionRow]) -> list[CaseDecisionRow]:
    """The decisions that nobody took back, oldest first."""
    rows = list(rows)
    undone = {row.undoes for row in rows if row.action == "undo"}
    return [row for row in rows if row.action != "undo" and row.id not in undone]


def decisions(session: Session, case_id: str) -> list[CaseDecisionRow]:
    """All that was done to a case, oldest first."""
    query = select(CaseDecisionRow).where(CaseDecisionRow.case_id == case_id).order_by(CaseDecisionRow.id)
    return list(session.scalars(query))


def opinions(session: Session, case: CaseRow) -> tuple[Opinion, ...]:
    """What reviewers said of a case, oldest first."""
    rows = [row for row in kept(decisions(session, case.id)) if row.action in OUTCOMES]
    people = _people(session, {row.actor_id for row in rows})
    return tuple(_opinion(row, people[row.actor_id]) for row in rows)


def standing(session: Session, case: CaseRow) -> Standing:
    """All that decides who may act on a case now."""
    holder = session.get(UserRow, case.claimed_by) if case.claimed_by else None
    said = opinions(session, case)
    state: State = "decided" if case.decided_at else next_state(said, second_wanted=case.second_review)
    lock = Lock(holder.name if holder else None, case.lock_expires_at)
    return Standing(state, lock, said, held=case.state == "held")


def put(session: Session, case: CaseRow, now: datetime) -> State:
    """Write the state that the opinions lead to into the case, and free it; the new state."""
    state = next_state(opinions(session, case), second_wanted=case.second_review)
    case.state = state
    case.decided_at = now if state == "decided" else None
    case.claimed_by = None
    case.lock_expires_at = None
    return state


def labels_of(text: str | None) -> frozenset[Label]:
    """Stored labels (joined by spaces)."""
    return frozenset(Label(word) for word in (text or "").split())


def _people(session: Session, ids: set[int]) -> dict[int, UserRow]:
    return {user.id: user for user in session.scalars(select(UserRow).where(UserRow.id.in_(ids)))}


def _opinion(row: CaseDecisionRow, user: UserRow) -> Opinion:
    outcome = next(o for o in OUTCOMES if o == row.action)
    return Opinion(user.name, outcome, labels_of(row.labels), user.role in LEADS)  # type: ignore[arg-type]
