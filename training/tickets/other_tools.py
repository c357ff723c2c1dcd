"""Tickets from the exports of doccano, Argilla, and Label Studio's flat forms (JSON-MIN and CSV)."""

from collections.abc import Iterable, Mapping
from typing import Any

from training.tickets import table_rows
from training.tickets.annotation_tools import UNLABELLED

_DOCCANO_OWN = frozenset({"label", "entities", "relations", "Comments", "comments", "text", "data", "cats"})
_FLAT_OWN = frozenset(
    {"annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement", "history", "label_rank"}
)


def from_doccano(row: Mapping[str, Any]) -> dict[str, Any] | str:
    """The ticket of one doccano record: `label` holds names, or [start, end, name]; or `entities` holds the spans."""
    text = row.get("text", row.get("data", row.get("body", "")))
    ticket = {key: value for key, value in row.items() if key not in _DOCCANO_OWN}
    ticket.setdefault("subject", "")
    ticket.setdefault("body", text)
    labels: list[Any] = []
    evidence: dict[str, list[str]] = {}
    given = row.get("label", row.get("labels", []))
    for one in given if isinstance(given, list) else table_rows.labels_of(given):
        if isinstance(one, list) and len(one) == 3 and isinstance(one[0], int):
            evidence.setdefault(str(one[2]), []).append(text[one[0] : one[1]])
        else:
            labels.append(one)
    for span in row.get("entities") or []:
        evidence.setdefault(str(span["label"]), []).append(text[span["start_offset"] : span["end_offset"]])
    return {**ticket, "labels": list(dict.fromkeys([*labels, *evidence])), "evidence": evidence}


def from_flat_label_studio(row: Mapping[str, Any]) -> dict[str, Any] | str:
    """The ticket of a task of JSON-MIN or CSV: fields of the task, and one entry for each control of the interface."""
    ticket: dict[str, Any] = {}
    evidence: dict[str, list[str]] = {}
    labels: list[Any] = []
    for key, value in row.items():
        spans = _spans(value)
        if key in _FLAT_OWN:
            continue
        if spans:
            for label, text in spans:
                evidence.setdefault(label, []).append(text)
        elif key == "labels":
            labels = table_rows.labels_of(value)
        elif not (key.startswith("evidence_") and value in (None, "", [])):
            ticket[key] = value
    if "labels" not in row and not evidence:
        return UNLABELLED
    ticket["id"] = str(ticket.pop("ticket_id", None) or f"task-{ticket.get('id', '')}".rstrip("-"))
    if ticket["id"] == "task":
        del ticket["id"]
    found = table_rows.record({**ticket, "labels": list(dict.fromkeys([*labels, *evidence]))})
    return found if isinstance(found, str) or not evidence else {**found, "evidence": evidence}


def _spans(value: Any) -> list[tuple[str, str]]:
    """(label, text) of each marked span, where the value is a list of them or its JSON."""
    if isinstance(value, str) and value.startswith("[{"):
        value = table_rows.literal(value)
    found = []
    for one in value if isinstance(value, list) else []:
        if not isinstance(one, Mapping) or "text" not in one:
            return []
        names = [label for key, given in one.items() if key.endswith("labels") for label in given]
        found += [(str(label), str(one["text"])) for label in names]
    return found


def from_argilla(record: Mapping[str, Any]) -> dict[str, Any] | str:
    """The ticket of an Argilla record with its submitted responses, nested as version 1 or 2 writes them, or as the
    flat columns of a data set."""
    fields = record.get("fields") if isinstance(record.get("fields"), Mapping) else record
    metadata = record.get("metadata") if isinstance(record.get("metadata"), Mapping) else {}
    ticket = {**_plain(metadata or {}), **_plain(fields or {})}
    ticket.setdefault("subject", "")
    if "body" not in ticket and "text" in ticket:
        ticket["body"] = ticket.pop("text")
    if record.get("external_id") or record.get("id"):
        ticket.setdefault("id", str(record.get("external_id") or record.get("id")))
    readings = [_argilla_reading(values, ticket) for values in _responses(record)]
    if not readings:
        return UNLABELLED
    if len({tuple(sorted(map(str, labels))) for labels, _ in readings}) > 1:
        said = " / ".join(",".join(sorted(map(str, labels))) or "none" for labels, _ in readings)
        return f"its annotators disagree: {said}"
    labels, evidence = readings[-1]
    return {**ticket, "labels": labels, "evidence": evidence}


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    own = (
        "id",
        "external_id",
        "status",
        "inserted_at",
        "updated_at",
        "vectors",
        "suggestions",
        "responses",
        "_server_id",
    )
    return {
        key: value for key, value in values.items() if value is not None and key not in own and "." not in key
    }  # fmt: skip


def _responses(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Question -> value, for each person who submitted."""
    responses = record.get("responses")
    if isinstance(responses, list):  # version 1: one entry a person
        return [
            {
                name: (one.get("value") if isinstance(one, Mapping) else one)
                for name, one in (r.get("values") or {}).items()
            }
            for r in responses
            if r.get("status", "submitted") == "submitted" and r.get("values")
        ]
    by_person: dict[Any, dict[str, Any]] = {}
    if isinstance(responses, Mapping):  # version 2: one entry a question
        for question, answers in responses.items():
            for number, one in enumerate(answers or []):
                if one.get("status", "submitted") == "submitted":
                    by_person.setdefault(one.get("user_id", number), {})[question] = one.get("value")
    for key, answers in record.items():  # a data set: columns "question.responses", with ".users" and ".status"
        if key.endswith(".responses") and isinstance(answers, Iterable) and not isinstance(answers, str):
            states, users = record.get(f"{key}.status") or [], record.get(f"{key}.users") or []
            for number, value in enumerate(answers):
                if number >= len(states) or states[number] == "submitted":
                    person = users[number] if number < len(users) else number
                    by_person.setdefault(person, {})[key.removesuffix(".responses")] = value
    return list(by_person.values())


def _argilla_reading(values: Mapping[str, Any], ticket: Mapping[str, Any]) -> tuple[list[Any], dict[str, list[str]]]:
    """The labels of one person's answers, and the words of marked spans."""
    labels: list[Any] = []
    evidence: dict[str, list[str]] = {}
    for value in values.values():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, Mapping) and "start" in one:
                start, end = int(one["start"]), int(one["end"])
                found = one.get("text") or str(ticket.get("body", ""))[start:end]
                evidence.setdefault(str(one["label"]), []).append(found)
            elif one not in (None, "none"):
                labels.append(one)
    return list(dict.fromkeys([*map(str, labels), *evidence])), evidence
