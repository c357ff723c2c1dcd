"""Restore: a backup of this version or an older one comes back into an empty database, all of it or nothing.

The rows go into the schema that they were written from, and are then brought to this version's by the migrations, as
those of a running database would be. The search index is rebuilt. What came back is verified before it is kept: each
file by its SHA-256, each screening by the hashes of its text and verdict, the audit by its chain.
"""

import base64
import gzip
import hashlib
import json
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Connection, DateTime, LargeBinary, MetaData, Table, func, insert, select, text
from sqlalchemy.orm import Session

from service.storage.audit import chain_faults
from service.storage.database import Database, DatabaseError, downgrade, upgrade
from service.storage.encryption import Encryptor
from service.storage.maintenance.backup import FORMAT, MANIFEST, Progress, tables
from service.storage.maintenance.clock import begin_run
from service.storage.maintenance.integrity import screening_faults
from service.storage.screenings.search import index_drafts
from service.storage.tables.review import CaseRow
from service.storage.tables.screenings import ScreeningRow

_GROUP = 500


class BackupError(ValueError):
    """A backup that cannot be taken back, or a place where it cannot be; the text says why."""


def restore_backup(database: Database, path: Path, encryptor: Encryptor, progress: Progress) -> dict[str, int]:
    """Put a backup, of this version or an older one, into an empty database, in one transaction.

    Raises BackupError, or OSError for a file that cannot be read; then nothing was written.
    """
    database.migrate()
    try:
        with tarfile.open(path, "r:gz") as tar, database.writing() as session:
            manifest = _manifest(tar, path)
            if filled := _first_filled(session):
                raise BackupError(f"the database is not empty: table {filled} has rows")
            _fill(session.connection(), tar, manifest, path, progress)
            _verify(session, encryptor, path, progress)
            begin_run(session, datetime.now(UTC), sure=True)  # the purge counts from here, not from an old backup's day
            if not encryptor.encrypts:
                _index(session, encryptor)
    except BackupError:
        raise
    except (tarfile.TarError, zlib.error, EOFError, gzip.BadGzipFile, ValueError, KeyError, TypeError) as error:
        raise BackupError(f"{path}: damaged, or no backup ({type(error).__name__})") from error
    return dict(manifest["rows"])


def _verify(session: Session, encryptor: Encryptor, path: Path, tell: Progress) -> None:
    """Raises BackupError where the rows are not those that were written. Text whose key is not set is left out."""
    found = chain_faults(session.connection())
    found = chain(found, screening_faults(session, encryptor, lambda done, _: tell("verified", done), without_key=True))
    faults = list(islice(found, 3))
    if faults:
        raise BackupError(f"{path}: not what was backed up: {'; '.join(faults)}")


def _fill(
    connection: Connection, tar: tarfile.TarFile, manifest: Mapping[str, Any], path: Path, tell: Progress
) -> None:
    """Load the rows into the schema that they were written from, then bring both to this version's."""
    rows: dict[str, int] = manifest["rows"]
    try:
        downgrade(connection, manifest["schema"])
    except DatabaseError as error:
        raise BackupError(f"{path}: {error}; was it written by a newer one?") from error
    written = MetaData()
    written.reflect(connection, only=list(rows))
    for table in written.sorted_tables:
        digest = hashlib.sha256()
        count = _load(connection, table, _hashed(_file(tar, f"{table.name}.jsonl", path), digest.update), tell)
        if count != rows[table.name]:
            raise BackupError(f"{path}: {table.name} has {count} rows, not {rows[table.name]}")
        if digest.hexdigest() != manifest.get("sha256", {}).get(table.name, digest.hexdigest()):
            raise BackupError(f"{path}: the rows of {table.name} are not those that were backed up")
        _continue_numbers(connection, table)  # the migrations may add rows
    upgrade(connection)
    for table in tables():
        _continue_numbers(connection, table)


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


def _hashed(lines: Iterable[bytes], add: Callable[[bytes], None]) -> Iterator[bytes]:
    for line in lines:
        add(line)
        yield line


def _load(connection: Connection, table: Table, lines: Iterable[bytes], progress: Progress) -> int:
    count = 0
    for group in _groups(lines):
        connection.execute(insert(table), [_typed(table, json.loads(line)) for line in group])
        count += len(group)
        progress(table.name, count)
    return count


def _groups(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
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
    """A value for a column as the database itself describes it."""
    if value is None:
        return None
    if isinstance(kind, LargeBinary):
        return base64.b64decode(value)
    if isinstance(kind, DateTime):
        moment = datetime.fromisoformat(value).astimezone(UTC)
        return moment if kind.timezone else moment.replace(tzinfo=None)
    return value


def _continue_numbers(connection: Connection, table: Table) -> None:
    """Set the PostgreSQL sequence to the highest restored id; otherwise it would give out the restored ids again."""
    if connection.dialect.name != "postgresql" or table.autoincrement_column is None:
        return
    column = table.autoincrement_column.name
    most = connection.scalar(select(func.max(table.c[column])))
    if most:
        statement = text("SELECT setval(pg_get_serial_sequence(:table, :column), :most)")
        connection.execute(statement, {"table": table.name, "column": column, "most": most})


def _index(session: Session, encryptor: Encryptor) -> None:
    wanted = select(ScreeningRow.id, ScreeningRow.draft).where(
        ScreeningRow.draft.is_not(None), ScreeningRow.id.in_(select(CaseRow.screening_id))
    )
    connection = session.connection()
    for group in session.execute(wanted).partitions(_GROUP):
        index_drafts(
            connection, [(screening_id, encryptor.decrypt_draft(draft)) for screening_id, draft in group if draft]
        )
