"""`/`: what runs here, and where to go."""

from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from classifier import __version__
from service.dependencies import Services, ServicesDep
from service.status_routes import DetailsDep, missing
from service.style import TOKENS_CSS

router = APIRouter(include_in_schema=False)
_HERE = Path(__file__).with_name("overview")
_PAGES = Environment(loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined)
_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none';"
    " frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}
LINKS = (
    ("/review", "Review desk", "for reviewers, leads and auditors, with their own names"),
    ("/compose", "Compose box", "a form as merchants see it; it screens where this is the demonstration"),
    ("/openapi.json", "The contract", "for those who call the service"),
    ("/readyz", "Readiness", "for balancers"),
    ("/metrics", "Metrics", "for Prometheus"),
)


@router.get("/", response_class=HTMLResponse)
async def overview(request: Request, services: ServicesDep, details: DetailsDep) -> HTMLResponse:
    """The page. Versions are for a key, or for this machine (`SCREENING_DETAILS_FOR`)."""
    reasons = await missing(services)
    html = _PAGES.get_template("page.html").render(
        base=request.scope.get("root_path", ""),
        ready=not reasons,
        missing="; ".join(reasons),
        links=LINKS,
        versions=_versions(services) if details else (),
    )
    return HTMLResponse(html, headers=_HEADERS)


@router.get("/overview.css")
def style() -> Response:
    """The page's style."""
    return Response(TOKENS_CSS + (_HERE / "overview.css").read_text("utf-8"), media_type="text/css")


def _versions(services: Services) -> tuple[tuple[str, str], ...]:
    screener = services.screeners.screener
    return (
        ("Program", __version__),
        ("Model", services.screeners.model_version),
        ("Rules", f"{screener.book.version}, {len(screener.book.rules)} rules"),
        ("Policy", screener.policy.version),
        ("Database", services.database.kind),
        ("Workers", str(services.settings.workers)),
        ("Orders", services.settings.order_source),
    )
