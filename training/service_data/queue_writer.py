"""Queue screenings for the reviewers: the only place where the workbench writes into the service's database.

It writes what the service writes with a case: the case, its audit entry, its words for the search.
"""

import secrets
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from training.service_data.export_client import ServiceDataError

ACTOR = "workbench"
DUE = timedelta(days=7)
"""When such a case is due: after every case that a merchant waits for."""

_AT_ONCE = 500
_AUDIT_LOCK = 727275
"""The service's lock of its audit on PostgreSQL: rows become visible in the order of their ids."""
_LONGEST = 200_000
_COPIED = ("decision", "labels", "merchant_id", "model_version", "language", "template_hash")
_INDEX = {
    "sqlite": "INSERT OR REPLACE INTO search (rowid, screening_id, words) VALUES (:row, :id, :words)",
    "postgresql": "INSERT INTO search (screening_id, words) VALUES (:id, to_tsvector('simple', :words))"
    " ON CONFLICT (screening_id) DO UPDATE SET words = EXCLUDED.words",
}
Row = Mapping[str, Any]
Words = Mapping[str, str]
"""Screening id -> the words to find it by."""


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that holds SQLite's write lock from its start. Raises ServiceDataError if writing fails."""
    try:
        with engine.begin() as connection:
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
    except sa.exc.SQLAlchemyError as error:
        raise ServiceDataError(f"the store cannot be written: {type(error).__name__}") from error


def wanted_rows(connection: sa.Connection, tables: sa.MetaData, ids: Iterable[str]) -> list[Row]:
    """The screenings of these ids, in order, each once: those that are stored, still have their text, and have no case:
    people read a draft once, for whatever reason."""
    screenings, cases = tables.tables["screenings"], tables.tables["cases"]
    wanted = list(dict.fromkeys(ids))
    held = sa.exists().where(cases.c.screening_id == screenings.c.id)
    found: dict[str, Row] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        some = screenings.c.id.in_(wanted[start : start + _AT_ONCE])
        query = sa.select(screenings).where(some, screenings.c.draft.is_not(None), ~held)
        found |= {row["id"]: dict(row) for row in connection.execute(query).mappings()}
    return [found[name] for name in wanted if name in found]


def open_cases(connection: sa.Connection, tables: sa.MetaData, rows: Sequence[Row], kind: str, words: Words) -> None:
    """A case for each screening, due in the order given, and findable by its words where `words` has them.

    Raises IntegrityError where another process has opened one of them in the meantime.
    """
    now = datetime.now(UTC).replace(tzinfo=None if connection.dialect.name == "sqlite" else UTC)
    opened = [_case(row, kind, now, place) for place, row in enumerate(rows)]
    if opened:
        connection.execute(tables.tables["cases"].insert(), opened)
    if known := [_found_by(name, words[name]) for name in (row["id"] for row in rows) if name in words]:
        connection.execute(sa.text(_INDEX[connection.dialect.name]), known)
    if opened:  # last: the audit is locked until the commit; the service's next hash covers these rows too
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_AUDIT_LOCK)))
        connection.execute(tables.tables["audit"].insert(), [_entry(case) for case in opened])


def _case(row: Row, kind: str, now: datetime, place: int) -> dict[str, Any]:
    return {
        "id": f"{int(time.time() * 1000):012x}{secrets.token_hex(10)}", "screening_id": row["id"], "kind": kind,
        "state": "open", "created_at": now, "due_at": now + DUE + timedelta(milliseconds=place),
        "second_review": False, **{name: row[name] for name in _COPIED},
    }  # fmt: skip


def _entry(case: Row) -> dict[str, Any]:
    after = {"kind": case["kind"], "screening": case["screening_id"]}
    return {
        "at": case["created_at"], "actor": ACTOR, "action": "created", "subject": f"case:{case['id']}",
        "before": None, "after": after,
    }  # fmt: skip


def _found_by(screening_id: str, words: str) -> dict[str, Any]:
    """SQLite's index finds its row by a number: the id's random half."""
    plain = words[:_LONGEST].replace("\0", " ").encode("utf-8", "replace").decode()
    return {"id": screening_id, "row": int(screening_id[-15:], 16), "words": plain}
