"""Taking reviewed cases out: by a person at the desk, or by a caller whose key has the right `review-export`."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse
from sqlalchemy import func, select

from service.dependencies import Opened, Parts, PartsOf, admit
from service.http.errors import ServiceError
from service.review.auth.access import Posted, allowed, posting
from service.review.auth.roles import Reviewer
from service.review.export.formats import FORMATS
from service.review.export.tickets import tickets
from service.review.web.pages import HEADERS, PageRoute, page
from service.storage.audit import note
from service.storage.tables.review import CaseRow

router = APIRouter(prefix="/review", include_in_schema=False, route_class=PageRoute)


@dataclass(frozen=True, slots=True)
class Order:
    """Which tickets, in which format; days are both included."""

    format: str
    since: date | None
    until: date | None

    @classmethod
    def read(cls, format: str, since: str, until: str) -> "Order":
        """Raises the 422 naming the field."""
        if format not in FORMATS:
            raise ServiceError(422, f"format: one of {', '.join(FORMATS)}.")
        return cls(format, _day("since", since), _day("until", until))


@router.get("/out", response_class=HTMLResponse)
def out(request: Request, opened: Opened, me: Annotated[Reviewer, Depends(allowed("export"))]) -> Response:
    """What there is to take out."""
    ready = opened.scalar(select(func.count()).select_from(CaseRow).where(CaseRow.decided_at.is_not(None)))
    return page(request, "export/export.html", me, here="Export", ready=ready or 0, formats=FORMATS)


@router.post("/out")
def take_out(parts: PartsOf, sent: Annotated[Posted, Depends(posting("export"))]) -> Response:
    """The tickets as a file."""
    order = Order.read(sent.text("format", 20), sent.text("since", 20), sent.text("until", 20))
    return _file(parts, order, sent.me.name)


@router.get("/export")
async def export(request: Request, parts: PartsOf, format: str = "jsonl", since: str = "", until: str = "") -> Response:
    """The same for a script with a key."""
    caller = await admit(request, "review-export")
    return await run_in_threadpool(_file, parts, Order.read(format, since, until), f"key:{caller.prefix}")


def _file(parts: Parts, order: Order, actor: str) -> Response:
    write, media, ending = FORMATS[order.format]
    start = datetime.combine(order.since, time(), UTC) if order.since else None
    end = datetime.combine(order.until + timedelta(days=1), time(), UTC) if order.until else None
    with parts.database.reading() as session:
        found = list(tickets(session, parts.sealer, start, end))
    with parts.database.writing() as session:
        after = {"format": order.format, "tickets": len(found), "since": str(order.since), "until": str(order.until)}
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
