"""Labelled drafts from JSONL files; a bad row is an error with its file, line and reason."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classifier.draft import Draft, LabelledDraft, Order
from classifier.labels import Label
from training.repository_files import repository_path
from training.tickets.validation import faults

DRAFTS = repository_path("data/drafts")


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was refused: where it stands (line or row number from 1) and why."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


class TicketError(ValueError):
    """Raised when any row is bad; nothing of the files is taken then. Holds every bad row."""

    def __init__(self, bad: Iterable[BadRow]) -> None:
        self.bad = tuple(bad)
        super().__init__("\n".join(map(str, self.bad)))


def load(*paths: Path) -> list[LabelledDraft]:
    """All drafts of the files, or of every *.jsonl in a folder, in order of file name and line.

    Raises TicketError naming each bad row, FileNotFoundError for a path that is not there.
    """
    files = [file for path in paths or (DRAFTS,) for file in _files(path)]
    drafts: list[LabelledDraft] = []
    bad: list[BadRow] = []
    seen: dict[str, str] = {}
    for file in files:
        for line, result in _rows(file):
            place = f"{file.name}:{line}"
            if isinstance(result, LabelledDraft) and result.id in seen:
                result = f"duplicate id {result.id!r}, first seen at {seen[result.id]}"
            if isinstance(result, str):
                bad.append(BadRow(str(file), line, result))
            else:
                seen[result.id] = place
                drafts.append(result)
    if bad:
        raise TicketError(bad)
    if not drafts:
        raise TicketError([BadRow(str(paths[0] if paths else DRAFTS), 0, "holds no draft")])
    return drafts


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(path.glob("*.jsonl"))
    if not path.exists():
        raise FileNotFoundError(path)
    return [path]


def _rows(file: Path) -> Iterator[tuple[int, LabelledDraft | str]]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield number, _row(line)


def _row(line: bytes) -> LabelledDraft | str:
    try:
        raw = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        return f"not UTF-8: {error.reason} at byte {error.start} of the line"
    except json.JSONDecodeError as error:
        return f"not JSON: {error.msg} at column {error.colno}"
    return parse(raw)


def parse(raw: Any) -> LabelledDraft | str:
    """The labelled draft that one record describes, or every reason why it is refused."""
    if reasons := faults(raw):
        return "; ".join(reasons)
    order = raw.get("order") or None
    evidence = {Label(label): tuple(spans) for label, spans in (raw.get("evidence") or {}).items()}
    return LabelledDraft(
        id=raw["id"],
        writer=raw["writer"],
        scenario=raw["scenario"],
        draft=_draft(raw),
        labels=frozenset(Label(label) for label in raw["labels"]),
        order=Order(cancelled_by=order.get("cancelled_by"), status=order.get("status")) if order else None,
        evidence=evidence,
        note=raw.get("note") or "",
        language=raw.get("language") or "en",
    )


def _draft(raw: dict[str, Any]) -> Draft:
    """The draft of a record; of a reply with the customer's message that it answers."""
    if raw.get("context") != "reply":
        return Draft(raw["support_id"], raw["subject"], raw["body"])
    return Draft(raw["support_id"], raw["subject"], raw["body"], "reply", raw.get("customer_message") or "")


def as_record(labelled: LabelledDraft) -> dict[str, Any]:
    """The JSON record of a labelled draft; parse(as_record(x)) == x."""
    order, draft = labelled.order, labelled.draft
    reply = {"context": "reply", "customer_message": draft.customer_message} if draft.context == "reply" else {}
    return {
        "id": labelled.id,
        "writer": labelled.writer,
        "scenario": labelled.scenario,
        "support_id": labelled.draft.support_id,
        "subject": labelled.draft.subject,
        "body": labelled.draft.body,
        "order": {"cancelled_by": order.cancelled_by, "status": order.status} if order else None,
        "labels": sorted(labelled.labels, key=list(Label).index),
        "evidence": {label.value: list(spans) for label, spans in labelled.evidence.items()},
        "note": labelled.note,
        "language": labelled.language,
        **reply,
    }
