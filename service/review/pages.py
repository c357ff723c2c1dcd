"""The desk's pages: templates, headers that allow nothing inline or foreign, and refusals a person can read."""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from service.errors import ServiceError
from service.review import words
from service.review.people import Reviewer

HERE = Path(__file__).parent
TEMPLATES = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined)
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
    ("/rules", "Rules", "lead"),
    ("/numbers", "Numbers", "read"),
    ("/agreement", "Agreement", "read"),
    ("/audit", "Audit", "audit"),
    ("/out", "Export", "export"),
    ("/people", "People", "people"),
)
SAID = {
    "done": ("", "Nothing more waits here."),
    "undone": ("", "Taken back. The case is yours again."),
    "released": ("", "Released to the others."),
    "held": ("", "Kept for you until tomorrow, in “Kept for me”."),
    "handed": ("", "Handed over."),
    "view": ("", "The view is kept."),
    "dropped": ("", "The view is removed."),
    "saved": ("", "Saved."),
    "published": ("", "Published: it is live in a few seconds."),
    "shadow": ("", "In shadow within a few seconds: its hits are counted, it has no say."),
    "ended": ("", "Out of shadow. The live rule was not touched."),
    "rolled": ("", "Rolled back."),
}
_CONTEXT = {
    "words": {
        "label": words.LABEL, "prohibited": words.PROHIBITED_LABELS, "decision": words.DECISION,
        "severity": words.SEVERITY, "witness": words.WITNESS, "kind": words.KIND, "queue": words.QUEUE,
        "state": words.STATE, "outcome_verb": words.VERB,
    },
    "ago": words.ago, "due_words": words.due, "pages": NAVIGATION,
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
        "said": {"kind": kind, "words": said} if said else None,
    }  # fmt: skip
    html = TEMPLATES.get_template(template).render(common | values)
    return HTMLResponse(html, status, HEADERS)


def go(request: Request, path: str) -> RedirectResponse:
    """Go on to another page of the desk, by GET."""
    return RedirectResponse(base_of(request) + path, 303, HEADERS)


class PageRoute(APIRoute):
    """A route whose refusals are pages, unless a script asked."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's handler with refusals rendered for a person."""
        handle = super().get_route_handler()

        async def readable(request: Request) -> Response:
            try:
                return await handle(request)
            except ServiceError as error:
                if "text/html" not in request.headers.get("accept", ""):
                    raise
                if error.status == 401:
                    return go(request, "/login")
                return page(request, "refusal.html", None, status=error.status, detail=error.detail)

        return readable
