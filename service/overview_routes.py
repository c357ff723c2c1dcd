"""`/`: what runs here, and where to go."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from classifier import __version__
from service.dependencies import Services, ServicesDep
from service.overview.pages import page, stylesheet
from service.status_routes import DetailsDep, missing

router = APIRouter(include_in_schema=False)
LINKS = (
    ("/review", "Review desk", "for reviewers, leads and auditors, with their own names"),
    ("/compose", "Compose box", "a form as merchants see it; it screens where this is the demonstration"),
    ("/policy", "The policy", "section by section, as drafts are checked against it"),
    ("/openapi.json", "The contract", "for those who call the service"),
    ("/readyz", "Readiness", "for balancers"),
    ("/metrics", "Metrics", "for Prometheus"),
)


@router.get("/", response_class=HTMLResponse)
async def overview(request: Request, services: ServicesDep, details: DetailsDep) -> HTMLResponse:
    """The page. Versions are for a key, or for this machine (`SCREENING_DETAILS_FOR`)."""
    reasons = await missing(services)
    versions = _versions(services) if details else ()
    return page(request, "page.html", ready=not reasons, missing="; ".join(reasons), links=LINKS, versions=versions)


@router.get("/overview.css")
def style() -> Response:
    """The style of this page and of the policy's."""
    return Response(stylesheet(), media_type="text/css")


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
