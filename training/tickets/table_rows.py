"""A ticket as one row of a table: CSV and Parquet know no nested values, so labels, order, evidence are written out."""

import json
import re
from collections.abc import Mapping
from typing import Any

COLUMNS = (
    "id", "writer", "scenario", "support_id", "subject", "body", "labels", "cancelled_by", "order_status", "evidence",
    "note", "language", "date", "provenance",
)  # fmt: skip
"""The columns in the order in which they are written. `labels` are joined by semicolons, `evidence` is JSON."""

_SEPARATORS = re.compile(r"[;,|]")


def record(row: Mapping[str, Any]) -> dict[str, Any] | str:
    """The ticket that a row describes, not checked yet, or why the row cannot be read."""
    found: dict[str, Any] = {key: value for key, value in row.items() if not _empty(value)}
    for key in ("subject", "note"):
        found.setdefault(key, "")
    try:
        found["labels"] = _labels(row.get("labels"))
        if "evidence" in found and isinstance(found["evidence"], str):
            found["evidence"] = json.loads(found["evidence"])
    except json.JSONDecodeError as error:
        return f"evidence or labels: not JSON: {error.msg}"
    order = {"cancelled_by": found.pop("cancelled_by", None), "status": found.pop("order_status", None)}
    if any(order.values()):
        found["order"] = order
    return found


def _labels(value: Any) -> Any:
    """A list from "a;b", a JSON list, a list, or an empty cell, which means no label."""
    if value is None or isinstance(value, float):
        return []
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.startswith("["):
        return json.loads(text)
    return [part.strip() for part in _SEPARATORS.split(text) if part.strip() and part.strip() != "none"]


def _empty(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and value != value)


def cells(ticket: Mapping[str, Any]) -> dict[str, str]:
    """The row of a ticket: a string for each of COLUMNS."""
    order = ticket.get("order") or {}
    row = {key: ticket.get(key) or "" for key in COLUMNS}
    row["labels"] = ";".join(ticket["labels"])
    row["cancelled_by"] = order.get("cancelled_by") or ""
    row["order_status"] = order.get("status") or ""
    row["evidence"] = json.dumps(ticket["evidence"], ensure_ascii=False) if ticket.get("evidence") else ""
    return {key: str(value) for key, value in row.items()}
