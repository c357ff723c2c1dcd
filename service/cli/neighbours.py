"""What `check` asks of the world around: clock, order source, receiver of webhooks, sign-in provider."""

from datetime import UTC, datetime, timedelta

import httpx
from sqlalchemy import func, select, text

from service.orders.commerce_interface import CommerceError, CommerceInterface
from service.review.auth.oidc.provider import OidcError, OidcProvider
from service.settings import Settings
from service.storage.database import Database
from service.storage.orders import Orders
from service.storage.tables.screenings import ScreeningRow

LEEWAY = timedelta(seconds=30)
"""By how much clocks may differ: a pass is good for minutes, and a purge counts in days."""
PATIENCE = 5.0
"""Seconds for a receiver to answer."""


def clock_faults(database: Database, now: datetime | None = None) -> list[str]:
    """Whether this clock is behind what was stored, or apart from the database server's."""
    mine = now or datetime.now(UTC)
    try:
        with database.reading() as session:
            newest = session.scalar(select(func.max(ScreeningRow.created_at)))
            theirs = session.scalar(text("SELECT clock_timestamp()")) if database.kind == "postgresql" else None
    except Exception:  # no schema, or no database: the check of the store says so
        return []
    found = []
    if newest is not None and newest - mine > LEEWAY:
        found.append(
            f"the clock says {mine:%Y-%m-%d %H:%M:%S} UTC, but a screening was stored on {newest:%Y-%m-%d %H:%M:%S}:"
            " it is behind, or was ahead then"
        )
    if theirs is not None and abs(theirs - (now or datetime.now(UTC))) > LEEWAY:
        found.append(f"the clock says {mine:%H:%M:%S} UTC, the database server's {theirs.astimezone(UTC):%H:%M:%S}")
    return found


def order_faults(settings: Settings, database: Database) -> list[str]:
    """Whether the order source knows anything."""
    if settings.order_source == "none":
        return []
    if settings.order_source == "table":
        try:
            with database.reading() as session:
                empty = Orders(session).count() == 0
        except Exception:  # the check of the store says so
            return []
        return ["the table of orders is empty: each Support ID is unknown; `orders load` fills it"] if empty else []
    supplier, token = settings.commerce_supplier_id.get_secret_value(), settings.commerce_token.get_secret_value()
    source = CommerceInterface(settings.commerce_url, supplier, token, timeout=PATIENCE)
    now = datetime.now(UTC)
    try:
        for _ in source.orders(now - timedelta(minutes=5), now):
            break
    except CommerceError as error:
        return [f"CommerceInterface gives no orders: {error}"]
    finally:
        source.close()
    return []


def webhook_faults(settings: Settings) -> list[str]:
    """Whether a server answers where webhooks go. A HEAD: no event is made up."""
    if not settings.webhook_url:
        return []
    try:
        status = httpx.head(settings.webhook_url, timeout=PATIENCE).status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return [f"nothing answers at SCREENING_WEBHOOK_URL: {type(error).__name__}"]
    return [f"what answers at SCREENING_WEBHOOK_URL is failing: {status}"] if status >= 500 else []


def sign_in_faults(settings: Settings) -> list[str]:
    """Whether the OpenID Connect provider can be asked."""
    if not settings.oidc_issuer:
        return []
    provider = None
    try:
        provider = OidcProvider(settings, b"check")
        provider.begin("https://localhost/review/login/oidc/callback", "")
    except (OidcError, ValueError) as error:
        return [f"OpenID Connect: {error}"]
    finally:
        if provider:
            provider.close()
    return []
