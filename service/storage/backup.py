"""Backup and restore: one compressed tar of all rows as JSON lines, the same from SQLite and PostgreSQL.

It holds `manifest.json` (format, schema revision, rows per table) and `<table>.jsonl` for each table; bytes are base64.
What is encrypted at rest stays encrypted: keep the keys elsewhere. The search index is built anew.
"""

import base64
import io
import json
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Connection, LargeBinary, Table, func, insert, select, text
from sqlalchemy.orm import Session

from service.storage.columns import Base, UtcTime
from service.storage.database import Database
from service.storage.review_tables import CaseRow
from service.storage.sealing import Sealer
from service.storage.search import index_drafts
from service.storage.tables import ScreeningRow

FORMAT = 1
MANIFEST = "manifest.json"
_GROUP = 500
Progress = Callable[[str, int], None]
"""Told a table's name and how many of its rows are done."""


class BackupError(ValueError):
    """A backup that cannot be taken back, or a place where it cannot be; the text says why."""


def tables() -> list[Table]:
    """All tables, each after those that it refers to."""
    return list(Base.metadata.sorted_tables)


def write_backup(database: Database, path: Path, progress: Progress) -> dict[str, int]:
    """Write all rows, as they were at one moment, to `path`; rows per table. Raises OSError."""
    counts: dict[str, int] = {}
    partial = path.with_name(path.name + ".partial")
    with database.engine.connect() as plain, tarfile.open(partial, "w:gz") as tar:
        connection = plain.execution_options(reading=True, isolation_level=_snapshot(database.kind))
        with connection.begin():
            for table in tables():
                with tempfile.TemporaryFile() as lines:
                    counts[table.name] = _dump(connection, table, lines, progress)
                    _add(tar, f"{table.name}.jsonl", lines)
        manifest = {"format": FORMAT, "schema": database.schema()[0], "rows": counts}
        _add(tar, MANIFEST, io.BytesIO(json.dumps(manifest).encode()))
    partial.replace(path)
    return counts


def _snapshot(kind: str) -> str:
    return "REPEATABLE READ" if kind == "postgresql" else "SERIALIZABLE"


def _dump(connection: Connection, table: Table, lines: IO[bytes], progress: Progress) -> int:
    count = 0
    for row in connection.execution_options(yield_per=_GROUP).execute(select(table)).mappings():
        lines.write(json.dumps({name: _plain(value) for name, value in row.items()}).encode() + b"\n")
        count += 1
        if count % _GROUP == 0:
            progress(table.name, count)
    progress(table.name, count)
    return count


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.isoformat() if isinstance(value, datetime) else value


def _add(tar: tarfile.TarFile, name: str, content: IO[bytes]) -> None:
    info = tarfile.TarInfo(name)
    info.size = content.seek(0, io.SEEK_END)
    content.seek(0)
    tar.addfile(info, content)


def restore_backup(database: Database, path: Path, sealer: Sealer, progress: Progress) -> dict[str, int]:
    """Put a backup into an empty database, in one transaction. Raises BackupError; then nothing was written."""
    database.migrate()
    with tarfile.open(path, "r:gz") as tar, database.writing() as session:
        manifest = _manifest(tar, path)
        if manifest["schema"] != (wanted := database.schema()[1]):
            raise BackupError(f"{path}: its schema is {manifest['schema']}, this version's is {wanted}")
        if filled := _first_filled(session):
            raise BackupError(f"the database is not empty: table {filled} has rows")
        connection = session.connection()
        for table in tables():
            count = _load(connection, table, _file(tar, f"{table.name}.jsonl", path), progress)
            if count != manifest["rows"][table.name]:
                raise BackupError(f"{path}: {table.name} has {count} rows, not {manifest['rows'][table.name]}")
            _continue_numbers(connection, table)
        if not sealer.encrypts:
            _index(session, sealer)
    return dict(manifest["rows"])


def _manifest(tar: tarfile.TarFile, path: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.load(_file(tar, MANIFEST, path))
    if manifest.get("format") != FORMAT:
        raise BackupError(f"{path}: format {manifest.get('format')!r} is not {FORMAT}")
    return manifest


def _file(tar: tarfile.TarFile, name: str, path: Path) -> IO[bytes]:
    try:
        found = tar.extractfile(name)
    except KeyError:
        found = None
    if found is None:
        raise BackupError(f"{path}: {name} is missing")
    return found


def _first_filled(session: Session) -> str | None:
    return next((t.name for t in tables() if session.execute(select(t).limit(1)).first() is not None), None)


def _load(connection: Connection, table: Table, lines: IO[bytes], progress: Progress) -> int:
    count = 0
    for group in _groups(lines):
        connection.execute(insert(table), [_typed(table, json.loads(line)) for line in group])
        count += len(group)
        progress(table.name, count)
    return count


def _groups(lines: IO[bytes]) -> Iterator[list[bytes]]:
    group: list[bytes] = []
    for line in lines:
        group.append(line)
        if len(group) == _GROUP:
            yield group
            group = []
    if group:
        yield group


def _typed(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    return {name: _value(table.c[name].type, value) for name, value in row.items()}


def _value(kind: Any, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(kind, LargeBinary):
        return base64.b64decode(value)
    return datetime.fromisoformat(value) if isinstance(kind, UtcTime) else value


def _continue_numbers(connection: Connection, table: Table) -> None:
    """PostgreSQL counts on from where its sequence stands, so it must be told of the rows that came with numbers."""
    if connection.dialect.name != "postgresql" or table.autoincrement_column is None:
        return
    column = table.autoincrement_column.name
    most = connection.scalar(select(func.max(table.c[column])))
    if most:
        statement = text("SELECT setval(pg_get_serial_sequence(:table, :column), :most)")
        connection.execute(statement, {"table": table.name, "column": column, "most": most})


def _index(session: Session, sealer: Sealer) -> None:
    wanted = select(ScreeningRow.id, ScreeningRow.draft).where(
        ScreeningRow.draft.is_not(None), ScreeningRow.id.in_(select(CaseRow.screening_id))
    )
    connection = session.connection()
    for group in session.execute(wanted).partitions(_GROUP):
        index_drafts(connection, [(screening_id, sealer.open_draft(draft)) for screening_id, draft in group if draft])
