"""Take labelled tickets in: every row is checked, a bad one named with file, row and reason, nothing half taken."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from classifier.draft import LabelledDraft
from training import atomic_files
from training.tickets import formats
from training.tickets.annotation_tools import UNLABELLED
from training.tickets.loading import BadRow, TicketError, as_record, load, parse


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How to read files that do not have our columns: `columns` maps theirs to ours; what is missing is filled in.

    `writer` names who wrote the drafts, where no column does: writers are what a model is measured across.
    """

    format: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    writer: str | None = None
    skip_unlabelled: bool = False


@dataclass(frozen=True, slots=True)
class ImportedTickets:
    """The checked records of an import, and how many tasks still waited for a person."""

    records: tuple[dict[str, Any], ...]
    skipped: int


def read(paths: Sequence[Path], intake: ImportOptions) -> ImportedTickets:
    """All rows of the files, checked. Raises TicketError naming every bad row, FileNotFoundError, FormatError."""
    records: list[dict[str, Any]] = []
    bad: list[BadRow] = []
    seen: dict[str, str] = {}
    skipped = 0
    for path in paths:
        for row, raw in formats.read_rows(path, intake.format):
            if raw == UNLABELLED and intake.skip_unlabelled:
                skipped += 1
                continue
            result = (
                raw if isinstance(raw, str) else checked(_filled(raw, path, row, intake), seen, f"{path.name}:{row}")
            )
            if isinstance(result, str):
                bad.append(BadRow(str(path), row, result))
            else:
                records.append(result)
    if bad:
        raise TicketError(bad)
    return ImportedTickets(tuple(records), skipped)


def checked(raw: Mapping[str, Any], seen: dict[str, str], place: str) -> dict[str, Any] | str:
    """The record in its one canonical form, or why it is refused; `seen` maps the ids met so far to their places."""
    labelled = parse(raw)
    if isinstance(labelled, str):
        return labelled
    if labelled.id in seen:
        return f"duplicate id {labelled.id!r}, first seen at {seen[labelled.id]}"
    seen[labelled.id] = place
    kept = {key: raw[key] for key in ("date", "provenance") if raw.get(key)}
    return {**as_record(labelled), **kept}


def _filled(raw: Mapping[str, Any], path: Path, row: int, intake: ImportOptions) -> dict[str, Any]:
    record = {intake.columns.get(key, key): value for key, value in raw.items()}
    record.pop("machine", None)  # what the service's export tells of the machine's verdict: no person's word
    record.setdefault("id", f"{path.stem}-{row:06d}")
    record.setdefault("writer", intake.writer or path.stem)
    record.setdefault("scenario", record["id"])
    record.setdefault("subject", "")
    for key in ("id", "writer", "scenario", "support_id", "date", "provenance"):
        if isinstance(record.get(key), int | date):  # a table's own kinds; a datetime is a date, too
            record[key] = str(record[key])
    return record


def store(
    records: Sequence[Mapping[str, Any]], target: Path, known: Iterable[LabelledDraft] = (), *, write: bool = True
) -> int:
    """Write records as one JSONL file, all at once, or only check that they could be; returns how many are new there.

    Records that the target holds already are replaced by id. Raises TicketError where an id belongs to `known`.
    """
    taken = {labelled.id for labelled in known}
    clash = [BadRow(str(target), n, f"id {r['id']!r} is taken") for n, r in enumerate(records, 1) if r["id"] in taken]
    if clash:
        raise TicketError(clash)
    held = {record["id"]: record for record in read_records(target)} if target.exists() else {}
    new = sum(record["id"] not in held for record in records)
    held.update({record["id"]: dict(record) for record in records})
    if not write:
        return new
    atomic_files.write_text(target, "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in held.values()))
    return new


def read_records(*paths: Path) -> list[dict[str, Any]]:
    """The records of JSONL files or folders, with the dates and provenance that a LabelledDraft leaves out.

    Raises TicketError, as `tickets.load` does.
    """
    load(*paths)
    files = [f for path in paths for f in (sorted(path.glob("*.jsonl")) if path.is_dir() else [path])]
    return [json.loads(line) for f in files for line in f.read_text(encoding="utf-8").split("\n") if line.strip()]
