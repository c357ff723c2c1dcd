"""The table of orders."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.storage.screenings.insert_statements import insert_into
from service.storage.tables.screenings import OrderRow


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """An order as its source tells it."""

    support_id: str
    status: str | None = None
    cancelled_by: Literal["customer", "merchant"] | None = None


class Orders:
    """The orders that a session sees; Support IDs match whatever their case."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find(self, support_id: str) -> OrderRecord | None:
        """The order of that Support ID."""
        key = _key(support_id)
        row = self._session.get(OrderRow, key) if key else None
        if row is None:
            return None
        return OrderRecord(row.support_id, row.status, cast(Literal["customer", "merchant"] | None, row.cancelled_by))

    def put(self, orders: Iterable[OrderRecord], at: datetime) -> int:
        """Add orders or renew them; how many."""
        rows = {key: _row(key, order, at) for order in orders if (key := _key(order.support_id))}
        if rows:
            new = insert_into(OrderRow, self._session.get_bind().dialect)
            renewed = {name: new.excluded[name] for name in ("status", "cancelled_by", "updated_at")}
            statement = new.on_conflict_do_update(index_elements=["support_id"], set_=renewed)
            self._session.execute(statement, list(rows.values()))
        return len(rows)

    def count(self) -> int:
        """How many orders the table holds."""
        return self._session.scalar(select(func.count()).select_from(OrderRow)) or 0


def _key(support_id: str) -> str:
    key = support_id.strip().upper()
    good = 0 < len(key) <= 200 and "\0" not in key
    return key if good and key.isprintable() else ""


def _row(key: str, order: OrderRecord, at: datetime) -> dict[str, object]:
    return {"support_id": key, "status": order.status, "cancelled_by": order.cancelled_by, "updated_at": at}
