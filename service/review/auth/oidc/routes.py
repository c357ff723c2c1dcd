"""The way to the provider, and back."""

import logging
from collections.abc import Callable
from functools import cache, partial
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse
from sqlalchemy.exc import IntegrityError

from service.dependencies import Services, ServicesDep
from service.http.errors import ServiceError
from service.review.auth.access import session_life
from service.review.auth.cookies import is_desk_page, is_secure, keep
from service.review.auth.oidc.accounts import account_of
from service.review.auth.oidc.claims import OidcIdentity
from service.review.auth.oidc.provider import WAY_LIFE, OidcError, OidcProvider
from service.review.auth.sessions import COOKIE, start
from service.review.auth.sign_in_page import sign_in_page
from service.review.web.pages import HEADERS, PageRoute, base_of, go
from service.telemetry.logs import event

router = APIRouter(prefix="/review/login/oidc", include_in_schema=False, route_class=PageRoute)
WAY_COOKIE = "review_oidc"
MOST_WAITING = 8
"""People who may wait for the provider beside the four whom it is being asked about."""
Answered = TypeVar("Answered")


@router.get("")
async def leave(request: Request, services: ServicesDep) -> Response:
    """Go to the provider."""
    following = request.query_params.get("next", "")
    try:
        page = following if is_desk_page(following) else ""
        address, cookie = await _asked(partial(_provider(request).begin, _back(request, services), page))
    except OidcError as error:
        return _refused(request, error)
    answer = RedirectResponse(address, 303, HEADERS)
    keep(request, answer, WAY_COOKIE, cookie, WAY_LIFE)
    return answer


@router.get("/callback")
async def come_back(request: Request, services: ServicesDep) -> Response:
    """Come back from the provider: a session, or the reason for none."""
    cookie = request.cookies.get(WAY_COOKIE, "")
    try:
        finish = partial(_provider(request).finish, request.query_params, cookie, _back(request, services))
        identity, following = await _asked(finish)
    except OidcError as error:
        return _refused(request, error)
    secret, wrong = await run_in_threadpool(_started, services, identity)
    if wrong:
        event("oidc-refused", level=logging.WARNING, reason=wrong)
        answer: Response = sign_in_page(request, wrong=wrong, status=403)
    else:
        answer = go(request, following)
        keep(request, answer, COOKIE, secret, services.settings.session_hours * 3600)
    answer.delete_cookie(WAY_COOKIE, path=base_of(request))
    return answer


async def _asked(work: Callable[[], tuple[Answered, str]]) -> tuple[Answered, str]:
    """Ask the provider in a thread of its own: one that says nothing takes none of those that screen."""
    if _threads().statistics().tasks_waiting >= MOST_WAITING:
        raise OidcError("too many wait for the provider", "Too many sign in at the moment. Try again in a moment.")
    return await to_thread.run_sync(work, limiter=_threads())


@cache
def _threads() -> CapacityLimiter:
    return CapacityLimiter(4)


def _started(services: Services, identity: OidcIdentity) -> tuple[str, str]:
    """The secret of a new session, or the reason for none."""
    try:
        return _start(services, identity)
    except IntegrityError:  # the same person's first sign-in in two windows: the other one has made the user
        return _start(services, identity)


def _start(services: Services, identity: OidcIdentity) -> tuple[str, str]:
    with services.database.writing() as session:
        found = account_of(session, identity)
        if isinstance(found, str):
            return "", found
        return start(session, found.id, found.name, session_life(services.settings), by="oidc"), ""


def _provider(request: Request) -> OidcProvider:
    found: OidcProvider | None = request.app.state.oidc
    if found is None:
        raise ServiceError(404, "There is no such page.")
    return found


def _back(request: Request, services: Services) -> str:
    """Where the provider is to send people: registered there, so a forged Host header leads nowhere."""
    scheme = "https" if is_secure(request) else "http"
    return services.settings.oidc_redirect_url or (
        f"{scheme}://{request.url.netloc}{base_of(request)}/login/oidc/callback"
    )


def _refused(request: Request, error: OidcError) -> Response:
    event("oidc-refused", level=logging.WARNING, reason=str(error))
    answer = sign_in_page(request, wrong=error.words, status=403)
    answer.delete_cookie(WAY_COOKIE, path=base_of(request))
    return answer
