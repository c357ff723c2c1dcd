"""Take labelled tickets in: every row is checked, a bad one named with file, row and reason, and no file half taken."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from classifier.draft import LabelledDraft
from classifier.labels import LABELS
from training import atomic_files
from training.tickets import formats
from training.tickets.annotation_tools import REJECTED, UNLABELLED
from training.tickets.import_options import NO_LABEL, ImportOptions, MappingError, Translation
from training.tickets.loading import BadRow, TicketError, as_record, load, parse
from training.tickets.validation import KNOWN_FIELDS

_SET_NAME = re.compile(r"[\w][\w.-]{0,79}")
_FEWEST_FILES = 3
"""From so many files on, a file stands for a writer; the words of fewer writers than this are all rare."""


@dataclass(frozen=True, slots=True)
class ImportedTickets:
    """The checked records of an import. `skipped` tasks waited for a person or were rejected; `repeated` rows say what
    another row says. `labels` counts the records of each label; `notes` say what was assumed or left out."""

    records: tuple[dict[str, Any], ...]
    skipped: int = 0
    repeated: int = 0
    labels: Mapping[str, int] | None = None
    notes: tuple[str, ...] = ()


def read(paths: Sequence[Path], options: ImportOptions, named: Iterable[str] = ()) -> ImportedTickets:
    """All rows of the files, checked. `named` are the mapped names that must occur in them.

    Raises TicketError naming every bad row, FileNotFoundError, FormatError, and MappingError for a mapped name that no
    file has.
    """
    given = Translation(options)
    run = _Run(options, given)
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"{path}: no such file")
        before = len(run.rows)
        for row, raw in formats.read_rows(path, options, given):
            run.take(path, row, raw)
        mine = run.rows[before:]
        if mine and not options.unlabelled and not any(record.get("labels") for _, _, record in mine):
            run.bad.append(BadRow(str(path), 0, "no row has a label; take it so with --unlabelled, or map its labels"))
    if missing := given.unused(named):
        raise MappingError(f"no file has {', '.join(map(repr, missing))}, which is mapped")
    records, notes = run.finish()
    counts = label_counts(records)
    return ImportedTickets(tuple(records), run.skipped, run.repeated, counts, (*given.notes, *notes, *run.left_out()))


def label_counts(records: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """How many records carry each label, and how many none."""
    found = Counter(label for record in records for label in (record["labels"] or [NO_LABEL]))
    return {name: found[name] for name in (*map(str, LABELS), NO_LABEL)}


class _Run:
    """The rows of one import, as far as they are read."""

    def __init__(self, options: ImportOptions, translation: Translation) -> None:
        self._options = options
        self._translation = translation
        self.rows: list[tuple[Path, int, dict[str, Any]]] = []
        self.bad: list[BadRow] = []
        self.skipped = 0
        self.repeated = 0
        self._extra: Counter[str] = Counter()

    def take(self, path: Path, row: int, raw: dict[str, Any] | str) -> None:
        """Keep one row, under our labels."""
        if isinstance(raw, str):
            if (raw.startswith(UNLABELLED) and self._options.skip_unlabelled) or (
                raw == REJECTED and self._options.skip_rejected
            ):
                self.skipped += 1
            else:
                self.bad.append(BadRow(str(path), row, raw))
            return
        record = dict(raw)
        if self._options.unlabelled:
            record.setdefault("labels", [])
        if isinstance(record.get("labels"), list):
            record["labels"] = self._translation.labels(record["labels"])
        if record.get("evidence"):
            record["evidence"] = self._translation.evidence(record["evidence"])
        if self._options.ignore_extra:
            extra = [key for key in record if key not in KNOWN_FIELDS]
            self._extra.update(extra)
            record = {key: value for key, value in record.items() if key in KNOWN_FIELDS}
        self.rows.append((path, row, record))

    def finish(self) -> tuple[list[dict[str, Any]], list[str]]:
        """The checked records, and what was assumed. Raises TicketError naming every bad row."""
        notes = self._name_writers()
        records: list[dict[str, Any]] = []
        seen: dict[str, str] = {}
        texts: dict[str, dict[str, Any]] = {}
        for path, row, raw in self.rows:
            named = "id" in raw
            result = checked(_filled(raw, path), {} if not named else seen, f"{path.name}:{row}")
            if isinstance(result, dict) and not named:
                first = texts.setdefault(result["id"], result)
                if first is not result and first["labels"] == result["labels"]:
                    self.repeated += 1
                    continue
                if first is not result:
                    result = "the same words stand in another row with other labels"
            if isinstance(result, str):
                self.bad.append(BadRow(str(path), row, result))
            else:
                records.append({**result, "provenance": result.get("provenance") or path.name})
        if self.bad:
            raise TicketError(sorted(self.bad, key=lambda bad: (bad.file, bad.line)))
        return records, notes

    def _name_writers(self) -> list[str]:
        """Fill in missing writers: merchants, then scenarios, then files; else every ticket stands for itself."""
        missing = [at for at, (_, _, record) in enumerate(self.rows) if not record.get("writer")]
        for at in missing:
            path, row, record = self.rows[at]
            self.rows[at] = (path, row, {**record, "writer": self._options.writer or ""})
        if not missing or self._options.writer:
            return [] if not missing else [f"writer: {self._options.writer!r} for {len(missing)} tickets"]
        files = len({path for path, _, _ in self.rows})
        used: Counter[str] = Counter()
        for at in missing:
            path, row, record = self.rows[at]
            kind, name = _stand_in(record, path, files)
            used[kind] += 1
            self.rows[at] = (path, row, {**record, "writer": name})
        return [f"no writer is known: {kind} stands in for {count} tickets" for kind, count in used.items()]

    def left_out(self) -> list[str]:
        """What the options left out, in words."""
        notes = []
        if self._extra:
            notes.append("columns left out: " + ", ".join(sorted(self._extra)))
        if self._translation.left_out:
            some = sorted(self._translation.left_out.items(), key=lambda one: -one[1])
            notes.append("labels left out: " + ", ".join(f"{name} ({count})" for name, count in some[:20]))
        return notes


def _stand_in(record: Mapping[str, Any], path: Path, files: int) -> tuple[str, str]:
    if record.get("merchant_id"):
        return "the merchant", f"merchant-{record['merchant_id']}"
    if record.get("scenario"):
        return "the scenario", str(record["scenario"])
    if files >= _FEWEST_FILES:
        return "the file", path.stem
    return "each ticket", f"ticket-{record.get('id') or content_id(record)}"


def content_id(record: Mapping[str, Any]) -> str:
    """A name for a ticket by its content: the same draft about the same order has the same one in every file."""
    order = record.get("order") or {}
    parts = [*(str(record.get(key) or "") for key in ("support_id", "subject", "body")), str(order.get("cancelled_by"))]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def checked(raw: Mapping[str, Any], seen: dict[str, str], place: str) -> dict[str, Any] | str:
    """The record in its one canonical form, or why it is refused; `seen` maps the ids so far to their places."""
    labelled = parse(raw)
    if isinstance(labelled, str):
        return labelled
    if labelled.id in seen:
        return f"duplicate id {labelled.id!r}, first seen at {seen[labelled.id]}"
    seen[labelled.id] = place
    kept = {key: raw[key] for key in ("date", "provenance") if raw.get(key)}
    return {**as_record(labelled), **kept}


def _filled(raw: Mapping[str, Any], path: Path) -> dict[str, Any]:
    record = {key: value for key, value in raw.items() if key != "merchant_id"}
    record.setdefault("id", f"ticket-{content_id(record)}")
    record.setdefault("scenario", record["id"])
    record.setdefault("subject", "")
    for key in ("id", "writer", "scenario", "support_id", "date", "provenance"):
        if isinstance(record.get(key), int | date):  # a table's own types; a datetime is a date, too
            record[key] = str(record[key])
    if isinstance(record.get("scenario"), str) and not record["scenario"].strip():
        record["scenario"] = record["id"]
    return record


def set_file(folder: Path, name: str) -> Path:
    """The file of a set of tickets. Raises MappingError for a name that could lead out of the folder."""
    if not _SET_NAME.fullmatch(name):
        raise MappingError(f"--as {name}: letters, digits, dots, hyphens and underscores make the name of a set")
    return folder / f"{name}.jsonl"


@dataclass(frozen=True, slots=True)
class Stored:
    """What storing changed in a set: records that are new, changed, and removed."""

    new: int
    changed: int
    removed: int


def store(
    records: Sequence[Mapping[str, Any]], target: Path, known: Iterable[LabelledDraft] = (), *,
    files: Iterable[str] = (), older: str | None = None, write: bool = True,
) -> Stored:  # fmt: skip
    """Write records as one JSONL file, all at once, or only check that they could be.

    Records that the target has already are replaced by id. Where it has others from one of the `files`, `older`
    says what becomes of them: "keep" or "remove"; without it they are an error. Raises TicketError for these, and
    where an id belongs to `known`.
    """
    taken = {labelled.id for labelled in known}
    clash = [BadRow(str(target), n, f"id {r['id']!r} is taken") for n, r in enumerate(records, 1) if r["id"] in taken]
    if clash:
        raise TicketError(clash)
    held = {record["id"]: record for record in read_records(target)} if target.exists() else {}
    mine = {record["id"]: dict(record) for record in records}
    sources = set(files)
    left = [name for name, record in held.items() if name not in mine and record.get("provenance") in sources]
    if left and older is None:
        names = ", ".join(sorted({str(held[name]["provenance"]) for name in left}))
        reason = f"holds {len(left)} tickets of an earlier {names} that this one lacks; --older keep, or --older remove"
        raise TicketError([BadRow(str(target), 0, reason)])
    gone = left if older == "remove" else []
    result = Stored(
        new=sum(name not in held for name in mine),
        changed=sum(name in held and held[name] != record for name, record in mine.items()),
        removed=len(gone),
    )
    kept = {name: record for name, record in held.items() if name not in gone} | mine
    if write:
        atomic_files.write_text(target, "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in kept.values()))
    return result


def read_records(*paths: Path) -> list[dict[str, Any]]:
    """The records of JSONL files or folders, with the dates and provenance that a LabelledDraft leaves out.

    Raises TicketError, as `tickets.load` does.
    """
    load(*paths)
    files = [f for path in paths for f in (sorted(path.glob("*.jsonl")) if path.is_dir() else [path])]
    return [json.loads(line) for f in files for line in f.read_text(encoding="utf-8").split("\n") if line.strip()]
