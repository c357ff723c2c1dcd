"""CommerceInterface: `get_orders` gives orders by time, never by ID, so its orders are followed into our table.

Its credentials travel in the address of each request: neither an address nor an error's words are ever logged.
"""

import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from service.storage.database import Database
from service.storage.orders import OrderRecord, Orders
from service.telemetry.logs import event

WINDOW = timedelta(hours=23)
"""One request may span at most 24 hours."""
EVERY = timedelta(minutes=5)
FULL_WALK_EVERY = timedelta(hours=1)
_MOST_PAGES = 1000


class CommerceError(Exception):
    """CommerceInterface did not answer as it should; the text holds no address and no credential."""


class CommerceInterface:
    """Its HTTP API, as far as we read it."""

    def __init__(self, url: str, supplier_id: str, token: str, *, timeout: float = 20) -> None:
        self._url = url.rstrip("/") + "/get_orders"
        self._credentials = {"supplier_id": supplier_id, "token": token}
        self._client = httpx.Client(timeout=timeout, follow_redirects=False)
        logging.getLogger("httpx").addFilter(_without_addresses)

    def orders(self, start: datetime, end: datetime) -> Iterator[OrderRecord]:
        """The orders placed in [start, end), at most 24 hours. Raises CommerceError."""
        page, pages = 1, 1
        while page <= min(pages, _MOST_PAGES):
            answer = self._page(start, end, page)
            try:
                pages = int(answer.get("meta", {}).get("no_of_pages") or 1)
                found = [parse_order(order) for order in answer["data"]]
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise CommerceError(f"an answer of another shape ({type(error).__name__})") from None
            yield from found
            page += 1

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _page(self, start: datetime, end: datetime, page: int) -> Mapping[str, Any]:
        asked = {
            **self._credentials,
            "start_datetime": as_asked(start),
            "end_datetime": as_asked(end),
            "page": str(page),
        }
        try:
            response = self._client.get(self._url, params=asked)
            answer = response.json() if response.status_code == 200 else None
        except (httpx.HTTPError, ValueError) as error:
            raise CommerceError(type(error).__name__) from None
        if answer is None:
            raise CommerceError(f"answered {response.status_code}")
        if not isinstance(answer, Mapping) or not answer.get("success"):
            raise CommerceError("it reported no success")
        return answer


def _without_addresses(record: logging.LogRecord) -> bool:
    """Drops the library's line about a request, whatever the level: it holds the whole address."""
    return not str(record.msg).startswith("HTTP Request")


def as_asked(moment: datetime) -> str:
    """A moment as `MM/DD/YYYY HH:MM` in UTC."""
    return moment.astimezone(UTC).strftime("%m/%d/%Y %H:%M")


def parse_order(order: Mapping[str, Any]) -> OrderRecord:
    """An order's ID and state; numbers and strings, nulls and empty strings occur. It does not say who cancelled."""
    states = {str(item.get("status") or "").strip().lower() for item in order.get("line_items") or ()} - {""}
    status = ", ".join(sorted(states))[:200] or None
    return OrderRecord(str(order["orderid"]).strip(), status)


class OrderFollower:
    """Keeps our table of orders up with CommerceInterface."""

    def __init__(self, source: CommerceInterface, database: Database, *, days: int) -> None:
        self._source = source
        self._database = database
        self._days = days
        self._walked: datetime | None = None
        self._succeeded: datetime | None = None

    def is_current(self) -> bool:
        """True if all days were walked once and the last success is recent: then an ID not found does not exist."""
        return self._succeeded is not None and datetime.now(UTC) - self._succeeded < 3 * EVERY

    def follow(self) -> None:
        """Fetch what is new; every hour all days again, because old orders change too. An outage is logged."""
        now = datetime.now(UTC)
        whole = self._walked is None or now - self._walked >= FULL_WALK_EVERY
        try:
            count = self._fetch(now, timedelta(days=self._days) if whole else WINDOW)
        except CommerceError as error:
            event("commerce-unavailable", level=logging.WARNING, reason=str(error))
            return
        self._succeeded = now
        self._walked = now if whole else self._walked
        event("commerce-followed", orders=count, whole=whole)

    def close(self) -> None:
        """Close the connection."""
        self._source.close()

    def _fetch(self, now: datetime, back: timedelta) -> int:
        start, count = now - back, 0
        while start < now:
            end = min(start + WINDOW, now)
            found = list(self._source.orders(start, end))
            with self._database.writing() as session:
                count += Orders(session).put(found, now)
            start = end
        return count
