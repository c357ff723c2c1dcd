"""The review console under /review: one router for all its pages."""

from fastapi import APIRouter

from service.review import bulk_routes, case_routes, login_routes, queue_routes
from service.review.pages import PageRoute

router = APIRouter(prefix="/review", include_in_schema=False, route_class=PageRoute)
for part in (login_routes, queue_routes, bulk_routes, case_routes):
    router.include_router(part.router)
