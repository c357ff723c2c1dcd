"""The review console under /review: one router for all its pages."""

from fastapi import APIRouter, Response

from service.errors import ServiceError
from service.review import (
    audit_routes,
    bulk_routes,
    case_routes,
    login_routes,
    number_routes,
    out_routes,
    people_routes,
    queue_routes,
    rule_act_routes,
    rule_routes,
)
from service.review.access import Me
from service.review.pages import PageRoute

router = APIRouter(include_in_schema=False)
PARTS = (
    login_routes, queue_routes, bulk_routes, case_routes, number_routes, audit_routes, out_routes, people_routes,
    rule_routes, rule_act_routes,
)  # fmt: skip
_elsewhere = APIRouter(prefix="/review", include_in_schema=False, route_class=PageRoute)


@_elsewhere.get("/{path:path}")
def nowhere(path: str, me: Me) -> Response:
    """An address that is no page of the desk. Always the 404."""
    raise ServiceError(404, "There is no such page.")


for part in (*PARTS, _elsewhere):
    router.include_router(part if isinstance(part, APIRouter) else part.router)
