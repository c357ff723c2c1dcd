"""Check that a record is a labelled ticket; every fault of a bad record is named, not only the first."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from classifier.labels import Label

_REQUIRED = {"id": str, "writer": str, "scenario": str, "support_id": str, "subject": str, "body": str, "labels": list}
_OPTIONAL = {
    "order": dict, "evidence": dict, "note": str, "language": str, "provenance": str, "date": str, "context": str,
    "customer_message": str,
}  # fmt: skip
_NAMES = ("id", "writer", "scenario")
"""Must not be empty: they identify and group drafts."""

KNOWN_FIELDS = frozenset([*_REQUIRED, *_OPTIONAL, "merchant_id"])
"""What a row may hold; `merchant_id` stands in for a writer and is not kept."""

_LABELS = frozenset(label.value for label in Label)


def faults(raw: Any) -> list[str]:
    """Every reason why a record is no labelled ticket, each beginning with its field; empty for a good one."""
    if not isinstance(raw, dict):
        return ["not an object"]
    wrong = [f"{key}: missing or not a {kind.__name__}" for key, kind in _REQUIRED.items() if not _is(raw, key, kind)]
    wrong += [f"{key}: empty" for key in _NAMES if isinstance(raw.get(key), str) and not raw[key].strip()]
    wrong += [
        f"{key}: not a {kind.__name__}"
        for key, kind in _OPTIONAL.items()
        if raw.get(key) is not None and not _is(raw, key, kind)
    ]
    wrong += [f"unknown field {key!r}" for key in sorted(map(str, set(raw) - set(_REQUIRED) - set(_OPTIONAL)))]
    if raw.get("context") not in (None, "", "new_ticket", "reply"):
        wrong.append("context: must be new_ticket or reply")
    return [*wrong, *_label_faults(raw), *_order_faults(raw), *_evidence_faults(raw), *_date_faults(raw)]


def _is(raw: Mapping[str, Any], key: str, kind: type) -> bool:
    return isinstance(raw.get(key), kind)


def _label_faults(raw: Mapping[str, Any]) -> Iterator[str]:
    labels = raw.get("labels")
    for label in labels if isinstance(labels, list) else []:
        if not isinstance(label, str) or label not in _LABELS:
            yield f"labels: unknown label {label!r}"


def _order_faults(raw: Mapping[str, Any]) -> Iterator[str]:
    order = raw.get("order")
    if not isinstance(order, dict):
        return
    if order.get("cancelled_by") not in (None, "customer", "merchant"):
        yield "order: cancelled_by must be customer, merchant or null"
    if not isinstance(order.get("status"), str | None):
        yield "order: status must be a str or null"


def _evidence_faults(raw: Mapping[str, Any]) -> Iterator[str]:
    evidence = raw.get("evidence")
    labels = raw["labels"] if isinstance(raw.get("labels"), list) else []
    typed = [raw[key] for key in ("subject", "body") if isinstance(raw.get(key), str)]
    for label, spans in evidence.items() if isinstance(evidence, dict) else ():
        if label not in labels:
            yield f"evidence: {label!r} is not among the labels"
        if not isinstance(spans, list):
            yield f"evidence: {label!r} is not a list of passages"
            continue
        for text in spans:
            if not isinstance(text, str) or not text or not any(text in words for words in typed):
                yield f"evidence: {text!r} does not stand in subject or body"


def _date_faults(raw: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(date := raw.get("date"), str):
        return
    try:
        datetime.fromisoformat(date)
    except ValueError:
        yield f"date: {date!r} is not an ISO 8601 date"
