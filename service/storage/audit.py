"""The audit: who did what to what. Rows are only added; the database refuses to change one, and a chain of hashes
shows where one was changed, removed or put in all the same.

A row's hash covers the hash before it and the row. A row without a hash (older than the chain, or written by another
program) is covered by the next hash. `audit_head` holds the newest hash and how many there are, so that rows missing
at the end are noticed too. Rows enter the chain at the commit, as the last statements of a transaction: one that holds
the lock of the chain then waits for nobody.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, event, func, insert, select, update
from sqlalchemy.orm import Session

from service.storage.tables.review import AuditHeadRow, AuditRow

CHAIN_LOCK = 727275
"""PostgreSQL's advisory lock of the chain; the workbench takes it too."""
_PENDING = "audit rows"
_CONTENT = ("at", "actor", "action", "subject", "before", "after")
_GROUP = 1000
Row = Mapping[str, Any]


def case_opened_row(caller: str, case_id: str, kind: str, screening_id: str, at: datetime) -> dict[str, Any]:
    """The columns of the row that tells of a case which the service opened for a caller's screening."""
    return {
        "at": at,
        "actor": f"caller:{caller}",
        "action": "created",
        "subject": f"case:{case_id}",
        "before": None,
        "after": {"kind": kind, "screening": screening_id},
    }


def note(
    session: Session,
    actor: str,
    action: str,
    subject: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Add a row with the session's commit. `subject` as kind:id; nothing that a merchant typed."""
    row = {
        "at": datetime.now(UTC), "actor": actor, "action": action, "subject": subject,
        "before": dict(before) if before is not None else None, "after": dict(after) if after is not None else None,
    }  # fmt: skip
    note_row(session, row)


def note_row(session: Session, row: Row) -> None:
    """As `note`, with the columns as they are."""
    session.info.setdefault(_PENDING, []).append(row)


@event.listens_for(Session, "before_commit")
def _add_pending(session: Session) -> None:
    rows = session.info.pop(_PENDING, None)
    if rows:
        session.flush()
        connection = session.connection()
        connection.execute(insert(AuditRow), chained(connection, rows))


@event.listens_for(Session, "after_soft_rollback")
def _forget_pending(session: Session, previous: object) -> None:
    session.info.pop(_PENDING, None)


def chained(connection: Connection, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The rows with their hashes, ready to be added at once, as the last statement of the connection's transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(CHAIN_LOCK)))
    count, digest = head(connection)
    for row in connection.execute(_UNHASHED_AT_THE_END).mappings():
        digest = link(digest, dict(row))
    found = []
    for new in rows:
        clean = {**new, **{name: str(new[name]).replace("\0", "␀") for name in ("actor", "action", "subject")}}
        digest = link(digest, clean)
        found.append({**clean, "hash": digest})
    values = {"rows": count + len(rows), "hash": digest}
    if not connection.execute(_MOVE_HEAD, values).rowcount:
        connection.execute(insert(AuditHeadRow).values(id=1, **values))
    return found


def head(connection: Connection) -> tuple[int, str]:
    """How many hashes the chain has, and the newest; 0 and "" before the first."""
    found = connection.execute(_HEAD).first()
    return (found.rows, found.hash) if found else (0, "")


def link(digest: str, row: Row) -> str:
    """SHA-256 of the hash before and of a row's columns, hexadecimal: the same whichever database holds the row."""
    at: datetime = row["at"] if row["at"].tzinfo else row["at"].replace(tzinfo=UTC)
    content = [at.astimezone(UTC).isoformat(), *(row[name] for name in _CONTENT[1:])]
    return hashlib.sha256(f"{digest}\n{json.dumps(content, sort_keys=True)}".encode()).hexdigest()


def chain_faults(connection: Connection) -> Iterator[str]:
    """Where the audit is not what was written, one sentence each; nothing if the whole chain holds."""
    digest, hashes = "", 0
    query = select(AuditRow.id, AuditRow.hash, *_columns()).order_by(AuditRow.id)
    for row in connection.execute(query.execution_options(yield_per=_GROUP)).mappings():
        digest = link(digest, dict(row))
        if row["hash"] is not None:
            hashes += 1
            if row["hash"] != digest:
                yield f"audit row {row['id']}: it or what stood before it was changed, removed or put in"
                digest = row["hash"]
    count, newest = head(connection)
    last = connection.scalar(select(AuditRow.hash).where(AuditRow.id == _last_hashed(connection))) or ""
    if (count, newest) != (hashes, last):
        yield f"the audit has {hashes} hashes, its head counts {count}: rows at the end were removed or put in"


def broken_rows(connection: Connection, rows: Iterable[AuditRow], newest: str) -> set[int]:
    """Of some rows, the ids of those whose hash does not follow from the hash before it and the rows in between.
    `newest`: the hash that the last row of all must have. A row that sealed older ones is left to `chain_faults`."""
    hashed = [row for row in rows if row.hash is not None and row.action != "sealed"]
    return {row.id for row in hashed if not _follows(connection, row, newest)}


def _follows(connection: Connection, row: AuditRow, newest: str) -> bool:
    hashed = select(AuditRow.id, AuditRow.hash).where(AuditRow.hash.is_not(None))
    before = connection.execute(hashed.where(AuditRow.id < row.id).order_by(AuditRow.id.desc()).limit(1)).first()
    start, digest = (before.id, before.hash) if before else (0, "")
    between = select(*_columns()).where(AuditRow.id > start, AuditRow.id <= row.id).order_by(AuditRow.id)
    for one in connection.execute(between).mappings():
        digest = link(digest, dict(one))
    is_last = connection.execute(hashed.where(AuditRow.id > row.id).limit(1)).first() is None
    return digest == row.hash and (row.hash == newest or not is_last)


def _columns() -> list[Any]:
    return [getattr(AuditRow, name) for name in _CONTENT]


def _last_hashed(connection: Connection) -> int:
    return connection.scalar(_LAST_HASHED) or 0


_HEAD = select(AuditHeadRow.rows, AuditHeadRow.hash)
_LAST_HASHED = select(AuditRow.id).where(AuditRow.hash.is_not(None)).order_by(AuditRow.id.desc()).limit(1)
_UNHASHED_AT_THE_END = (
    select(*_columns()).where(AuditRow.id > func.coalesce(_LAST_HASHED.scalar_subquery(), 0)).order_by(AuditRow.id)
)
_MOVE_HEAD = update(AuditHeadRow).where(AuditHeadRow.id == 1).values(rows=bindparam("rows"), hash=bindparam("hash"))
"""Every opened case needs these: they are made once, not for each transaction."""


def seal(connection: Connection, at: datetime) -> None:
    """Put rows that are older than the chain under a first hash. Does nothing where there are none."""
    count = connection.scalar(select(func.count()).select_from(AuditRow)) or 0
    if count:
        row = {"at": at, "actor": "service", "action": "sealed", "subject": "audit", "before": None,
               "after": {"rows": count}}  # fmt: skip
        connection.execute(insert(AuditRow), chained(connection, [row]))
