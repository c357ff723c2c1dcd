"""Taking reviewed cases out: by a person at the desk, or by a caller whose key has the right `review-export`."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse

from service.dependencies import Services, ServicesDep, SessionDep, admit
from service.review.auth.access import PostedForm, allowed, posting
from service.review.auth.roles import Reviewer
from service.review.export.files import exported, format_of, read_filter
from service.review.export.formats import FORMATS
from service.review.export.tickets import NO_LABEL, TicketFilter, preview
from service.review.web.pages import HEADERS, PageRoute, page

router = APIRouter(prefix="/review", include_in_schema=False, route_class=PageRoute)


SHOWN = 10


@router.get("/out", response_class=HTMLResponse)
def out(
    request: Request, services: ServicesDep, session: SessionDep, me: Annotated[Reviewer, Depends(allowed("export"))]
) -> Response:
    """What would be taken out: how many, and the newest of them."""
    asked = read_filter(request.query_params)
    whole, shown = preview(session, services.encryptor, asked, SHOWN)
    return page(
        request, "export/export.html", me, here="Export", ready=whole, shown=shown, asked=asked, formats=FORMATS,
        no_label=NO_LABEL, rules=sorted(rule.id for rule in services.screeners.screener.book.rules),
    )  # fmt: skip


@router.post("/out")
def take_out(services: ServicesDep, sent: Annotated[PostedForm, Depends(posting("export"))]) -> Response:
    """The tickets as a file."""
    texts = {name: sent.text(name, 200) for name in ("label", "rule", "merchant", "since", "until")}
    return _file(services, sent.text("format", 20), read_filter(texts), sent.me.name)


@router.get("/export")
async def export(request: Request, services: ServicesDep, format: str = "jsonl") -> Response:
    """The same for a script with a key."""
    caller = await admit(request, "review-export")
    asked = read_filter(request.query_params)
    return await run_in_threadpool(_file, services, format, asked, f"key:{caller.prefix}")


def _file(services: Services, format: str, asked: TicketFilter, actor: str) -> Response:
    _, media, ending = format_of(format)
    written, _ = exported(services.database, services.encryptor, format, asked, actor)
    name = f"reviewed-{datetime.now(UTC):%Y-%m-%d}.{ending}"
    headers = {**HEADERS, "content-disposition": f'attachment; filename="{name}"'}
    return Response(written, media_type=media, headers=headers)
