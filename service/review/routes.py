"""The review console under /review: one router for all its pages."""

from fastapi import APIRouter

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

router = APIRouter(include_in_schema=False)
PARTS = (
    login_routes, queue_routes, bulk_routes, case_routes, number_routes, audit_routes, out_routes, people_routes,
    rule_routes, rule_act_routes,
)  # fmt: skip
for part in PARTS:
    router.include_router(part.router)
