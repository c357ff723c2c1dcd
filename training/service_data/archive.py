"""Unlabelled drafts: an archive, or the service's stored screenings."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classifier import Draft, Order
from training.tickets import formats
from training.tickets.import_options import ImportOptions
from training.tickets.loading import BadRow, TicketError


@dataclass(frozen=True, slots=True)
class IncomingDraft:
    """A draft as it came in; `id` is the archive's own or the screening's."""

    id: str
    draft: Draft
    order: Order | None


def read_archive(path: Path, format: str | None = None) -> list[IncomingDraft]:
    """Every draft of a JSONL, CSV or Parquet file. Raises TicketError naming each row without the three fields."""
    found: list[IncomingDraft] = []
    bad: list[BadRow] = []
    for row, raw in formats.read_rows(path, ImportOptions(format=format, unlabelled=True)):
        one = raw if isinstance(raw, str) else incoming(raw, f"{path.stem}-{row}")
        if isinstance(one, str):
            bad.append(BadRow(str(path), row, one))
        else:
            found.append(one)
    if bad:
        raise TicketError(bad)
    return found


def incoming(raw: Mapping[str, Any], place: str) -> IncomingDraft | str:
    """The draft of one record, or the reason why the record has no draft. Subject and body may be empty."""
    fields = [raw.get(name) if raw.get(name) is not None else "" for name in ("support_id", "subject", "body")]
    if "body" not in raw and "subject" not in raw:
        return "neither subject nor body"
    for name, value in zip(("support_id", "subject", "body"), fields, strict=True):
        if not isinstance(value, str):
            return f"{name}: not text"
    order = raw.get("order") or {"cancelled_by": raw.get("cancelled_by"), "status": raw.get("order_status")}
    if not isinstance(order, Mapping) or order.get("cancelled_by") not in (None, "", "customer", "merchant"):
        return "order: cancelled_by must be customer, merchant or empty"
    known = Order(cancelled_by=order.get("cancelled_by") or None, status=order.get("status") or None)
    support_id, subject, body = map(str, fields)
    draft = Draft(support_id, subject, body, **_thread(raw))
    return IncomingDraft(str(raw.get("id") or place), draft, known if known != Order() else None)


def _thread(raw: Mapping[str, Any]) -> dict[str, Any]:
    """What a record says of the thread, where its draft is a reply."""
    if raw.get("context") != "reply":
        return {}
    return {"context": "reply", "customer_message": str(raw.get("customer_message") or "")}


def batches(items: list[IncomingDraft], size: int) -> Iterator[list[IncomingDraft]]:
    """Slices of at most `size` items."""
    for at in range(0, len(items), size):
        yield items[at : at + size]
