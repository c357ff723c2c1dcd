"""The dependencies of routes: the services of the process, a database session, the caller and its rights."""

from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute
from sqlalchemy.orm import Session

from service.business_hours import ReplyClock
from service.http.api_keys import Caller, KeyRing, RateLimit, Scope
from service.http.back_pressure import Shedding, Slot
from service.http.errors import ServiceError
from service.judging.live_models import Screeners
from service.orders.commerce_interface import OrderFollower
from service.orders.directory import OrderDirectory
from service.passes import Passes
from service.settings import Settings
from service.storage.database import Database
from service.storage.encryption import Encryptor
from service.storage.health import StoreHealth
from service.storage.screenings.group_commit import ScreeningWriter
from service.storage.screenings.repository import Screenings
from service.telemetry.metrics import Metrics
from service.webhooks.delivery import WebhookDelivery


@dataclass(frozen=True, slots=True)
class Services:
    """The services of one process, which the app holds as `app.state.services`."""

    settings: Settings
    database: Database
    encryptor: Encryptor
    writer: ScreeningWriter
    screeners: Screeners
    health: StoreHealth
    shedding: Shedding
    keys: KeyRing
    limit: RateLimit
    passes: Passes
    clock: ReplyClock
    orders: OrderDirectory
    follower: OrderFollower | None
    delivery: WebhookDelivery | None
    metrics: Metrics


def services_of(request: Request) -> Services:
    """The services of the process."""
    services: Services = request.app.state.services
    return services


def request_session(request: Request) -> Iterator[Session]:
    """A database session: it commits when the route has answered, and rolls back where it raised. GET only reads."""
    database = services_of(request).database
    with database.reading() if request.method in ("GET", "HEAD") else database.writing() as session:
        yield session


async def admit(request: Request, scope: Scope) -> Caller:
    """The caller behind the bearer key, whose request counts from now on as pending. Raises the 401, 403 or 503."""
    kind, _, secret = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not secret:
        raise _unauthorized("Send your key in the header `Authorization: Bearer <key>`.")
    keys = services_of(request).keys
    known, caller = keys.remembered(secret)
    if not known:
        caller = await keys.find(secret)
    if caller is None:
        raise _unauthorized("This key is not known, has expired or was revoked.")
    if scope not in caller.scopes and "admin" not in caller.scopes:
        raise ServiceError(403, f"This key has not the right `{scope}`.")
    Slot.of(request.scope).take()
    return caller


def _unauthorized(detail: str) -> ServiceError:
    return ServiceError(401, detail, headers={"WWW-Authenticate": "Bearer"})


class KeyedRoute(APIRoute):
    """A route that checks the key before it reads a body: a caller without one delays nobody."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's handler, behind the key where there may be a body."""
        handle = super().get_route_handler()

        async def admitted(request: Request) -> Response:
            if request.method not in ("GET", "HEAD"):
                await admit(request, "screen")
            return await handle(request)

        return admitted


async def screening_caller(request: Request) -> Caller:
    """A caller with the right to screen."""
    return await admit(request, "screen")


def screenings(request: Request, session: Annotated[Session, Depends(request_session, scope="function")]) -> Screenings:
    """The screenings, within the request's session."""
    return Screenings(session, services_of(request).encryptor)


ServicesDep = Annotated[Services, Depends(services_of)]
SessionDep = Annotated[Session, Depends(request_session, scope="function")]
"""Scope `function`: the commit happens before the answer leaves, so that nothing answered can be lost."""
ScreeningCallerDep = Annotated[Caller, Depends(screening_caller)]
ScreeningsDep = Annotated[Screenings, Depends(screenings)]
