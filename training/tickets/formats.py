"""Labelled tickets in the formats people keep them in: JSONL, CSV, Parquet, Label Studio, Prodigy.

Reading yields (row, record or reason): the row is what a person would look up (a line of the file, a row of the
table from 1, a task's id), the record has the keys of training/tickets/loading.py and is not checked yet.
"""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from training.tickets import annotation_tools, table_rows

Row = tuple[int, dict[str, Any] | str]
FORMATS = ("jsonl", "csv", "parquet", "labelstudio", "prodigy")
_BY_SUFFIX = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "csv", ".parquet": "parquet", ".json": "labelstudio",
}  # fmt: skip


class FormatError(ValueError):
    """A file in an unknown format; the text names it."""


def format_of(path: Path) -> str:
    """The format that a file's name and first record tell. Raises FormatError."""
    found = _BY_SUFFIX.get(path.suffix.lower())
    if found is None:
        raise FormatError(f"{path}: none of {', '.join(sorted(_BY_SUFFIX))}; name the format")
    if found == "jsonl" and path.exists():
        first = next((r for _, r in _jsonl(path) if isinstance(r, dict)), {})
        return "prodigy" if "answer" in first or "accept" in first else "jsonl"
    return found


def read_rows(path: Path, format: str | None = None) -> Iterator[Row]:
    """Every row of a file. Raises FormatError for a file that cannot be opened as what it should be."""
    readers: dict[str, Callable[[Path], Iterator[Row]]] = {
        "jsonl": _jsonl, "csv": _csv, "parquet": _parquet, "labelstudio": _label_studio, "prodigy": _prodigy,
    }  # fmt: skip
    try:
        yield from readers[format or format_of(path)](path)
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: not UTF-8: {error.reason} at byte {error.start}") from error


def write_rows(records: Sequence[dict[str, Any]], path: Path, format: str | None = None) -> None:
    """Write records as a file of the format; reading it again gives the same records."""
    writers = {
        "jsonl": _write_jsonl, "csv": _write_csv, "parquet": _write_parquet, "labelstudio": _write_label_studio,
        "prodigy": _write_prodigy,
    }  # fmt: skip
    writers[format or _BY_SUFFIX.get(path.suffix.lower(), "jsonl")](records, path)


def _jsonl(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield number, _object(line)


def _object(line: str) -> dict[str, Any] | str:
    try:
        found = json.loads(line)
    except json.JSONDecodeError as error:
        return f"not JSON: {error.msg} at column {error.colno}"
    return found if isinstance(found, dict) else "not an object"


def _csv(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
        try:
            yield from _table(reader, path)
        except csv.Error as error:
            raise FormatError(f"{path}: not CSV: {error} in the row that ends at line {reader.line_num}") from error


_LONGEST_CELL = 10_000_000
"""Characters in one cell; the reader of tables has a limit of 131,072 of its own, and bodies may be longer."""


def _table(reader: Any, path: Path) -> Iterator[Row]:
    csv.field_size_limit(_LONGEST_CELL)
    header = [name.strip() for name in next(reader, [])]
    if not header:
        raise FormatError(f"{path}: empty; the first line names the columns")
    before = reader.line_num
    for cells in reader:
        line, before = before + 1, reader.line_num
        if any(cells):
            yield line, _cells(header, cells)


def _cells(header: Sequence[str], cells: Sequence[str]) -> dict[str, Any] | str:
    if len(cells) != len(header):
        return f"{len(cells)} cells under {len(header)} columns"
    return table_rows.record(dict(zip(header, cells, strict=True)))


def _parquet(path: Path) -> Iterator[Row]:
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(path)
    except (OSError, pyarrow.ArrowInvalid) as error:
        raise FormatError(f"{path}: not Parquet: {error}") from error
    for number, row in enumerate(table.to_pylist(), 1):
        yield number, table_rows.record(row)


def _label_studio(path: Path) -> Iterator[Row]:
    try:
        tasks = json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        raise FormatError(f"{path}: not JSON: {error.msg} at line {error.lineno}") from error
    if not isinstance(tasks, list):
        raise FormatError(f"{path}: not a list of Label Studio tasks")
    for number, task in enumerate(tasks, 1):
        yield number, _task(annotation_tools.from_label_studio, task)


def _prodigy(path: Path) -> Iterator[Row]:
    for number, task in _jsonl(path):
        yield number, _task(annotation_tools.from_prodigy, task) if isinstance(task, dict) else task


def _task(read: Callable[[Any], dict[str, Any] | str], task: Any) -> dict[str, Any] | str:
    """The ticket of a task; a task that is nested in some other way is a bad row, not the end of the run."""
    try:
        return read(task)
    except (TypeError, AttributeError, KeyError, ValueError) as error:
        return f"no task of this format: {type(error).__name__}: {error}"


def _write_jsonl(records: Sequence[dict[str, Any]], path: Path) -> None:
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), encoding="utf-8")


def _write_csv(records: Sequence[dict[str, Any]], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, table_rows.COLUMNS)
        writer.writeheader()
        writer.writerows(table_rows.cells(record) for record in records)


def _write_parquet(records: Sequence[dict[str, Any]], path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    rows = [table_rows.cells(record) for record in records]
    schema = pyarrow.schema([(name, pyarrow.string()) for name in table_rows.COLUMNS])
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema=schema), path)


def _write_label_studio(records: Sequence[dict[str, Any]], path: Path) -> None:
    tasks = [annotation_tools.to_label_studio(record) for record in records]
    path.write_text(json.dumps(tasks, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _write_prodigy(records: Sequence[dict[str, Any]], path: Path) -> None:
    _write_jsonl([annotation_tools.to_prodigy(record) for record in records], path)
