"""The review console under /review: one router for all its pages."""

from fastapi import APIRouter, Response

from service.http.errors import ServiceError
from service.review.accounts.key_routes import router as own_keys
from service.review.accounts.own_account_routes import router as own_account
from service.review.accounts.routes import router as accounts
from service.review.audit.routes import router as audit
from service.review.auth.access import ReviewerDep
from service.review.auth.oidc.routes import router as oidc
from service.review.auth.routes import router as auth
from service.review.auth.second_factor.routes import router as second_factor
from service.review.case_page.routes import router as case_page
from service.review.export.routes import router as export
from service.review.merchants.routes import router as merchants
from service.review.queue.bulk_routes import router as bulk_decisions
from service.review.queue.own_routes import router as own_decisions
from service.review.queue.routes import router as queue
from service.review.rules.publishing_routes import router as publishing
from service.review.rules.routes import router as rules
from service.review.statistics.routes import router as statistics
from service.review.web.pages import PageRoute

router = APIRouter(include_in_schema=False)
_elsewhere = APIRouter(prefix="/review", include_in_schema=False, route_class=PageRoute)


@_elsewhere.get("/{path:path}")
def nowhere(path: str, me: ReviewerDep) -> Response:
    """An address that is no page of the desk. Always the 404."""
    raise ServiceError(404, "There is no such page.")


for pages in (
    auth, oidc, second_factor,
    queue, bulk_decisions, own_decisions, case_page, merchants, statistics, audit, export, accounts, own_account,
    own_keys, rules, publishing, _elsewhere,
):  # fmt: skip
    router.include_router(pages)
