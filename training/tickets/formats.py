"""Labelled tickets in the formats that people keep them in: JSONL, tables, and the exports of labelling tools.

Reading yields (row, record or reason): the row is the line of a text file, the number of a table's row from 1, or the
number of a task; the record has the keys of training/tickets/loading.py and is not checked yet.
"""

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from classifier.csv_cells import harmless, without_nul
from training.tickets import annotation_tools, other_tools, table_rows, text_tables
from training.tickets.import_options import ImportOptions, MappingError, Translation
from training.tickets.text_tables import FormatError, decoded

__all__ = ["FORMATS", "READABLE", "FormatError", "format_of", "read_rows", "write_rows"]

Row = tuple[int, dict[str, Any] | str]
Convert = Callable[[dict[str, Any]], dict[str, Any] | str]
FORMATS = ("jsonl", "csv", "parquet", "labelstudio", "prodigy")
"""What `export` writes."""

READABLE = (*FORMATS, "labelstudio-min", "doccano", "argilla")
"""What `import` reads."""

_BY_SUFFIX = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".parquet": "parquet",
    ".json": "labelstudio",
}  # fmt: skip


def format_of(path: Path, options: ImportOptions | None = None) -> str:
    """The format by the file's name and first record. Raises FormatError."""
    found = _BY_SUFFIX.get(path.suffix.lower())
    if found is None:
        raise FormatError(f"{path}: none of {', '.join(sorted(_BY_SUFFIX))}; name the format")
    if found in ("jsonl", "labelstudio") and path.exists():
        records = (
            _jsonl(path, options or ImportOptions()) if found == "jsonl" else _json(path, options or ImportOptions())
        )
        return _by_record(next((r for _, r in records if isinstance(r, dict)), {}), found)
    return found


def _by_record(first: Mapping[str, Any], otherwise: str) -> str:
    if "answer" in first or "accept" in first:
        return "prodigy"
    if "fields" in first or any(key.endswith(".responses") for key in first):
        return "argilla"
    if otherwise == "labelstudio":
        return "labelstudio" if "data" in first or not first else "labelstudio-min"
    if "entities" in first or ("label" in first and "labels" not in first):
        return "doccano"
    return otherwise


def read_rows(
    path: Path, options: ImportOptions | None = None, translation: Translation | None = None
) -> Iterator[Row]:
    """Every row of a file. Raises FormatError for a file that cannot be opened as what it should be."""
    options = options or ImportOptions()
    translation = translation or Translation(options)
    name = options.format or format_of(path, options)
    if name not in _READERS:
        raise FormatError(f"{path}: no format {name!r}; formats are {', '.join(READABLE)}")
    yield from _READERS[name](path, options, translation)


def _translated(path: Path, row: Mapping[str, Any], translation: Translation) -> dict[str, Any]:
    try:
        found = translation.columns(row)
    except MappingError as error:
        raise FormatError(f"{path}: {error}") from error
    if "text" in found and "body" not in found:
        found["body"] = found.pop("text")
    return found


def _jsonl(path: Path, options: ImportOptions) -> Iterator[Row]:
    text, _ = decoded(path, options.encoding or None)
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if line.strip():
            yield number, _object(line)


def _object(line: str) -> dict[str, Any] | str:
    try:
        found = json.loads(line)
    except json.JSONDecodeError as error:
        return f"not JSON: {error.msg} at column {error.colno}"
    return found if isinstance(found, dict) else "not an object"


def _json(path: Path, options: ImportOptions) -> Iterator[tuple[int, Any]]:
    text, _ = decoded(path, options.encoding)
    try:
        tasks = json.loads(text.removeprefix("\ufeff"))
    except json.JSONDecodeError as error:
        raise FormatError(f"{path}:{error.lineno}: not JSON: {error.msg}") from error
    if not isinstance(tasks, list):
        raise FormatError(f"{path}: not a list of tasks")
    yield from enumerate(tasks, 1)


def _records(path: Path, options: ImportOptions) -> Iterator[tuple[int, Any]]:
    """The records of a JSON list, or of JSON lines."""
    yield from _json(path, options) if path.suffix.lower() == ".json" else _jsonl(path, options)


def _plain(path: Path, options: ImportOptions, translation: Translation) -> Iterator[Row]:
    for number, row in _jsonl(path, options):
        if isinstance(row, dict):
            row = _translated(path, row, translation)
            row.pop("machine", None)  # the verdict of the machine in the service's export is no label
            if isinstance(row.get("labels"), str | dict):
                row = _task(lambda found: {**found, "labels": table_rows.labels_of(found["labels"])}, row)
        yield number, row


def _csv(path: Path, options: ImportOptions, translation: Translation) -> Iterator[Row]:
    text, encoding = decoded(path, options.encoding, "cp1252")
    if encoding == "cp1252" and not options.encoding:
        translation.notes.append(f"{path.name}: read as Windows-1252; if letters look wrong, name its --encoding")
    for number, row in text_tables.rows(path, text, options.separator):
        yield number, row if isinstance(row, str) else _table_row(path, row, options, translation)


def _table_row(
    path: Path, row: Mapping[str, Any], options: ImportOptions, translation: Translation
) -> dict[str, Any] | str:
    if {"annotation_id", "lead_time"} <= set(row):
        return _task(other_tools.from_flat_label_studio, _translated(path, row, translation))
    found = _translated(path, row, translation)
    if "label" in found and "labels" not in found:
        found["labels"] = found.pop("label")
        if "data" in found and "body" not in found:  # doccano's name of the text
            found["body"] = found.pop("data")
    if "labels" not in found and not options.unlabelled:
        known = ", ".join(map(repr, row))
        raise FormatError(f"{path}: no column of labels among {known}; --column THEIRS=labels, or --unlabelled")
    return table_rows.record(found, options.label_separator)


def _parquet(path: Path, options: ImportOptions, translation: Translation) -> Iterator[Row]:
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(path)
    except (OSError, pyarrow.ArrowInvalid) as error:
        raise FormatError(f"{path}: not Parquet: {error}") from error
    table = table.drop_columns([name for name in table.column_names if name.startswith("__index_level_")])
    classes = _class_names(table.schema.metadata or {})
    for number, row in enumerate(table.to_pylist(), 1):
        for name, names in classes.items():
            row[name] = _named(row.get(name), names)
        argilla = any(key.endswith(".responses") for key in row)
        yield number, (
            _task(other_tools.from_argilla, _translated(path, row, translation)) if argilla
            else _table_row(path, row, options, translation)
        )  # fmt: skip


def _class_names(metadata: Mapping[bytes, bytes]) -> dict[str, list[str]]:
    """Column -> names of its classes, where a Hugging Face data set wrote the file."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
    except (KeyError, ValueError, TypeError):
        return {}
    found = {}
    for name, feature in features.items():
        while isinstance(feature, dict) and isinstance(feature.get("feature"), dict):
            feature = feature["feature"]
        if isinstance(feature, list) and feature:
            feature = feature[0]
        if isinstance(feature, dict) and isinstance(feature.get("names"), list):
            found[name] = feature["names"]
    return found


def _named(value: Any, names: Sequence[str]) -> Any:
    if isinstance(value, list):
        return [_named(one, names) for one in value]
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else value


def _label_studio(path: Path, options: ImportOptions, translation: Translation) -> Iterator[Row]:
    for number, task in _json(path, options):
        if isinstance(task, dict) and isinstance(task.get("data"), dict):
            task = {**task, "data": _translated(path, task["data"], translation)}
        yield number, _task(annotation_tools.from_label_studio, task)


def _prodigy(path: Path, options: ImportOptions, translation: Translation) -> Iterator[Row]:
    binary: list[tuple[int, dict[str, Any]]] = []
    for number, task in _records(path, options):
        if annotation_tools.is_binary(task):
            binary.append((number, task))
        else:
            yield number, _task(annotation_tools.from_prodigy, task) if isinstance(task, dict) else "not an object"
    yield from annotation_tools.from_binary(binary)


def _converted(convert: Convert) -> Callable[[Path, ImportOptions, Translation], Iterator[Row]]:
    def read(path: Path, options: ImportOptions, translation: Translation) -> Iterator[Row]:
        for number, row in _records(path, options):
            if not isinstance(row, dict):
                yield number, row if isinstance(row, str) else "not an object"
                continue
            if isinstance(row.get("fields"), dict):
                row = {**row, "fields": _translated(path, row["fields"], translation)}
            else:
                row = _translated(path, row, translation)
            yield number, _task(convert, row)

    return read


def _task(read: Callable[[Any], dict[str, Any] | str], task: Any) -> dict[str, Any] | str:
    """The ticket of a task, or the reason why the task cannot be read; other tasks are still read."""
    try:
        return read(task)
    except (TypeError, AttributeError, KeyError, ValueError, IndexError) as error:
        return f"no task of this format: {type(error).__name__}: {error}"


_READERS: dict[str, Callable[[Path, ImportOptions, Translation], Iterator[Row]]] = {
    "jsonl": _plain, "csv": _csv, "parquet": _parquet, "labelstudio": _label_studio, "prodigy": _prodigy,
    "labelstudio-min": _converted(other_tools.from_flat_label_studio),
    "doccano": _converted(other_tools.from_doccano), "argilla": _converted(other_tools.from_argilla),
}  # fmt: skip


def write_rows(records: Sequence[dict[str, Any]], path: Path, format: str | None = None) -> None:
    """Write records as a file of the format; reading it again gives the same records. Raises FormatError."""
    writers = {
        "jsonl": _write_jsonl, "csv": _write_csv, "parquet": _write_parquet, "labelstudio": _write_label_studio,
        "prodigy": _write_prodigy,
    }  # fmt: skip
    name = format or _BY_SUFFIX.get(path.suffix.lower(), "jsonl")
    if name not in writers:
        raise FormatError(f"{path}: no format {name!r} to write; formats are {', '.join(writers)}")
    writers[name](records, path)


def _write_jsonl(records: Sequence[dict[str, Any]], path: Path) -> None:
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), encoding="utf-8")


def _write_csv(records: Sequence[dict[str, Any]], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, table_rows.COLUMNS)
        writer.writeheader()
        for record in records:
            cells = table_rows.cells(without_nul(record))
            writer.writerow({name: harmless(cell) for name, cell in cells.items()})


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
