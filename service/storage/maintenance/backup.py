"""Backup: one compressed tar of all rows as JSON lines, the same from SQLite and PostgreSQL.

It holds `manifest.json` (format, schema revision, rows per table, SHA-256 of each file) and `<table>.jsonl` for each
table; bytes are base64.
What is encrypted at rest stays encrypted: keep the keys elsewhere. `restore.py` takes it back.
"""

import base64
import hashlib
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Connection, Table, select

from service.storage.database import Database
from service.storage.tables.columns import Base

FORMAT = 1
MANIFEST = "manifest.json"
_GROUP = 500
Progress = Callable[[str, int], None]
"""Called with the name of a table and the number of rows that are done."""


def tables() -> list[Table]:
    """All tables, each after those that it refers to."""
    return list(Base.metadata.sorted_tables)


def write_backup(database: Database, path: Path, progress: Progress) -> dict[str, int]:
    """Write all rows, as they were at one moment, to `path`; rows per table. Raises OSError; then nothing was written.

    What stood there is replaced once the new one is whole and on the disk.
    """
    partial = path.with_name(path.name + ".partial")
    partial.touch(mode=0o600)
    try:
        counts = _write(database, partial, progress)
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)  # on a full disk it would be in the way of everything else
        raise
    return counts


def _write(database: Database, partial: Path, progress: Progress) -> dict[str, int]:
    counts: dict[str, int] = {}
    hashes: dict[str, str] = {}
    with database.engine.connect() as plain, tarfile.open(partial, "w:gz") as tar:
        connection = plain.execution_options(reading=True, isolation_level=_snapshot(database.kind))
        with connection.begin():
            for table in tables():
                with tempfile.TemporaryFile() as lines:
                    counts[table.name] = _dump(connection, table, lines, progress)
                    lines.seek(0)
                    hashes[table.name] = hashlib.file_digest(lines, "sha256").hexdigest()
                    _add(tar, f"{table.name}.jsonl", lines)
        manifest = {"format": FORMAT, "schema": database.schema()[0], "rows": counts, "sha256": hashes}
        _add(tar, MANIFEST, io.BytesIO(json.dumps(manifest).encode()))
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
