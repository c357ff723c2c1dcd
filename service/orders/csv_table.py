"""The orders that operators load from CSV: `support_id`, `status`, `cancelled_by`; a bad row is refused by its line."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from service.storage.orders import OrderRecord

COLUMNS = ("support_id", "status", "cancelled_by")


class OrderFileError(ValueError):
    """A file of orders that is refused; the text names file, line and reason."""


def read_orders(path: Path) -> Iterator[OrderRecord]:
    """The orders of a CSV file with a heading. Raises OrderFileError."""
    with path.open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.DictReader(lines, strict=True)
        try:
            if "support_id" not in (rows.fieldnames or ()):
                raise OrderFileError(f"{path}:1: the heading has no column support_id")
            if unknown := set(rows.fieldnames or ()) - set(COLUMNS):
                raise OrderFileError(f"{path}:1: unknown column {sorted(unknown)[0]!r}; known: {', '.join(COLUMNS)}")
            for row in rows:
                yield _order(row, f"{path}:{rows.line_num}")
        except (csv.Error, UnicodeDecodeError) as error:
            raise OrderFileError(f"{path}:{rows.reader.line_num}: {error}") from error


def _order(row: dict[str, str | None], place: str) -> OrderRecord:
    if None in row:
        raise OrderFileError(f"{place}: more values than columns")
    support_id = (row["support_id"] or "").strip()
    if not support_id or len(support_id) > 200 or not support_id.isprintable():
        raise OrderFileError(f"{place}: support_id is empty, too long or unprintable")
    status = (row.get("status") or "").strip() or None
    if status and (len(status) > 200 or not status.isprintable()):
        raise OrderFileError(f"{place}: status is too long or unprintable")
    return OrderRecord(support_id, status, _cancelled_by((row.get("cancelled_by") or "").strip(), place))


def _cancelled_by(value: str, place: str) -> Literal["customer", "merchant"] | None:
    if value == "customer":
        return "customer"
    if value == "merchant":
        return "merchant"
    if value:
        raise OrderFileError(f"{place}: cancelled_by is customer, merchant or empty, not {value!r}")
    return None
