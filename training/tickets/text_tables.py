"""Tables as text: CSV with any separator and encoding that spreadsheets write. The apostrophe that keeps a spreadsheet
from running a cell (`csv_cells.py`) is taken off."""

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from classifier.csv_cells import as_typed

_LONGEST_CELL = 10_000_000
"""Characters in one cell; the reader of tables has a limit of 131,072 of its own, and bodies may be longer."""

_SEPARATORS = ",;\t|"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class FormatError(ValueError):
    """A file in an unknown format; the text names it."""


def decoded(path: Path, encoding: str | None = None, *fallback: str) -> tuple[str, str]:
    """The text of a file and its encoding: the given one, else by its first bytes, else UTF-8, else a fallback.

    Raises FormatError.
    """
    data = path.read_bytes()
    for candidate in [encoding] if encoding else [*_by_mark(data), "utf-8", *fallback]:
        try:
            return data.decode(candidate), candidate
        except LookupError as error:
            raise FormatError(f"{path}: no encoding {candidate!r}") from error
        except UnicodeError as error:
            reason = error
    place = f" at byte {reason.start}" if isinstance(reason, UnicodeDecodeError) else ""
    raise FormatError(f"{path}: not {encoding or 'UTF-8'}{place}; name its --encoding")


def _by_mark(data: bytes) -> list[str]:
    """The encoding that a byte order mark names, or the UTF-16 that zeros at every other place show."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            return [name]
    head = data[:2000]
    if head[1::2].count(0) > len(head) // 4:
        return ["utf-16-le"]
    return ["utf-16-be"] if head[::2].count(0) > len(head) // 4 else []


def rows(path: Path, text: str, separator: str | None = None) -> Iterator[tuple[int, dict[str, str] | str]]:
    """(line, row) of each row; a row with another number of cells is a reason. Raises FormatError for a header that is
    missing or has a name twice."""
    csv.field_size_limit(_LONGEST_CELL)
    first = text.split("\n", 1)[0].strip("\r\ufeff")
    skipped = 0
    if first.lower().startswith("sep=") and len(first) <= 5:
        separator, text, skipped = separator or first[4:] or ",", text.split("\n", 1)[-1], 1
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(path, text, separator))
    try:
        yield from _numbered(reader, path, skipped)
    except csv.Error as error:
        raise FormatError(f"{path}:{reader.line_num + skipped}: not CSV: {error}") from error


def _delimiter(path: Path, text: str, separator: str | None) -> str:
    """The given separator, else that of the header."""
    if separator:
        return {"tab": "\t", "\\t": "\t"}.get(separator, separator)[:1]
    if path.suffix.lower() == ".tsv":
        return "\t"
    header = "".join(text.split("\n", 1)[0].split('"')[::2])  # without what is quoted
    return max(_SEPARATORS, key=lambda sign: (header.count(sign), -_SEPARATORS.index(sign)))


def _numbered(reader: Any, path: Path, skipped: int) -> Iterator[tuple[int, dict[str, str] | str]]:
    header = [name.strip().lstrip("\ufeff") for name in next(reader, [])]
    if not any(header):
        raise FormatError(f"{path}: empty; the first line names the columns")
    if twice := [name for name, count in Counter(header).items() if count > 1 and name]:
        raise FormatError(f"{path}: two columns are named {twice[0]!r}; rename or remove one")
    before = reader.line_num
    for cells in reader:
        line, before = before + 1 + skipped, reader.line_num
        if any(cell.strip() for cell in cells):
            yield line, _row(header, cells)


def _row(header: Sequence[str], cells: Sequence[str]) -> dict[str, str] | str:
    if len(cells) < len(header) or any(cell.strip() for cell in cells[len(header) :]):
        return f"{len(cells)} cells under {len(header)} columns"
    return {name: as_typed(cell) for name, cell in zip(header, cells, strict=False) if name}
