"""The compose box over HTTP: the demonstration page, the widget's module, and the demonstration's proxy."""

import gzip
import hashlib
import tomllib
from collections.abc import Callable, Coroutine
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from classifier.draft import Context
from service.compose.bundling import STATIC, TRANSLATED, bundled_widget, language_module
from service.compose.demo_proxy import call, demo_key, forward
from service.compose.schemas import SentDraft
from service.style import TOKENS_CSS

HERE = Path(__file__).parent
KINDS = {"draft-screen.js": "text/javascript", "draft-screen.d.ts": "text/plain",
         "compose.js": "text/javascript", "compose.css": "text/css"}  # fmt: skip
WORDS = {f"draft-screen.{language}.js": language for language in TRANSLATED}
KINDS |= dict.fromkeys(WORDS, "text/javascript")
PAGES = Environment(
    loader=FileSystemLoader(HERE / "templates"), autoescape=select_autoescape(), undefined=StrictUndefined
)
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'self'; require-trusted-types-for 'script'"
)
"""The page's Content-Security-Policy: nothing inline, nothing from elsewhere, no text ever read as markup."""


class DemoRoute(APIRoute):
    """A route that reads no body unless the demonstration is on."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's handler, which is not there for a body without the demonstration."""
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            if request.method not in ("GET", "HEAD"):
                demo_on(request)
            return await handle(request)

        return guarded


router = APIRouter(include_in_schema=False, route_class=DemoRoute)


def demo_on(request: Request) -> None:
    """Guards the proxy: without the demonstration there is no caller to speak for."""
    if demo_key(request) is None:
        raise HTTPException(404, "The demonstration is off on this service.")


DEMO = [Depends(demo_on)]


@router.get("/compose", response_class=HTMLResponse)
def page(request: Request) -> HTMLResponse:
    """The Contact Customer form, rebuilt."""
    return _page(request, "compose.html", examples("example"))


@router.get("/compose/reply", response_class=HTMLResponse)
def reply_page(request: Request) -> HTMLResponse:
    """A ticket in which a customer has written, and the form that answers them."""
    return _page(request, "reply.html", examples("thread"))


def _page(request: Request, template: str, tries: list[dict[str, Any]]) -> HTMLResponse:
    base = request.scope.get("root_path", "") + "/compose"
    html = PAGES.get_template(template).render(base=base, demo=bool(demo_key(request)), examples=tries)
    return HTMLResponse(html, headers={"content-security-policy": POLICY, "referrer-policy": "no-referrer"})


@router.get("/compose/{name}")
def asset(request: Request, name: str) -> Response:
    """The widget as one module, its types, and the page's own files."""
    if name not in KINDS:
        raise HTTPException(404, "There is no such file.")
    body, zipped, tag = _asset(name)
    headers = {"etag": tag, "cache-control": "no-cache", "access-control-allow-origin": "*", "vary": "accept-encoding"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(zipped, media_type=KINDS[name], headers=headers | {"content-encoding": "gzip"})
    return Response(body, media_type=KINDS[name], headers=headers)


@router.post("/compose/screen", dependencies=DEMO)
async def screen(request: Request) -> Response:
    """The proxy: a screening."""
    return await forward(request, "/screen")


@router.post("/compose/screenings/{screening_id}/acknowledge", dependencies=DEMO)
async def acknowledge(request: Request, screening_id: str) -> Response:
    """The proxy: send a warned draft all the same."""
    return await forward(request, f"/screenings/{screening_id}/acknowledge")


@router.post("/compose/screenings/{screening_id}/appeal", dependencies=DEMO)
async def appeal(request: Request, screening_id: str) -> Response:
    """The proxy: contest a block."""
    return await forward(request, f"/screenings/{screening_id}/appeal")


@router.get("/compose/screenings/{screening_id}", dependencies=DEMO)
async def screening(request: Request, screening_id: str) -> Response:
    """The proxy: what became of a screening."""
    return await forward(request, f"/screenings/{screening_id}")


@router.post("/compose/send", dependencies=DEMO)
async def send(request: Request, sent: SentDraft) -> Response:
    """The demonstration's send back end: refuses a text whose pass does not fit or is spent; sends to nobody."""
    return await _sent(request, sent, "new_ticket", "Contact Customer")


@router.post("/compose/reply/send", dependencies=DEMO)
async def send_reply(request: Request, sent: SentDraft) -> Response:
    """The same for replies: the address says that it is one, not the browser."""
    return await _sent(request, sent, "reply", "Reply")


async def _sent(request: Request, sent: SentDraft, context: Context, button: str) -> Response:
    if not sent.body.strip():
        raise HTTPException(409, "There is nothing to send yet: write the details first.")
    words = sent.model_dump(include={"support_id", "subject", "body"})
    content = {**words, "context": context, "token": sent.screening_pass}
    answer = await call(request, "POST", "/passes/redeem", json=content)
    checked = answer.json()
    if answer.status_code == 200 and checked.get("valid"):
        return JSONResponse({"sent": True})
    raise HTTPException(409, f"This text was not screened as it stands. Press “{button}” again.")


@cache
def _asset(name: str) -> tuple[bytes, bytes, str]:
    """The file's bytes, the same gzipped, and its ETag."""
    body = _source(name).encode()
    return body, gzip.compress(body, 9, mtime=0), f'"{hashlib.sha256(body).hexdigest()[:16]}"'


def _source(name: str) -> str:
    if name == "draft-screen.js":
        return bundled_widget()
    if name in WORDS:
        return language_module(WORDS[name])
    text = (STATIC / name).read_text("utf-8")
    return TOKENS_CSS + text if name.endswith(".css") else text


@cache
def examples(kind: str) -> list[dict[str, Any]]:
    """Drafts to try (`example`) or replies in a thread (`thread`), in the order of examples.toml."""
    found: list[dict[str, Any]] = tomllib.loads((HERE / "examples.toml").read_text("utf-8"))[kind]
    return [one | {name: one[name].strip() for name in ("body", "customer_message") if name in one} for one in found]
