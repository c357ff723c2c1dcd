"""A ticket as one row of a table, and a cell of labels in the forms that tools write."""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

COLUMNS = (
    "id", "writer", "scenario", "support_id", "subject", "body", "labels", "cancelled_by", "order_status", "evidence",
    "note", "language", "date", "provenance", "context", "customer_message",
)  # fmt: skip
"""The columns in the order in which they are written. `labels` are joined by semicolons, `evidence` is JSON."""

_SEPARATORS = r"[;,|#\n]"
_CHOICES = ("choices", "taxonomy", "rating")


def record(row: Mapping[str, Any], separator: str | None = None) -> dict[str, Any] | str:
    """The ticket that a row describes, not checked yet, or why the row cannot be read."""
    found: dict[str, Any] = {key: value for key, value in row.items() if not _empty(value)}
    for key in ("subject", "note"):
        found.setdefault(key, "")
    try:
        found["labels"] = labels_of(row.get("labels"), separator)
        if "evidence" in found:
            found["evidence"] = _evidence(found["evidence"])
    except ValueError as error:
        return f"evidence or labels: {error}"
    if "cancelled_by" in found or "order_status" in found:
        found["order"] = {"cancelled_by": found.pop("cancelled_by", None), "status": found.pop("order_status", None)}
    return found


def labels_of(value: Any, separator: str | None = None) -> Any:
    """The labels of a cell: "a;b", a list or set as JSON or Python writes it, choices of Label Studio, a class name.

    An empty cell means no label. Raises ValueError for broken JSON.
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    if _empty(value):
        return []
    if isinstance(value, str):
        text = value.strip()
        if text[:1] in "[{(":
            return labels_of(literal(text), separator)
        parts = re.split(_pattern(separator), text)
        return [part.strip() for part in parts if part.strip() and part.strip() != "none"]
    if isinstance(value, bool | int):
        return [str(value)]
    if isinstance(value, Mapping):
        return [label for key in _CHOICES if key in value for label in labels_of(value[key])]
    if isinstance(value, list | tuple | set | frozenset):
        return [label for one in value for label in _one(one)]
    return value


def _pattern(separator: str | None) -> str:
    """The separators of labels as a regular expression: any of the usual ones, or the given one."""
    if separator is None:
        return _SEPARATORS
    return re.escape(separator) if separator.strip() else r"\s+"


def _one(value: Any) -> Iterator[Any]:
    """The labels of one entry of a list: a label, a path of a taxonomy, or a marked span."""
    if isinstance(value, list | tuple) and value and all(isinstance(step, str) for step in value):
        yield value[-1]
    elif isinstance(value, Mapping):
        yield from (label for key, labels in value.items() if key.endswith("labels") for label in labels)
        yield from (label for key in _CHOICES if key in value for label in labels_of(value[key]))
        if isinstance(value.get("label"), str):
            yield value["label"]
    elif isinstance(value, int):
        yield str(value)
    elif value != "none":
        yield value


def literal(text: str) -> Any:
    """A value as JSON or Python writes it. Raises ValueError."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            raise ValueError(f"not JSON: {error.msg}") from error


def _evidence(value: Any) -> Any:
    """Label -> passages, from JSON, a struct whose missing labels are null, or (label, passages) pairs."""
    if isinstance(value, str):
        value = literal(value)
    if isinstance(value, list) and all(isinstance(pair, tuple) and len(pair) == 2 for pair in value):
        value = dict(value)
    if not isinstance(value, Mapping):
        return value
    return {label: [spans] if isinstance(spans, str) else spans for label, spans in value.items() if spans}


def _empty(value: Any) -> bool:
    return (
        value is None or (isinstance(value, str) and not value.strip()) or (isinstance(value, float) and value != value)
    )


def cells(ticket: Mapping[str, Any]) -> dict[str, str]:
    """The row of a ticket: a string for each of COLUMNS."""
    order = ticket.get("order") or {}
    row = {key: ticket.get(key) or "" for key in COLUMNS}
    row["labels"] = ";".join(ticket["labels"])
    row["cancelled_by"] = order.get("cancelled_by") or ""
    row["order_status"] = order.get("status") or ""
    row["evidence"] = json.dumps(ticket["evidence"], ensure_ascii=False) if ticket.get("evidence") else ""
    return {key: str(value) for key, value in row.items()}
