"""The state of a case, read from its rows: the decisions that stand, the lock, and the state that follows."""

from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, exists, func, not_, or_, select
from sqlalchemy.orm import Session, aliased

from classifier import Label
from service.review.cases.rules import OUTCOMES, CaseLock, CaseState, ReviewerDecision, StateName, next_state
from service.storage.tables.review import CaseDecisionRow, CaseRow, UserRow

_Undo = aliased(CaseDecisionRow)
LEADS = ("lead", "administrator")


def not_undone() -> ColumnElement[bool]:
    """The condition on CaseDecisionRow that no later row of the same case undoes the row. An undo itself meets it."""
    undone = exists().where(_Undo.case_id == CaseDecisionRow.case_id, _Undo.undoes == CaseDecisionRow.id)
    return not_(undone)


def has_outcome() -> ColumnElement[bool]:
    """The condition on CaseDecisionRow that the row is a reviewer's decision that stands."""
    return and_(CaseDecisionRow.action.in_(OUTCOMES), not_undone())


def in_this_round() -> ColumnElement[bool]:
    """The condition on CaseDecisionRow and CaseRow that the row came after the case last began to wait."""
    return CaseDecisionRow.id > func.coalesce(CaseRow.earlier_round, 0)


def decision_rows(session: Session, case_id: str) -> list[CaseDecisionRow]:
    """Every act on a case, the oldest first, undone ones included."""
    query = select(CaseDecisionRow).where(CaseDecisionRow.case_id == case_id).order_by(CaseDecisionRow.id)
    return list(session.scalars(query))


def reviewer_decisions(session: Session, case: CaseRow) -> tuple[ReviewerDecision, ...]:
    """The decisions on the draft that stand, the oldest first."""
    query = select(CaseDecisionRow).join(CaseRow, CaseRow.id == CaseDecisionRow.case_id)
    query = query.where(CaseRow.id.in_(_of_one_draft(case)), has_outcome(), in_this_round())
    rows = list(session.scalars(query.order_by(CaseDecisionRow.id)))
    people = _people(session, {row.actor_id for row in rows})
    return tuple(_reviewer_decision(row, people[row.actor_id]) for row in rows)


def _of_one_draft(case: CaseRow) -> Select[str]:
    """The ids of a case and, while it waits, of the others of its draft that wait: their decisions count together."""
    ids = select(CaseRow.id).where(CaseRow.screening_id == case.screening_id)
    if case.decided_at:
        return ids.where(CaseRow.id == case.id)
    return ids.where(or_(CaseRow.id == case.id, CaseRow.decided_at.is_(None)))


def second_wanted(session: Session, case: CaseRow) -> bool:
    """Whether two people read the draft: what one of its waiting cases asks for holds for all."""
    query = select(CaseRow.id).where(CaseRow.id.in_(_of_one_draft(case)), CaseRow.second_review)
    return case.second_review or session.scalar(query.limit(1)) is not None


def case_state(session: Session, case: CaseRow) -> CaseState:
    """Everything that determines who may act on a case now."""
    holder = session.get(UserRow, case.claimed_by) if case.claimed_by else None
    decisions = reviewer_decisions(session, case)
    state: StateName = (
        "decided" if case.decided_at else next_state(decisions, second_wanted=second_wanted(session, case))
    )
    lock = CaseLock(holder.name if holder else None, case.lock_expires_at)
    return CaseState(state, lock, decisions, held=case.state == "held")


def write_state(session: Session, case: CaseRow, now: datetime) -> StateName:
    """Write the state that follows from the decisions, and release the case. Returns the new state."""
    state = next_state(reviewer_decisions(session, case), second_wanted=second_wanted(session, case))
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


def _reviewer_decision(row: CaseDecisionRow, user: UserRow) -> ReviewerDecision:
    outcome = next(o for o in OUTCOMES if o == row.action)
    return ReviewerDecision(user.name, outcome, labels_of(row.labels), user.role in LEADS)
