"""What a database keeps of rows that are gone, and taking that away.

SQLite: pages of deleted rows are overwritten (`secure_delete`), but the write-ahead log holds them until it is copied
back and cut off. PostgreSQL: a deleted row stays in its table's file until a vacuum frees its place, and its bytes
until something else is written there, or the table is written again as a whole.
"""

import mmap
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import LargeBinary, func, literal, select

from service.storage.database import Database
from service.storage.tables.screenings import ScreeningRow, UnscreenedRow

_MOST, _LONG = 20, 64
_TABLES = (
    "screenings", "acknowledgements", "appeals", "case_decisions", "cases", "unscreened", "idempotency", "saved_views",
    "outbox", "search",
)  # fmt: skip
_BACKUPS = "backups and snapshots made before still hold what was removed; delete them when their time is over"


class Samples:
    """Pieces of removed drafts as they were stored, to look for afterwards. Kept in memory only."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def take(self, drafts: Iterable[bytes | None]) -> None:
        """Keep the beginnings of some drafts."""
        for draft in drafts:
            if draft and len(draft) >= _LONG // 2 and len(self.pieces) < _MOST:
                self.pieces.append(draft[:_LONG])


@dataclass(frozen=True, slots=True)
class ScrubReport:
    """Sentences on what was shown to be gone, what is left, and what no purge reaches."""

    shown: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    unreached: tuple[str, ...] = field(default=(_BACKUPS,))


def scrub(database: Database, samples: Samples, *, rewrite: bool, anything: bool) -> ScrubReport:
    """Take away what deleted rows left in the database's files. PostgreSQL is vacuumed only after `anything` went."""
    if database.kind == "sqlite":
        return _scrub_sqlite(database, samples, rewrite=rewrite)
    return _scrub_postgresql(database, rewrite=rewrite, anything=anything or rewrite)


def _scrub_sqlite(database: Database, samples: Samples, *, rewrite: bool) -> ScrubReport:
    raw = database.engine.raw_connection()
    try:
        cursor = raw.cursor()
        if rewrite:
            cursor.execute("VACUUM")
        busy, _, _ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        cursor.close()
    finally:
        raw.close()
    if busy:
        why = "SQLite's write-ahead log could not be cut off because somebody reads; the next purge tries again"
        return ScrubReport(left=(why,))
    shown = ["SQLite's write-ahead log is empty, and freed pages are overwritten"]
    if samples.pieces and database.file:
        found = _found(database.file, _gone_for_good(database, samples.pieces))
        if found:
            return ScrubReport(tuple(shown), (f"pieces of {found} removed drafts are still in SQLite's files",))
        shown.append(f"the beginnings of {len(samples.pieces)} removed drafts are nowhere in SQLite's files")
    return ScrubReport(tuple(shown))


def _gone_for_good(database: Database, pieces: Iterable[bytes]) -> list[bytes]:
    """The pieces that no draft which stays begins with too, as those of one template do."""
    found = []
    with database.reading() as session:
        for piece in pieces:
            wanted = literal(piece, LargeBinary)
            kept = [select(row.id).where(func.substr(row.draft, 1, len(piece)) == wanted).limit(1)
                    for row in (ScreeningRow, UnscreenedRow)]  # fmt: skip
            if all(session.scalar(query) is None for query in kept):
                found.append(piece)
    return found


def _found(file: Path, pieces: list[bytes]) -> int:
    """How many pieces the database's files hold."""
    return sum(any(_holds(path, piece) for path in (file, file.with_name(file.name + "-wal"))) for piece in pieces)


def _holds(path: Path, piece: bytes) -> bool:
    if not path.exists() or not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(piece) >= 0


def _scrub_postgresql(database: Database, *, rewrite: bool, anything: bool) -> ScrubReport:
    unreached = (
        _BACKUPS,
        "PostgreSQL's write-ahead log and its archive hold what was removed until they are recycled",
    )
    if not anything:
        return ScrubReport(unreached=unreached)
    how = "VACUUM (FULL, ANALYZE)" if rewrite else "VACUUM (ANALYZE)"
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in _TABLES:
            connection.exec_driver_sql(f"{how} {table}")
    if rewrite:
        return ScrubReport(("PostgreSQL's tables were written again without what was removed",), (), unreached)
    more = "freed space in PostgreSQL's tables may hold old bytes until it is used again; `--rewrite` leaves none"
    return ScrubReport(("PostgreSQL's tables were vacuumed",), (), (*unreached, more))
