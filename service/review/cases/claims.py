"""Claims: who works on a case, for how long, and how it goes to somebody else. Each act is on the audit."""

from datetime import datetime, timedelta

from sqlalchemy import update
from sqlalchemy.orm import Session

from service.http.errors import ServiceError
from service.review.auth.roles import Reviewer
from service.review.cases.rules import refusal_reason
from service.review.cases.state import case_state, decision_rows, write_state
from service.storage.audit import note
from service.storage.tables.review import CaseDecisionRow, CaseRow, UserRow

HOLD = timedelta(days=1)


def locked_case(session: Session, case_id: str) -> CaseRow:
    """The case, kept from every other writer until the transaction ends. Raises the 404."""
    case = session.get(CaseRow, case_id, with_for_update=True) if len(case_id) <= 32 else None
    if case is None:
        raise ServiceError(404, "No case has this id.")
    return case


def refusal(session: Session, case: CaseRow, me: Reviewer, now: datetime) -> str | None:
    """Why this reviewer may not decide the case now; None where they may."""
    return refusal_reason(me.name, me.role, case_state(session, case), now)  # type: ignore[arg-type]


def claim(session: Session, case: CaseRow, me: Reviewer, now: datetime, seconds: int) -> bool:
    """Lock a case for a reviewer, or keep their lock; False where they may not decide it. A hold stays one: looking at
    what one keeps does not give it up."""
    if refusal(session, case, me, now):
        return False
    mine = case.claimed_by == me.id and case.lock_expires_at is not None and case.lock_expires_at > now
    if not mine:
        note(session, me.name, "claimed", f"case:{case.id}", after={"seconds": seconds})
        if case.state == "held":
            case.state = case_state(session, case).state
    case.claimed_by, case.lock_expires_at = me.id, _lengthened(case, now, seconds)
    return True


def _lengthened(case: CaseRow, now: datetime, seconds: int) -> datetime:
    """The end of a lock that lasts `seconds` more, or as long as it does already."""
    return max(case.lock_expires_at or now, now + timedelta(seconds=seconds))


def renew(session: Session, case: CaseRow, me: Reviewer, now: datetime, seconds: int) -> int:
    """Lengthen a lock; the seconds that it lasts now. Raises the 409 where it has run out or gone to somebody else."""
    if case.claimed_by != me.id or case.lock_expires_at is None or case.lock_expires_at <= now or case.decided_at:
        raise ServiceError(409, refusal(session, case, me, now) or "Your claim has run out.")
    case.lock_expires_at = _lengthened(case, now, seconds)
    note(session, me.name, "renewed", f"case:{case.id}")
    return int((case.lock_expires_at - now).total_seconds())


def release(session: Session, case: CaseRow, me: Reviewer, now: datetime) -> None:
    """Give a case back to the queue."""
    if case.claimed_by == me.id:
        write_state(session, case, now)
        note(session, me.name, "released", f"case:{case.id}")


def leave(session: Session, case: CaseRow, me: Reviewer, now: datetime) -> None:
    """Give back a case that one only looked at; what one holds stays held."""
    if case.state != "held" and case.decided_at is None:
        release(session, case, me, now)


def hold_for(
    session: Session, case: CaseRow, me: Reviewer, colleague: int, now: datetime, details: bytes | None = None
) -> str:
    """Hold a case for oneself, or hand it to a colleague, for a day; the colleague's name. `details`: encrypted words
    that go with it. Raises 404, 409."""
    if why := refusal(session, case, me, now):
        raise ServiceError(409, why)
    user = session.get(UserRow, colleague)
    if user is None or user.disabled_at or user.role == "auditor":
        raise ServiceError(404, "to: no such colleague.")
    case.state, case.claimed_by, case.lock_expires_at = "held", user.id, now + HOLD
    action = "hold" if user.id == me.id else "hand"
    session.add(CaseDecisionRow(case_id=case.id, at=now, actor_id=me.id, action=action, details=details))
    note(session, me.name, "held" if action == "hold" else "handed_over", f"case:{case.id}", after={"for": user.name})
    return user.name


def take_over(session: Session, case: CaseRow, me: Reviewer, now: datetime, seconds: int) -> None:
    """A lead takes a held or locked case over. Raises the 403, or the 409 of a decided case."""
    if not me.may("lead"):
        raise ServiceError(403, "Only a lead takes a case over.")
    before = session.get(UserRow, case.claimed_by) if case.claimed_by else None
    case.claimed_by = case.lock_expires_at = None
    if not claim(session, case, me, now, seconds):
        raise ServiceError(409, refusal(session, case, me, now) or "This case cannot be taken over.")
    note(session, me.name, "took_over", f"case:{case.id}", before={"by": before.name if before else None})


def release_all(session: Session, me: Reviewer) -> None:
    """Give back what a reviewer who leaves has claimed; what they hold stays held."""
    session.execute(
        update(CaseRow)
        .where(CaseRow.claimed_by == me.id, CaseRow.state != "held", CaseRow.decided_at.is_(None))
        .values(claimed_by=None, lock_expires_at=None)
    )


def last_seen(session: Session, case_id: str) -> int:
    """The id of the newest thing done to a case; 0 where nothing was. A form that saw an older one is out of date."""
    rows = decision_rows(session, case_id)
    return rows[-1].id if rows else 0
