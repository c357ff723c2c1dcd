"""Tickets as tasks of Label Studio and Prodigy, and back. A machine's guess (a prediction) never counts as a label."""

from collections.abc import Iterable, Mapping
from typing import Any

from classifier.labels import LABELS

UNLABELLED = "nobody has labelled it yet"
"""The reason given for a task that waits for a person; `import --skip-unlabelled` passes over these."""

LABEL_CONFIG = f"""<View>
  <Text name="subject" value="$subject"/>
  <Text name="body" value="$body"/>
  <Choices name="labels" toName="body" choice="multiple">
    {"".join(f'<Choice value="{label}"/>' for label in LABELS)}
  </Choices>
  <Labels name="evidence_body" toName="body">{"".join(f'<Label value="{label}"/>' for label in LABELS)}</Labels>
  <Labels name="evidence_subject" toName="subject">{"".join(f'<Label value="{label}"/>' for label in LABELS)}</Labels>
</View>
"""
"""The labelling interface to set up in a Label Studio project for these tasks."""

_KEPT = ("writer", "scenario", "support_id", "subject", "body", "order", "note", "language", "date", "provenance")
_GAP = "\n\n"
"""Between subject and body in a Prodigy task's one text."""


def to_label_studio(ticket: Mapping[str, Any]) -> dict[str, Any]:
    """A task with the ticket's labels and evidence as its one annotation."""
    result: list[dict[str, Any]] = [
        {"from_name": "labels", "to_name": "body", "type": "choices", "value": {"choices": list(ticket["labels"])}}
    ]
    for label, field, start, text in _places(ticket):
        begin = _utf16(ticket[field][:start])
        value = {"start": begin, "end": begin + _utf16(text), "text": text, "labels": [label]}
        result.append({"from_name": f"evidence_{field}", "to_name": field, "type": "labels", "value": value})
    data = {"ticket_id": ticket["id"], **{key: ticket[key] for key in _KEPT if ticket.get(key) is not None}}
    return {"data": data, "annotations": [{"was_cancelled": False, "result": result}]}


def from_label_studio(task: Any) -> dict[str, Any] | str:
    """The ticket of an exported task, or the reason why the task has no ticket."""
    if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
        return "no Label Studio task: data is missing"
    finished = [a for a in task.get("annotations") or [] if not a.get("was_cancelled")]
    if not finished:
        return UNLABELLED
    readings = [_annotation(task["data"], a.get("result") or []) for a in finished]
    if len({tuple(sorted(labels)) for labels, _ in readings}) > 1:
        return "its annotators disagree: " + " / ".join(",".join(sorted(labels)) or "none" for labels, _ in readings)
    labels, evidence = readings[-1]
    return _ticket(task["data"], task.get("id"), labels, evidence)


def _annotation(data: Mapping[str, Any], result: Iterable[Any]) -> tuple[list[str], dict[str, list[str]]]:
    labels: list[str] = []
    evidence: dict[str, list[str]] = {}
    for one in result:
        value = one.get("value") or {}
        labels.extend(value.get("choices") or [])
        for label in value.get("labels") or []:
            typed = str(data.get(one.get("to_name"), "")).encode("utf-16-le")
            cut = typed[2 * value.get("start", 0) : 2 * value.get("end", 0)].decode("utf-16-le", errors="replace")
            evidence.setdefault(label, []).append(cut or value.get("text", ""))
    return list(dict.fromkeys([*labels, *evidence])), evidence


def to_prodigy(ticket: Mapping[str, Any]) -> dict[str, Any]:
    """A task for Prodigy's `choice` and `spans.manual` views; offsets are code points into its `text`."""
    text = ticket["subject"] + _GAP + ticket["body"]
    spans = []
    for label, field, start, words in _places(ticket):
        begin = start + (len(ticket["subject"] + _GAP) if field == "body" else 0)
        spans.append({"start": begin, "end": begin + len(words), "label": label})
    return {
        "text": text,
        "options": [{"id": str(label), "text": str(label)} for label in LABELS],
        "accept": list(ticket["labels"]),
        "answer": "accept",
        "spans": spans,
        "ticket_id": ticket["id"],
        **{key: ticket[key] for key in _KEPT if ticket.get(key) is not None},
    }


def from_prodigy(task: Mapping[str, Any]) -> dict[str, Any] | str:
    """The ticket of one line of `prodigy db-out`, or the reason why the line has no ticket."""
    if task.get("answer") != "accept":
        return UNLABELLED if task.get("answer") in (None, "ignore") else "its answer is not accept"
    text = task.get("text", "")
    spans = [s for s in task.get("spans") or [] if s.get("label")]
    evidence: dict[str, list[str]] = {}
    for span in spans:
        evidence.setdefault(span["label"], []).append(text[span["start"] : span["end"]])
    data = dict(task)
    if "body" not in data:
        data["subject"], _, data["body"] = text.rpartition(_GAP)
    return _ticket(data, None, list(dict.fromkeys([*task.get("accept", []), *evidence])), evidence)


def _ticket(data: Mapping[str, Any], number: Any, labels: list[str], evidence: dict[str, list[str]]) -> dict[str, Any]:
    ticket = {key: data[key] for key in _KEPT if data.get(key) is not None}
    name = data.get("ticket_id") or data.get("id") or (f"task-{number}" if number is not None else None)
    if name is not None:
        ticket["id"] = str(name)
    return {**ticket, "labels": labels, "evidence": evidence}


def _places(ticket: Mapping[str, Any]) -> Iterable[tuple[str, str, int, str]]:
    """(label, field, start, words) of each piece of evidence at its first place."""
    for label, pieces in (ticket.get("evidence") or {}).items():
        for text in pieces:
            field = "body" if text in ticket["body"] else "subject"
            yield label, field, ticket[field].index(text), text


def _utf16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
