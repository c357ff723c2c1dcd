"""The page of one's own decisions: each can be taken back while its time lasts, and reopened for a day."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.dependencies import ServicesDep, SessionDep
from service.review.auth.access import ReviewerDep
from service.review.auth.roles import Reviewer
from service.review.cases.own_decisions import OwnDecision, own_decisions
from service.review.cases.rules import REOPEN_TIME
from service.review.web.pages import PageRoute, page
from service.review.web.wording import split
from service.storage.encryption import Encryptor
from service.storage.outbox import UNDO_TIME
from service.storage.tables.review import CaseRow
from service.storage.tables.screenings import ScreeningRow

router = APIRouter(prefix="/review", include_in_schema=False, route_class=PageRoute)
LOOKED_BACK = timedelta(days=7)
SHOWN = 100


@dataclass(frozen=True, slots=True)
class OwnLine:
    """A decision as the page lists it. `left`: for how many seconds it can be taken back."""

    decision: OwnDecision
    subject: str
    machine: str
    labels: list[str]
    left: int
    reopenable: bool


@router.get("/mine", response_class=HTMLResponse)
def mine(request: Request, services: ServicesDep, session: SessionDep, me: ReviewerDep) -> Response:
    """What I decided in the last days, the newest first."""
    return page(request, "queue/own.html", me, here="My decisions", lines=_lines(session, services.encryptor, me))


def _lines(session: Session, encryptor: Encryptor, me: Reviewer) -> list[OwnLine]:
    now = datetime.now(UTC)
    found = own_decisions(session, me, now - LOOKED_BACK)[:SHOWN]
    query = select(CaseRow, ScreeningRow.draft).join(ScreeningRow, ScreeningRow.id == CaseRow.screening_id)
    known = {
        case.id: (case, draft)
        for case, draft in session.execute(query.where(CaseRow.id.in_([one.case_id for one in found])))
    }
    return [_line(encryptor, one, *known[one.case_id], now) for one in found]


def _line(encryptor: Encryptor, one: OwnDecision, case: CaseRow, draft: bytes | None, now: datetime) -> OwnLine:
    subject = encryptor.decrypt_draft(draft).subject.strip()[:200] if draft else "(text removed)"
    left = max(int((one.at + UNDO_TIME - now).total_seconds()), 0) if one.stands else 0
    reopenable = one.stands and not left and case.decided_at is not None and now - one.at <= REOPEN_TIME
    return OwnLine(one, subject, case.decision, split(one.labels), left, reopenable)
