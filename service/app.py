"""The app: the only module that knows every part of the service and connects them."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool

from service import background, status_routes
from service.business_hours import ReplyClock
from service.compose.routes import router as compose_pages
from service.dependencies import Services
from service.http import errors
from service.http.api_keys import KeyRing, RateLimit
from service.http.back_pressure import BackPressure, Shedding
from service.http.conventions import NotStored, RequestConventions, encoding_refusal
from service.http.middleware import Endpoint, RequestMiddleware
from service.http.store_deadline import StoreDeadline
from service.judging.live_models import Screeners
from service.orders.commerce_interface import CommerceInterface, OrderFollower
from service.orders.directory import OrderDirectory
from service.overview_routes import router as overview_pages
from service.passes import Passes
from service.review.auth.oidc.provider import OidcProvider
from service.review.auth.sign_in import SignIn
from service.review.routes import router as review_pages
from service.review.web.pages import store_away
from service.screening import openapi, unscreened
from service.screening import routes as screening
from service.settings import Settings
from service.storage.database import Database
from service.storage.encryption import Encryptor
from service.storage.health import StoreHealth
from service.storage.keys import ApiKeyRecord, ApiKeys
from service.storage.orders import OrderRecord, Orders
from service.storage.screenings.group_commit import ScreeningWriter
from service.telemetry.logs import event
from service.telemetry.metrics import Metrics
from service.telemetry.traces import Traces
from service.webhooks.delivery import WebhookDelivery

SIGN_IN_BYTES = 16_384
"""The most that a sign-in may hold: it is read before anybody is known."""


def create_app(settings: Settings) -> FastAPI:
    """The whole service. Raises ValueError, naming the setting or file at fault, where it cannot start completely."""
    services = wire(settings)
    app = api()
    app.state.services = services
    app.state.settings = settings
    shared_secret = settings.pass_keys.get_secret_value().partition(",")[0].encode()
    app.state.sign_in = SignIn(services.database, shared_secret)
    app.state.oidc = OidcProvider(settings, shared_secret) if settings.oidc_issuer else None
    app.state.demo_key = settings.demo_key.get_secret_value() if settings.demo and settings.demo_key else None
    for pages in (overview_pages, compose_pages, review_pages):
        app.include_router(pages, include_in_schema=False)
    # outside of the framework's own layers, which the direct endpoints do not need
    handled = RequestMiddleware(
        StoreDeadline(RequestConventions(app.build_middleware_stack()), services.health, store_away),
        metrics=services.metrics,
        direct={"/screen": partial(_directly, app, screening.screen)},
        max_bytes=settings.max_body_bytes,
        caps={
            "/screen/batch": settings.max_batch_bytes,
            "/review/login": SIGN_IN_BYTES,
            "/review/login/code": SIGN_IN_BYTES,
        },
        pressure=BackPressure(settings.max_pending, settings.max_pending_bytes, services.shedding),
    )
    app.middleware_stack = NotStored(handled)
    return app


def api() -> FastAPI:
    """The routes of the contract, not yet wired: enough to describe them."""
    app = FastAPI(title="Draft screening", version="1.0", lifespan=_lifespan, docs_url=None, redoc_url=None)
    errors.install(app)
    app.include_router(screening.router)
    app.include_router(unscreened.router)
    app.include_router(status_routes.router)
    app.openapi = openapi.for_app(app)  # type: ignore[method-assign]
    return app


async def _directly(app: FastAPI, endpoint: Endpoint, request: Request) -> Response:
    request.scope["app"] = app
    if refusal := encoding_refusal(request.scope):
        raise refusal
    return await endpoint(request)


def wire(settings: Settings) -> Services:
    """The services of one process."""
    database = Database(settings.database())
    database.migrate()
    encryptor = Encryptor(settings.text_keys.get_secret_value())
    metrics = Metrics(Traces.to(settings.otel_endpoint))
    health = StoreHealth(counted=metrics.store_failed)
    follower = _follower(settings, database)
    return Services(
        settings=settings,
        database=database,
        encryptor=encryptor,
        writer=ScreeningWriter(database, encryptor, health),
        screeners=Screeners(settings.home, budget=settings.time_budget_ms / 1000, encoder=settings.encoder == "on"),
        health=health,
        shedding=Shedding(counted=metrics.shed),
        keys=KeyRing(
            _key_look_up(database),
            good_for=settings.key_good_minutes * 60,
            patience=settings.key_timeout_ms / 1000,
            failed=health.failed,
        ),
        limit=RateLimit(settings.rate_per_minute / settings.workers),
        passes=Passes.from_setting(
            settings.pass_keys.get_secret_value(), issuer=settings.pass_issuer, minutes=settings.pass_minutes
        ),
        clock=ReplyClock(
            country=settings.business_country,
            region=settings.business_region,
            zone=settings.business_zone,
            hours=settings.business_hours,
        ),
        orders=_orders(settings, database, follower),
        follower=follower,
        delivery=_delivery(settings, database),
        metrics=metrics,
    )


def _key_look_up(database: Database) -> Callable[[str], ApiKeyRecord | None]:
    def look_up(prefix: str) -> ApiKeyRecord | None:
        with database.looking_up() as session:
            return ApiKeys(session).find(prefix)

    return look_up


def _orders(settings: Settings, database: Database, follower: OrderFollower | None) -> OrderDirectory:
    def look_up(support_id: str) -> OrderRecord | None:
        with database.reading() as session:
            return Orders(session).find(support_id)

    timeout = settings.order_timeout_ms / 1000
    if settings.order_source == "none":
        return OrderDirectory(None, timeout=timeout)
    return OrderDirectory(look_up, timeout=timeout, is_current=follower.is_current if follower else lambda: True)


def _follower(settings: Settings, database: Database) -> OrderFollower | None:
    if settings.order_source != "commerce_interface":
        return None
    supplier, token = settings.commerce_supplier_id.get_secret_value(), settings.commerce_token.get_secret_value()
    source = CommerceInterface(settings.commerce_url, supplier, token)
    return OrderFollower(source, database, days=settings.commerce_days)


def _delivery(settings: Settings, database: Database) -> WebhookDelivery | None:
    if not settings.webhook_url:
        return None
    return WebhookDelivery(database, settings.webhook_url, settings.webhook_secret.get_secret_value())


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    services: Services = app.state.services
    loops = background.start(services)
    event("started", model=services.screeners.model_version, database=services.database.kind)
    yield
    await background.stop(loops)
    app.state.sign_in.close()
    if app.state.oidc:
        app.state.oidc.close()
    await run_in_threadpool(_close, services)
    event("stopped")


def _close(services: Services) -> None:
    services.writer.close()
    services.screeners.close()
    services.orders.close()
    services.keys.close()
    for edge in (services.delivery, services.follower):
        if edge:
            edge.close()
    if services.metrics.traces:
        services.metrics.traces.close()
    services.database.close()
