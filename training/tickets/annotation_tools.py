"""Tickets as tasks of Label Studio and Prodigy, and back. The prediction of a machine never counts as a label."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from classifier.labels import LABELS

UNLABELLED = "nobody has labelled it yet"
"""The reason of a task that waits for a person; `import --skip-unlabelled` skips these."""

REJECTED = "its answer is reject"
"""The reason of a task that a person rejected; `import --skip-rejected` skips these."""

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

_KEPT = (
    "writer", "scenario", "support_id", "subject", "body", "order", "note", "language", "date", "provenance", "context",
    "customer_message",
)  # fmt: skip
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
        labels.extend(path[-1] for path in value.get("taxonomy") or [] if path)
        for label in _marked(value):
            typed = str(data.get(one.get("to_name"), "")).encode("utf-16-le")
            first, end = value.get("start", 0), value.get("end", 0)
            plain = isinstance(first, int) and isinstance(end, int)  # a hypertext span has XPaths instead
            cut = typed[2 * first : 2 * end].decode("utf-16-le", errors="replace") if plain else ""
            evidence.setdefault(label, []).append(cut or value.get("text", ""))
    return list(dict.fromkeys([*labels, *evidence])), evidence


def _marked(value: Mapping[str, Any]) -> Iterator[str]:
    """The labels of a marked span: `labels`, `hypertextlabels`, `paragraphlabels` and their like."""
    yield from (label for key, labels in value.items() if key.endswith("labels") for label in labels or [])


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
        return UNLABELLED if task.get("answer") in (None, "ignore") else REJECTED
    text = task.get("text", "")
    spans = [s for s in task.get("spans") or [] if s.get("label")]
    evidence: dict[str, list[str]] = {}
    for span in spans:
        evidence.setdefault(span["label"], []).append(text[span["start"] : span["end"]])
    data = {key: value for key, value in task.items() if key not in ("id", "label")}
    if "body" not in data:
        data["subject"], data["body"] = "", text
    chosen = task.get("accept") or []
    labels = [chosen] if isinstance(chosen, str) else list(chosen)
    return _ticket(data, None, list(dict.fromkeys([*labels, *evidence])), evidence)


def is_binary(task: Any) -> bool:
    """Whether a Prodigy task asks about one label, to be accepted or rejected."""
    return isinstance(task, dict) and isinstance(task.get("label"), str) and "accept" not in task


def from_binary(tasks: Sequence[tuple[int, dict[str, Any]]]) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """One ticket for each text of binary tasks, under the row of its first task: the labels that were accepted.

    A text without an answer to each label that the file asks about is unlabelled.
    """
    asked = {task["label"] for _, task in tasks}
    texts: dict[Any, list[tuple[int, dict[str, Any]]]] = {}
    for row, task in tasks:
        texts.setdefault((task.get("ticket_id"), task.get("text")), []).append((row, task))
    for group in texts.values():
        answers = {task["label"]: task.get("answer") for _, task in group}
        open_ = sorted(asked - {label for label, answer in answers.items() if answer in ("accept", "reject")})
        row, first = group[0]
        if open_:
            yield row, f"{UNLABELLED}: no answer about {', '.join(open_)}"
        else:
            accepted = [label for label, answer in answers.items() if answer == "accept"]
            yield row, from_prodigy({**first, "answer": "accept", "accept": accepted})


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
