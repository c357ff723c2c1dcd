"""The rows of screenings, put in by statements that are compiled once: the hot path pays for no compilation."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from sqlalchemy import Connection, Dialect, Table, select, tuple_

from service.storage.audit import case_opened_row, chained
from service.storage.encryption import Encryptor
from service.storage.screenings.records import NewScreening, WriteResult
from service.storage.screenings.rows import case_row, finding_rows, idempotency_row, screening_row, shadow_row
from service.storage.screenings.search import index_drafts
from service.storage.tables.columns import Base
from service.storage.tables.review import AuditRow, CaseRow
from service.storage.tables.screenings import FindingRow, IdempotencyRow, ScreeningRow, ShadowVerdictRow

Row = Mapping[str, Any]


def insert_into(table: Any, dialect: Dialect) -> Any:
    """An INSERT that may say what to do about a row that is there already; only its own dialect is imported."""
    return import_module(f"sqlalchemy.dialects.{dialect.name}").insert(table)


class Insert:
    """An INSERT into one table, for rows that all have the same columns; one that is there already is left."""

    def __init__(self, row: type[Base], columns: Sequence[str], dialect: Dialect, *, or_leave: bool) -> None:
        table = row.__table__
        assert isinstance(table, Table)
        made = insert_into(table, dialect)
        statement = made.on_conflict_do_nothing() if or_leave else made
        compiled = statement.compile(dialect=dialect, column_keys=list(columns))
        self._sql = str(compiled)
        self._fields = [
            (name, table.c[name].type.dialect_impl(dialect).bind_processor(dialect))
            for name in compiled.positiontup or columns
        ]
        self._by_place = bool(compiled.positional)

    def run(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Put the rows in. Raises DBAPIError."""
        connection.exec_driver_sql(self._sql, [self._bound(row) for row in rows])

    def _bound(self, row: Row) -> Any:
        values = [convert(row[name]) if convert else row[name] for name, convert in self._fields]
        if self._by_place:
            return tuple(values)
        return {name: value for (name, _), value in zip(self._fields, values, strict=True)}


class Inserts:
    """Puts groups of screenings into a database of one dialect."""

    def __init__(self, encryptor: Encryptor) -> None:
        self._encryptor = encryptor
        self._compiled: dict[type[Base], Insert] = {}

    def put(self, connection: Connection, screenings: Sequence[NewScreening]) -> list[WriteResult]:
        """Store screenings in the connection's transaction; for each the one that the store then holds."""
        taken = self._claimed(connection, screenings)
        fresh = [s for s in screenings if key_of(s) not in taken or taken[key_of(s)].id == s.id]
        self._rows(connection, ScreeningRow, [screening_row(s, self._encryptor) for s in fresh])
        self._rows(connection, FindingRow, [row for s in fresh for row in finding_rows(s)])
        self._rows(connection, ShadowVerdictRow, [shadow_row(s) for s in fresh if s.shadow])
        with_case = [s for s in fresh if s.cases]
        opened = [(s, case_row(s, kind)) for s in with_case for kind in s.cases]
        self._rows(connection, CaseRow, [case for _, case in opened])
        if not self._encryptor.encrypts:
            index_drafts(connection, [(s.id, s.draft) for s in with_case])
        if opened:  # last: the audit is locked until the commit
            noted = [case_opened_row(s.caller, c["id"], c["kind"], s.id, s.created_at) for s, c in opened]
            self._rows(connection, AuditRow, chained(connection, noted))
        return [taken.get(key_of(s)) or WriteResult(s.id, s.text_hash) for s in screenings]

    def _claimed(
        self, connection: Connection, screenings: Sequence[NewScreening]
    ) -> dict[tuple[str, str], WriteResult]:
        """For each Idempotency-Key the screening that owns it: the first to claim it, in this process or another."""
        asking: dict[tuple[str, str], NewScreening] = {}
        for screening in screenings:
            if screening.idempotency_key:
                asking.setdefault(key_of(screening), screening)
        if not asking:
            return {}
        # in one order everywhere, so that two processes never wait for each other
        self._rows(connection, IdempotencyRow, [idempotency_row(asking[key]) for key in sorted(asking)], or_leave=True)
        table = IdempotencyRow
        found = connection.execute(
            select(table.caller, table.key, table.screening_id, table.text_hash).where(
                tuple_(table.caller, table.key).in_(list(asking))
            )
        )
        return {(caller, key): WriteResult(owner, text_hash) for caller, key, owner, text_hash in found}

    def _rows(self, connection: Connection, row: type[Base], rows: Sequence[Row], *, or_leave: bool = False) -> None:
        if not rows:
            return
        insert = self._compiled.get(row)
        if insert is None:
            insert = self._compiled[row] = Insert(row, list(rows[0]), connection.dialect, or_leave=or_leave)
        insert.run(connection, rows)


def key_of(screening: NewScreening) -> tuple[str, str]:
    """What a screening is unique by: its caller and Idempotency-Key, or its own id where it has none."""
    return screening.caller, screening.idempotency_key or f"\0{screening.id}"
