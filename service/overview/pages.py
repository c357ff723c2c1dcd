"""The pages that need no sign-in, and whether a request asks for a page at all."""

from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from service.style import TOKENS_CSS

_HERE = Path(__file__).parent
_PAGES = Environment(loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined)
_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none';"
    " frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


def page(request: Request, template: str, **values: Any) -> HTMLResponse:
    """A page of this folder."""
    html = _PAGES.get_template(template).render(base=request.scope.get("root_path", ""), **values)
    return HTMLResponse(html, headers=_HEADERS)


def stylesheet() -> str:
    """The style of all of them."""
    return TOKENS_CSS + (_HERE / "overview.css").read_text("utf-8")


def prefers_page(accept: str | None) -> bool:
    """Whether an Accept header (RFC 9110) names HTML, and JSON not as dearly: browsers do. Programs that take anything
    get JSON."""
    weights = {kind.strip().lower(): _weight(rest) for kind, _, rest in map(_split, (accept or "")[:1000].split(","))}
    return weights.get("text/html", 0.0) > weights.get("application/json", 0.0)


def _split(part: str) -> tuple[str, str, str]:
    return part.partition(";")


def _weight(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
