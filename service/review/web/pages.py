"""The desk's pages: templates, headers that allow nothing inline or foreign, and refusals a person can read."""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool

from service.http.errors import ServiceError, invalid
from service.review.accounts.own_keys import own_keys
from service.review.auth.roles import Reviewer
from service.review.auth.sessions import COOKIE, signed_in_reviewer
from service.review.web import wording
from service.storage.database import UNAVAILABLE_ERRORS
from service.storage.outbox import UNDO_TIME

STATIC = Path(__file__).with_name("static")
TEMPLATES = Environment(loader=FileSystemLoader(Path(__file__).parents[1]), autoescape=True, undefined=StrictUndefined)
TEMPLATES.trim_blocks = TEMPLATES.lstrip_blocks = True
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}
NAVIGATION = (
    ("", "Queue", "read"),
    ("/mine", "My decisions", "decide"),
    ("/rules", "Rules", "lead"),
    ("/numbers", "Numbers", "read"),
    ("/agreement", "Agreement", "read"),
    ("/audit", "Audit", "audit"),
    ("/out", "Export", "export"),
    ("/people", "People", "people"),
)
SAID = {
    "none": ("", "Nothing was decided: others were faster."),
    "done": ("", "Nothing more waits here."),
    "undone": ("", "Taken back. The case is yours again."),
    "released": ("", "Released to the others."),
    "held": ("", "Kept for you until tomorrow, in “Kept for me”."),
    "handed": ("", "Handed over."),
    "reopened": ("", "Open again. The earlier decision no longer counts."),
    "wrote": ("", "Your words are kept with the case."),
    "view": ("", "The view is kept."),
    "dropped": ("", "The view is removed."),
    "saved": ("", "Saved."),
    "published": ("", "Published: it is live in a few seconds."),
    "shadow": ("", "In shadow within a few seconds: its hits are counted, it has no say."),
    "ended": ("", "Out of shadow. The live rule was not touched."),
    "rolled": ("", "Rolled back."),
    "off": ("", "Switched off: it no longer runs in a few seconds."),
}
_CONTEXT = {
    "words": {
        "label": wording.LABEL, "prohibited": wording.PROHIBITED_LABELS, "decision": wording.DECISION,
        "severity": wording.SEVERITY, "witness": wording.WITNESS, "kind": wording.KIND, "queue": wording.QUEUE,
        "state": wording.STATE, "action": wording.ACTION,
    },
    "undo_seconds": UNDO_TIME.seconds, "ago": wording.ago, "due_words": wording.due, "pages": NAVIGATION,
}  # fmt: skip


def base_of(request: Request) -> str:
    """The path of the desk, with the prefix that a proxy has taken off."""
    return str(request.scope.get("root_path", "")) + "/review"


def page(
    request: Request, template: str, me: Reviewer | None, *, status: int = 200, here: str = "", **values: Any
) -> HTMLResponse:
    """A page. `here` names the entry of the navigation it belongs to."""
    kind, said = SAID.get(request.query_params.get("said", ""), ("", ""))
    common = {
        **_CONTEXT, "base": base_of(request), "me": me, "here": here, "undo": None,
        "me_keys": _keys_of(request, me),
        "said": {"kind": kind, "words": said} if said else None,
    }  # fmt: skip
    html = TEMPLATES.get_template(template).render(common | values)
    return HTMLResponse(html, status, HEADERS)


def _keys_of(request: Request, me: Reviewer | None) -> dict[str, object]:
    """The reviewer's own keys; the usual ones while the store cannot be reached."""
    if me is None:
        return {}
    try:
        with request.app.state.services.database.reading() as session:
            return own_keys(session, me).plain()
    except UNAVAILABLE_ERRORS:
        return {}


def go(request: Request, path: str) -> RedirectResponse:
    """Go on to another page of the desk, by GET."""
    return RedirectResponse(base_of(request) + path, 303, HEADERS)


class PageRoute(APIRoute):
    """A route whose refusals are pages, unless a script asked."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's handler with refusals rendered for a person."""
        handle = super().get_route_handler()

        async def readable(request: Request) -> Response:
            if "text/html" not in request.headers.get("accept", ""):
                return await handle(request)
            try:
                return await handle(request)
            except ServiceError as error:
                return await _refusal(request, error)
            except RequestValidationError as error:
                return await _refusal(request, invalid(error.errors()))
            except UNAVAILABLE_ERRORS:
                return store_away(request)

        return readable


def store_away(request: Request) -> HTMLResponse:
    """The page that is shown while the store is away or says nothing."""
    away = "The store cannot be reached. Nothing of what you typed is lost; try again in a moment."
    return page(request, "web/refusal.html", None, status=503, detail=away, back="")


async def _refusal(request: Request, error: ServiceError) -> Response:
    if error.status == 401:
        return go(request, "/login" + _way_back(request))
    me = await run_in_threadpool(_reader, request)
    return page(request, "web/refusal.html", me, status=error.status, detail=error.detail, back=_came_from(request))


def _reader(request: Request) -> Reviewer | None:
    with request.app.state.services.database.reading() as session:
        return signed_in_reviewer(session, request.cookies.get(COOKIE))


def _came_from(request: Request) -> str:
    """The page of the desk that was refused something; empty where that is unknown, or where it is this address."""
    came = urlsplit(request.headers.get("referer", ""))
    if came.netloc != request.url.netloc or not came.path.startswith(base_of(request)):
        return ""
    return "" if came.path == request.url.path else came.path + (f"?{came.query}" if came.query else "")


def _way_back(request: Request) -> str:
    """Where to go on after signing in: the page asked for, or the page whose form was sent."""
    asked = str(request.url) if request.method == "GET" else request.headers.get("referer", "")
    path = urlsplit(asked).path.partition("/review")[2] + (f"?{query}" if (query := urlsplit(asked).query) else "")
    return "?" + urlencode({"next": path}) if path else ""
