"""A merchant's page and a template's page."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from service.dependencies import ServicesDep, SessionDep
from service.http.errors import ServiceError
from service.review.auth.access import ReviewerDep
from service.review.merchants.drafts import by_merchant, by_template, history, lines
from service.review.web.pages import PageRoute, page
from service.storage.tables.screenings import ScreeningRow

router = APIRouter(prefix="/review", include_in_schema=False, route_class=PageRoute)


@router.get("/merchant", response_class=HTMLResponse)
def merchant(
    request: Request, services: ServicesDep, session: SessionDep, me: ReviewerDep, id: str = "", before: str = ""
) -> Response:
    """Every draft of a merchant, how they were judged and decided, their templates, week by week."""
    mine = ScreeningRow.merchant_id == id[:200]
    found = history(session, mine)
    if not found.drafts:
        raise ServiceError(404, "No draft of this merchant is stored.")
    rows, older = lines(session, services.encryptor, before[:32], mine)
    return page(
        request, "merchants/merchant.html", me, here="Queue", id=id, found=found, lines=rows, older=older,
        templates=by_template(session, services.encryptor, mine),
    )  # fmt: skip


@router.get("/template", response_class=HTMLResponse)
def template(
    request: Request, services: ServicesDep, session: SessionDep, me: ReviewerDep, hash: str = "", before: str = ""
) -> Response:
    """Every draft from one template, who sends it, and what people decided."""
    alike = ScreeningRow.template_hash == hash[:64]
    found = history(session, alike)
    if not found.drafts:
        raise ServiceError(404, "No draft from this template is stored.")
    rows, older = lines(session, services.encryptor, before[:32], alike)
    return page(
        request, "merchants/template.html", me, here="Queue", hash=hash, found=found, lines=rows, older=older,
        merchants=by_merchant(session, alike), newest=by_template(session, services.encryptor, alike)[0],
    )  # fmt: skip
