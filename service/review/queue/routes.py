"""The queue: its page, saved views, the start of the work, bulk decisions and undo."""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.dependencies import ServicesDep, SessionDep
from service.http.errors import ServiceError
from service.review.accounts.preferences import star, starred
from service.review.auth.access import DeciderForm, PostedForm, ReviewerDep, posted
from service.review.auth.roles import Reviewer
from service.review.case_page.notices import undo_notice
from service.review.cases.second_readings import final_decisions
from service.review.queue.counts import counts, total
from service.review.queue.filters import QueueFilter
from service.review.queue.listing import MOST_COUNTED, first_free, page, page_around
from service.review.queue.saved_views import drop_view, keep_view, views_of
from service.review.web.pages import PageRoute, go
from service.review.web.pages import page as render
from service.review.web.wording import QUEUE
from service.storage.tables.review import CaseRow, UserRow

router = APIRouter(prefix="/review", include_in_schema=False, route_class=PageRoute)


@router.get("", response_class=HTMLResponse)
def queue(request: Request, services: ServicesDep, session: SessionDep, me: ReviewerDep) -> Response:
    """The queue, filtered as the address says."""
    asked = QueueFilter.read(request.query_params)
    if asked.words and services.encryptor.encrypts:
        raise ServiceError(409, "The drafts are encrypted at rest, so their words cannot be searched.")
    at = request.query_params.get("at", "")[:32]
    if at and not asked.after:
        asked, at = page_around(session, asked, me, at)
    views = views_of(session, me)
    lines, next_place = page(session, services.encryptor, asked, me)
    view = request.query_params.get("view", "")
    return render(
        request, "queue/queue.html", me, here="Queue", title=QUEUE[asked.queue], filter=asked, rows=lines,
        total=total(session, asked, me), queues=counts(session, me),
        next_page=asked.page_after(next_place) if next_place else "", views=views,
        routed=[(one, total(session, QueueFilter.parse(one.query), me)) for one in views if one.routed_by],
        starred=starred(session, me), colleagues=_colleagues(session, me),
        view=int(view) if view.isdigit() else 0, choices=_choices(session, services.screeners.screener.book.rules),
        outcomes=final_decisions(session, [line.id for line in lines if line.decided_at]),
        encrypts=services.encryptor.encrypts,
        at=at, most_counted=MOST_COUNTED, undo=undo_notice(session, request, me, back="?" + asked.text),
    )  # fmt: skip


def _colleagues(session: Session, me: Reviewer) -> list[UserRow]:
    """To whom a lead may route a view."""
    if not me.may("lead"):
        return []
    query = select(UserRow).where(UserRow.disabled_at.is_(None), UserRow.role != "auditor", UserRow.id != me.id)
    return list(session.scalars(query.order_by(UserRow.name).limit(200)))


def _choices(session: Session, rules: tuple[object, ...]) -> dict[str, list[str]]:
    return {
        "models": _values(session, CaseRow.model_version)[::-1],
        "languages": _values(session, CaseRow.language),
        "rules": sorted(getattr(rule, "id", "") for rule in rules),
    }


def _values(session: Session, column: Any, most: int = 50) -> list[str]:
    """The values of an indexed column in order: one look into the index for each, however many cases there are."""
    found: list[str] = []
    while len(found) < most:
        query = select(func.min(column))
        following = session.scalar(query.where(column > found[-1]) if found else query)
        if following is None:
            break
        found.append(following)
    return found


@router.post("/next")
def start(request: Request, session: SessionDep, sent: DeciderForm) -> Response:
    """Open the case that is due first and free."""
    asked = QueueFilter.parse(sent.text("filter"))
    return next_case(request, session, asked, sent.me)


def next_case(request: Request, session: Session, asked: QueueFilter, me: Reviewer, **more: object) -> Response:
    """Go on to the first free case of a queue, or back to the queue where nothing is left."""
    case_id = first_free(session, asked, me)
    query = f"{asked.text}&{urlencode(more)}" if more else asked.text
    return go(request, f"/cases/{case_id}?{query}" if case_id else f"?{query}&said=done")


@router.post("/views")
def save_view(request: Request, session: SessionDep, sent: Annotated[PostedForm, Depends(posted)]) -> Response:
    """Keep a filter under a name."""
    asked = QueueFilter.parse(sent.text("filter"))
    whose = sent.text("whose", 20)
    view = keep_view(
        session, sent.me, sent.text("name", 60), asked, shared=whose == "all" or bool(sent.text("shared", 1)),
        to=int(whose) if whose.isdigit() else 0,
    )  # fmt: skip
    return go(request, f"?{asked.text}&view={view}&said=view")


@router.post("/star")
def put_star(request: Request, session: SessionDep, sent: Annotated[PostedForm, Depends(posted)]) -> Response:
    """Star the queue that is looked at, or take its star."""
    asked = QueueFilter.parse(sent.text("filter"))
    star(session, sent.me, asked.text, sent.text("name", 60), on=bool(sent.text("on", 1)))
    return go(request, f"?{asked.text}")


@router.post("/views/{view}/drop")
def remove_view(
    request: Request, session: SessionDep, sent: Annotated[PostedForm, Depends(posted)], view: int
) -> Response:
    """Remove a kept view."""
    drop_view(session, sent.me, view)
    return go(request, "?said=dropped")
