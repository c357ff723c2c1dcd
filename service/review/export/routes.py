"""Taking reviewed cases out: by a person at the desk, or by a caller whose key has the right `review-export`."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse
from sqlalchemy import func, select

from service.dependencies import Services, ServicesDep, SessionDep, admit
from service.http.errors import ServiceError
from service.review.auth.access import PostedForm, allowed, posting
from service.review.auth.roles import Reviewer
from service.review.export.formats import FORMATS
from service.review.export.tickets import tickets
from service.review.web.pages import HEADERS, PageRoute, page
from service.storage.audit import note
from service.storage.tables.review import CaseRow

router = APIRouter(prefix="/review", include_in_schema=False, route_class=PageRoute)


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """Which tickets, in which format; days are both included."""

    format: str
    since: date | None
    until: date | None

    @classmethod
    def read(cls, format: str, since: str, until: str) -> "ExportRequest":
        """Raises the 422 naming the field."""
        if format not in FORMATS:
            raise ServiceError(422, f"format: one of {', '.join(FORMATS)}.")
        return cls(format, _day("since", since), _day("until", until))


@router.get("/out", response_class=HTMLResponse)
def out(request: Request, session: SessionDep, me: Annotated[Reviewer, Depends(allowed("export"))]) -> Response:
    """What there is to take out."""
    ready = session.scalar(select(func.count()).select_from(CaseRow).where(CaseRow.decided_at.is_not(None)))
    return page(request, "export/export.html", me, here="Export", ready=ready or 0, formats=FORMATS)


@router.post("/out")
def take_out(services: ServicesDep, sent: Annotated[PostedForm, Depends(posting("export"))]) -> Response:
    """The tickets as a file."""
    asked = ExportRequest.read(sent.text("format", 20), sent.text("since", 20), sent.text("until", 20))
    return _file(services, asked, sent.me.name)


@router.get("/export")
async def export(
    request: Request, services: ServicesDep, format: str = "jsonl", since: str = "", until: str = ""
) -> Response:
    """The same for a script with a key."""
    caller = await admit(request, "review-export")
    return await run_in_threadpool(_file, services, ExportRequest.read(format, since, until), f"key:{caller.prefix}")


def _file(services: Services, asked: ExportRequest, actor: str) -> Response:
    write, media, ending = FORMATS[asked.format]
    start = datetime.combine(asked.since, time(), UTC) if asked.since else None
    end = datetime.combine(asked.until + timedelta(days=1), time(), UTC) if asked.until else None
    with services.database.reading() as session:
        found = list(tickets(session, services.encryptor, start, end))
    with services.database.writing() as session:
        after = {"format": asked.format, "tickets": len(found), "since": str(asked.since), "until": str(asked.until)}
        note(session, actor, "exported", "tickets", after=after)
    name = f"reviewed-{datetime.now(UTC):%Y-%m-%d}.{ending}"
    headers = {**HEADERS, "content-disposition": f'attachment; filename="{name}"'}
    return Response(write(found), media_type=media, headers=headers)


def _day(name: str, text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ServiceError(422, f"{name}: a day as YYYY-MM-DD.") from None
