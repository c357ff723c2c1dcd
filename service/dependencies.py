"""What a route may ask for: the parts of the service, a database session, the caller and its rights."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session

from service.business_hours import ReplyClock
from service.http.api_keys import Caller, KeyRing, RateLimit, Scope
from service.http.errors import ServiceError
from service.judging.live_models import Screeners
from service.orders.commerce_interface import Follower
from service.orders.directory import OrderDirectory
from service.passes import Passes
from service.settings import Settings
from service.storage.database import Database
from service.storage.encryption import Sealer
from service.storage.screenings.group_commit import ScreeningWriter
from service.storage.screenings.repository import Screenings
from service.telemetry.metrics import Metrics
from service.webhooks.delivery import Delivery


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts that the app was wired from; `app.state.parts`."""

    settings: Settings
    database: Database
    sealer: Sealer
    writer: ScreeningWriter
    screeners: Screeners
    keys: KeyRing
    limit: RateLimit
    passes: Passes
    clock: ReplyClock
    orders: OrderDirectory
    follower: Follower | None
    delivery: Delivery | None
    metrics: Metrics


def parts_of(request: Request) -> Parts:
    """The parts of the service."""
    parts: Parts = request.app.state.parts
    return parts


def session(request: Request) -> Iterator[Session]:
    """A database session: it commits when the route has answered, and rolls back where it raised. GET only reads."""
    database = parts_of(request).database
    with database.reading() if request.method in ("GET", "HEAD") else database.writing() as opened:
        yield opened


async def admit(request: Request, scope: Scope) -> Caller:
    """The caller behind the bearer key. Raises the 401 or 403."""
    kind, _, secret = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not secret:
        raise _unauthorized("Send your key in the header `Authorization: Bearer <key>`.")
    keys = parts_of(request).keys
    known, caller = keys.remembered(secret)
    if not known:
        caller = await run_in_threadpool(keys.caller, secret)
    if caller is None:
        raise _unauthorized("This key is not known, has expired or was revoked.")
    if scope not in caller.scopes and "admin" not in caller.scopes:
        raise ServiceError(403, f"This key has not the right `{scope}`.")
    return caller


def _unauthorized(detail: str) -> ServiceError:
    return ServiceError(401, detail, headers={"WWW-Authenticate": "Bearer"})


async def screening_caller(request: Request) -> Caller:
    """A caller with the right to screen."""
    return await admit(request, "screen")


async def admin_caller(request: Request) -> Caller:
    """A caller with the right of administration."""
    return await admit(request, "admin")


def screenings(request: Request, opened: Annotated[Session, Depends(session, scope="function")]) -> Screenings:
    """The screenings, within the request's session."""
    return Screenings(opened, parts_of(request).sealer)


PartsOf = Annotated[Parts, Depends(parts_of)]
Opened = Annotated[Session, Depends(session, scope="function")]
"""Scope `function`: the commit happens before the answer leaves, so that nothing answered can be lost."""
ScreeningCaller = Annotated[Caller, Depends(screening_caller)]
AdminCaller = Annotated[Caller, Depends(admin_caller)]
StoredScreenings = Annotated[Screenings, Depends(screenings)]
