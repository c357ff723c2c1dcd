"""One case: its page (which claims it), deciding, renewing the claim, holding and handing over, undo."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.dependencies import Services, ServicesDep, SessionDep
from service.http.errors import ServiceError
from service.review.auth.access import DeciderForm, PostedForm, ReviewerDep, posted
from service.review.auth.roles import Reviewer
from service.review.case_page.case_view import case_view
from service.review.case_page.notices import id_range, undo_notice
from service.review.case_page.replay import replay
from service.review.cases import claims
from service.review.cases.claims import claim, locked_case, refusal
from service.review.cases.decisions import NeedsLabelsError, decide, done_already, reopen, undo, why_not_reopened
from service.review.queue.filters import QueueFilter
from service.review.queue.listing import Position, first_free, page_around, position, step
from service.review.queue.listing import page as page_of_queue
from service.review.queue.ordering import place_of
from service.review.web.forms import read_decision_request
from service.review.web.pages import PageRoute, go, page
from service.storage.audit import note
from service.storage.tables.review import CaseDecisionRow, CaseRow, UserRow

router = APIRouter(prefix="/review", include_in_schema=False, route_class=PageRoute)


@router.get("/cases/{case_id}", response_class=HTMLResponse)
def show(request: Request, services: ServicesDep, me: ReviewerDep, case_id: str) -> Response:
    """The case. Opening it claims it where nobody else has, so that two never work on it unknowingly."""
    with services.database.writing() as session:
        case = locked_case(session, case_id)
        deciding = me.may("decide") and claim(session, case, me, _now(), services.settings.lock_seconds)
    with services.database.reading() as session:
        return _page(request, services, session, me, case_id, deciding=deciding)


def _page(
    request: Request, services: Services, session: Session, me: Reviewer, case_id: str, *, deciding: bool,
    status: int = 200, refused: str = "", typed: Mapping[str, Any] | None = None,
) -> Response:  # fmt: skip
    case = session.get(CaseRow, case_id)
    assert case is not None
    asked = QueueFilter.read(request.query_params)
    shown = case_view(session, services.encryptor, services.screeners.screener.policy, case, me)
    left = int((case.lock_expires_at - _now()).total_seconds()) if case.lock_expires_at else 0
    return page(
        request, "case_page/case.html", me, status=status, here="Queue",
        case=_Replayed(shown, replay(services, session, case)),
        filter=asked, place=_position(session, asked, me, case), deciding=deciding,
        why_not=refusal(session, case, me, _now()) or "", lock_left=max(left, 0),
        lock_whole=services.settings.lock_seconds, colleagues=_colleagues(session, me), refusal=refused,
        typed=typed or {"labels": shown.labels, "note": "", "reply": "", "evidence": "[]", "wrong_rules": []},
        why_closed=why_not_reopened(session, case, me, _now()) if case.decided_at else "",
        may_take=me.may("lead") and not deciding and shown.state != "decided",
        undo=undo_notice(session, request, me, back=f"/cases/{case_id}?{asked.text}"),
    )  # fmt: skip


def _position(session: Session, asked: QueueFilter, me: Reviewer, case: CaseRow) -> Position | None:
    return position(session, asked, me, case) if not case.decided_at or asked.queue == "decided" else None


class _Replayed:
    """A case file with its replay beside it, for the template."""

    def __init__(self, shown: Any, replayed: Any) -> None:
        self._shown = shown
        self.replay = replayed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._shown, name)


def _colleagues(session: Session, me: Reviewer) -> list[UserRow]:
    query = select(UserRow).where(UserRow.disabled_at.is_(None), UserRow.role != "auditor", UserRow.id != me.id)
    return list(session.scalars(query.order_by(UserRow.name).limit(200)))


@router.get("/cases/{case_id}/step")
def move(request: Request, services: ServicesDep, me: ReviewerDep, case_id: str, by: int = 1) -> Response:
    """Go to the next or the previous case of the queue; the one that is left is free for others."""
    asked = QueueFilter.read(request.query_params)
    with services.database.writing() as session:
        case = locked_case(session, case_id)
        claims.leave(session, case, me, _now())
        found = step(session, asked, me, case, by)
    return go(request, f"/cases/{found}?{asked.text}" if found else f"?{asked.text}&at={case_id}")


@router.get("/cases/{case_id}/leave")
def leave(request: Request, services: ServicesDep, me: ReviewerDep, case_id: str) -> Response:
    """Back to the list, where this case stands in it; the case is free for others."""
    asked = QueueFilter.read(request.query_params)
    with services.database.writing() as session:
        claims.leave(session, locked_case(session, case_id), me, _now())
    return go(request, f"?{asked.text}&at={case_id}")


@router.get("/cases/{case_id}/beside", response_class=HTMLResponse)
def beside(request: Request, services: ServicesDep, session: SessionDep, me: ReviewerDep, case_id: str) -> Response:
    """The list that a case stands in, for the side of a wide screen."""
    asked, at = page_around(session, QueueFilter.read(request.query_params), me, case_id)
    rows, _ = page_of_queue(session, services.encryptor, asked, me)
    return page(request, "case_page/beside.html", me, rows=rows, filter=asked, at=at)


@router.get("/cases/{case_id}/lock")
def lock(session: SessionDep, me: ReviewerDep, case_id: str) -> JSONResponse:
    """For how long somebody else has the case, and who; a page that waits for it asks."""
    case = session.get(CaseRow, case_id)
    if case is None:
        raise ServiceError(404, "No case has this id.")
    left = int((case.lock_expires_at - _now()).total_seconds()) if case.lock_expires_at else 0
    return JSONResponse({"left": max(left, 0), "why_not": refusal(session, case, me, _now())})


@router.post("/cases/{case_id}/renew")
def renew(services: ServicesDep, session: SessionDep, sent: DeciderForm, case_id: str) -> JSONResponse:
    """Lengthen the claim; the page asks while somebody is at it."""
    left = claims.renew(session, locked_case(session, case_id), sent.me, _now(), services.settings.lock_seconds)
    return JSONResponse({"left": left})


@router.post("/cases/{case_id}/decide")
def put_decision(request: Request, services: ServicesDep, sent: DeciderForm, case_id: str) -> Response:
    """Decide, and go on to the next case."""
    asked, decision_request = QueueFilter.parse(sent.text("filter")), read_decision_request(sent)
    try:
        with services.database.writing() as session:
            case = locked_case(session, case_id)
            place = place_of(case, asked.queue)
            ids = done_already(session, case, sent.me, decision_request)  # sent twice by a double click
            ids = ids or decide(session, services.encryptor, case, sent.me, decision_request, _now())
            following = first_free(session, asked, sent.me, place)
    except NeedsLabelsError as error:
        typed: dict[str, Any] = {name: sent.text(name, 50_000) for name in ("note", "reply", "evidence")}
        with services.database.reading() as session:
            return _page(
                request, services, session, sent.me, case_id, deciding=True, status=422, refused=error.detail,
                typed=typed | {"labels": sent.texts("label"), "wrong_rules": sent.texts("wrong_rule")},
            )  # fmt: skip
    done = f"undo={ids[0]}-{ids[-1]}"
    return go(request, f"/cases/{following}?{asked.text}&{done}" if following else f"?{asked.text}&said=done&{done}")


@router.post("/cases/{case_id}/keep")
def keep(request: Request, services: ServicesDep, session: SessionDep, sent: DeciderForm, case_id: str) -> Response:
    """Release a case, hold it, hand it over, or (leads) take it over."""
    case, now, asked = locked_case(session, case_id), _now(), QueueFilter.parse(sent.text("filter"))
    match sent.text("outcome", 20):
        case "release":
            claims.release(session, case, sent.me, now)
            return go(request, f"?{asked.text}&said=released")
        case "hold":
            claims.hold_for(session, case, sent.me, sent.me.id, now, _words(services, sent))
            return _onward(request, session, asked, sent.me, case, "held")
        case "hand":
            colleague = sent.text("to", 20)
            to = int(colleague) if colleague.isdigit() else 0
            claims.hold_for(session, case, sent.me, to, now, _words(services, sent))
            return _onward(request, session, asked, sent.me, case, "handed")
        case "take":
            claims.take_over(session, case, sent.me, now, services.settings.lock_seconds)
            return go(request, f"/cases/{case_id}?{asked.text}")
    raise ServiceError(422, "outcome: release, hold, hand or take.")


def _words(services: Services, sent: PostedForm) -> bytes | None:
    words = sent.text("words")
    return services.encryptor.encrypt(json.dumps({"note": words, "role": sent.me.role})) if words else None


def _onward(request: Request, session: Session, asked: QueueFilter, me: Reviewer, case: CaseRow, said: str) -> Response:
    session.flush()
    following = None if asked.queue == "mine" else first_free(session, asked, me, place_of(case, asked.queue))
    there = following if following != case.id else None
    return go(request, f"/cases/{there}?{asked.text}&said={said}" if there else f"?{asked.text}&said={said}")


@router.post("/cases/{case_id}/reopen")
def open_again(
    request: Request, services: ServicesDep, session: SessionDep, sent: DeciderForm, case_id: str
) -> Response:
    """Take back the last decision on a decided case, with a reason."""
    asked = QueueFilter.parse(sent.text("filter"))
    reopen(session, services.encryptor, locked_case(session, case_id), sent.me, sent.text("reason"), _now())
    return go(request, f"/cases/{case_id}?{asked.text}&said=reopened")


@router.post("/cases/{case_id}/comment")
def comment(request: Request, services: ServicesDep, session: SessionDep, sent: DeciderForm, case_id: str) -> Response:
    """Write something down about a case without deciding it."""
    case, asked, details = locked_case(session, case_id), QueueFilter.parse(sent.text("filter")), _words(services, sent)
    if details is None:
        raise ServiceError(422, "words: write something.")
    session.add(CaseDecisionRow(case_id=case.id, at=_now(), actor_id=sent.me.id, action="comment", details=details))
    note(session, sent.me.name, "commented", f"case:{case.id}")
    return go(request, f"/cases/{case_id}?{asked.text}&said=wrote")


@router.post("/undo")
def take_back(request: Request, session: SessionDep, sent: Annotated[PostedForm, Depends(posted)]) -> Response:
    """Undo the reviewer's own last acts, within UNDO_TIME, and return to the case."""
    ids = id_range(sent.text("decisions", 50))
    if ids is None:
        raise ServiceError(422, "decisions: a range of ids, first-last.")
    cases = undo(session, sent.me, *ids, _now())
    if sent.text("back") == "mine":
        return go(request, "/mine?said=undone")
    query = QueueFilter.parse(sent.text("back").partition("?")[2]).text
    return go(request, f"/cases/{cases[0]}?{query}&said=undone" if len(cases) == 1 else f"?{query}&said=undone")


def _now() -> datetime:
    return datetime.now(UTC)
