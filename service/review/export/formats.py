"""Tickets written as JSONL, CSV, Parquet, Label Studio tasks or Prodigy tasks. Pure: tickets in, bytes out."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from classifier import LABELS
from classifier.csv_cells import harmless, without_nul
from service.review.export.tickets import Ticket

_COLUMNS = (
    "id", "writer", "scenario", "support_id", "subject", "body", "labels", "cancelled_by", "order_status", "evidence",
    "note", "language", "date", "provenance", "context", "customer_message",
)  # fmt: skip
_KEPT = (
    "writer", "scenario", "support_id", "subject", "body", "order", "note", "language", "date", "provenance", "context",
    "customer_message",
)  # fmt: skip
_GAP = "\n\n"


def as_jsonl(tickets: Sequence[Ticket]) -> bytes:
    """One ticket a line."""
    return "".join(json.dumps(ticket, ensure_ascii=False) + "\n" for ticket in tickets).encode()


def as_csv(tickets: Sequence[Ticket]) -> bytes:
    """One ticket a row: labels joined by semicolons, evidence as JSON; no cell that a spreadsheet would run."""
    target = io.StringIO()
    writer = csv.DictWriter(target, _COLUMNS)
    writer.writeheader()
    for ticket in tickets:
        writer.writerow({name: harmless(cell) for name, cell in _cells(without_nul(ticket)).items()})
    return target.getvalue().encode()


def as_parquet(tickets: Sequence[Ticket]) -> bytes:
    """The same columns as CSV, all strings."""
    import pyarrow as pa
    from pyarrow import parquet

    rows = [_cells(ticket) for ticket in tickets]
    table = pa.table({name: pa.array([row[name] for row in rows], pa.string()) for name in _COLUMNS})
    target = io.BytesIO()
    parquet.write_table(table, target)
    return target.getvalue()


def _cells(ticket: Mapping[str, Any]) -> dict[str, str]:
    order = ticket["order"] or {}
    special = {
        "labels": ";".join(ticket["labels"]),
        "cancelled_by": order.get("cancelled_by") or "",
        "order_status": order.get("status") or "",
        "evidence": json.dumps(ticket["evidence"], ensure_ascii=False) if ticket["evidence"] else "",
    }
    return {name: special[name] if name in special else str(ticket.get(name) or "") for name in _COLUMNS}


def as_label_studio(tickets: Sequence[Ticket]) -> bytes:
    """Tasks, each with the person's labels as its one annotation."""
    return json.dumps([_task(ticket) for ticket in tickets], ensure_ascii=False, indent=1).encode()


def _task(ticket: Ticket) -> dict[str, Any]:
    result = [{"from_name": "labels", "to_name": "body", "type": "choices", "value": {"choices": ticket["labels"]}}]
    for label, field, start, text in _places(ticket):
        begin = _utf16(ticket[field][:start])
        value = {"start": begin, "end": begin + _utf16(text), "text": text, "labels": [label]}
        result.append({"from_name": f"evidence_{field}", "to_name": field, "type": "labels", "value": value})
    data = {"ticket_id": ticket["id"], **{key: ticket[key] for key in _KEPT if ticket.get(key) is not None}}
    return {"data": data, "annotations": [{"was_cancelled": False, "result": result}]}


def as_prodigy(tickets: Sequence[Ticket]) -> bytes:
    """Answered tasks, one a line; offsets are code points into `text`."""
    return "".join(json.dumps(_answered(ticket), ensure_ascii=False) + "\n" for ticket in tickets).encode()


def _answered(ticket: Ticket) -> dict[str, Any]:
    lead = len(ticket["subject"] + _GAP)
    spans = [
        {
            "start": start + (lead if field == "body" else 0),
            "label": label,
            "end": start + len(text) + (lead if field == "body" else 0),
        }
        for label, field, start, text in _places(ticket)
    ]
    return {
        "text": ticket["subject"] + _GAP + ticket["body"],
        "options": [{"id": label.value, "text": label.value} for label in LABELS],
        "accept": ticket["labels"],
        "answer": "accept",
        "spans": spans,
        "ticket_id": ticket["id"],
        **{key: ticket[key] for key in _KEPT if ticket.get(key) is not None},
    }


def _places(ticket: Ticket) -> Iterable[tuple[str, str, int, str]]:
    """(label, field, start, words) of each piece of evidence, at its first place."""
    for label, pieces in ticket["evidence"].items():
        for text in pieces:
            field = "body" if text in ticket["body"] else "subject"
            if text in ticket[field]:
                yield label, field, ticket[field].index(text), text


def _utf16(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


FORMATS: Mapping[str, tuple[Callable[[Sequence[Ticket]], bytes], str, str]] = {
    "jsonl": (as_jsonl, "application/x-ndjson", "jsonl"),
    "csv": (as_csv, "text/csv; charset=utf-8", "csv"),
    "parquet": (as_parquet, "application/vnd.apache.parquet", "parquet"),
    "label-studio": (as_label_studio, "application/json", "json"),
    "prodigy": (as_prodigy, "application/x-ndjson", "jsonl"),
}
"""Name: writer, media type, ending of the file."""
