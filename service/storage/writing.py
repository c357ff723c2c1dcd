"""Keeping screenings: one thread gathers what arrives at the same moment into one transaction (group commit).

Whoever waits is answered after the commit, so an answered screening is on disk. A row that the database refuses is
tried again alone, so that it fails by itself.
"""

import asyncio
import queue
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from service.storage.database import Database
from service.storage.records import NewScreening
from service.storage.review_tables import CaseRow
from service.storage.rows import case_row, finding_rows, screening_row, shadow_row
from service.storage.sealing import Sealer
from service.storage.search import index_drafts
from service.storage.tables import FindingRow, IdempotencyRow, ScreeningRow, ShadowVerdictRow

LARGEST_GROUP = 256
_UNREACHABLE = (OperationalError, InterfaceError, PoolTimeout)


class StoreUnavailableError(Exception):
    """The database cannot be written now; nothing of the request was kept."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Which screening the store holds for a request: another `id` than was offered where the Idempotency-Key had
    been used, and another `text_hash` where it was used for another draft."""

    id: str
    text_hash: str


@dataclass(frozen=True, slots=True)
class _Waiting:
    screening: NewScreening
    future: "asyncio.Future[Kept]"
    loop: asyncio.AbstractEventLoop


class ScreeningWriter:
    """The one writer of screenings in a process."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="screening-writer", daemon=True)
        self._thread.start()

    @property
    def depth(self) -> int:
        """How many screenings wait to be written."""
        return self._queue.qsize()

    async def keep(self, screening: NewScreening) -> Kept:
        """Store one screening and return once it is on disk. Raises StoreUnavailableError."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Kept] = loop.create_future()
        self._queue.put(_Waiting(screening, future, loop))
        return await future

    def close(self) -> None:
        """Write what was taken, then end."""
        self._queue.put(None)
        self._thread.join(timeout=30)

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            group, ended = self._gather(first)
            self._write(group)
            if ended:
                return

    def _gather(self, first: _Waiting) -> tuple[list[_Waiting], bool]:
        group = [first]
        while len(group) < LARGEST_GROUP:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
            if item is None:
                return group, True
            group.append(item)
        return group, False

    def _write(self, group: list[_Waiting]) -> None:
        try:
            kept: list[Kept | Exception] = list(self._commit([waiting.screening for waiting in group]))
        except _UNREACHABLE as error:
            kept = [StoreUnavailableError(type(error).__name__)] * len(group)
        except (DBAPIError, ValueError, TypeError) as error:
            if len(group) > 1:
                for waiting in group:
                    self._write([waiting])
                return
            kept = [error]
        _answer(group, kept)

    def _commit(self, screenings: list[NewScreening]) -> list[Kept]:
        with self._database.engine.begin() as connection:
            taken = _claim_keys(connection, screenings)
            fresh = [s for s in screenings if _key(s) not in taken or taken[_key(s)].id == s.id]
            if fresh:
                _insert(connection, fresh, self._sealer)
        return [taken.get(_key(s)) or Kept(s.id, s.text_hash) for s in screenings]


def _answer(group: list[_Waiting], kept: Iterable[Kept | Exception]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Kept], Kept | Exception]]] = {}
    for waiting, result in zip(group, kept, strict=True):
        by_loop.setdefault(waiting.loop, []).append((waiting.future, result))
    for loop, results in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_resolve, results)


def _resolve(results: list[tuple["asyncio.Future[Kept]", Kept | Exception]]) -> None:
    for future, result in results:
        if future.done():  # the caller has gone; its screening is kept all the same
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)


def _key(screening: NewScreening) -> tuple[str, str]:
    return screening.caller, screening.idempotency_key or f"\0{screening.id}"


def _claim_keys(connection: Connection, screenings: list[NewScreening]) -> dict[tuple[str, str], Kept]:
    """For each Idempotency-Key the screening that owns it: the first to claim it, in this process or another."""
    asking: dict[tuple[str, str], NewScreening] = {}
    for screening in screenings:
        if screening.idempotency_key:
            asking.setdefault(_key(screening), screening)
    if not asking:
        return {}
    # in one order everywhere, so that two processes never wait for each other
    rows = [_idempotency_row(asking[key]) for key in sorted(asking)]
    connection.execute(_insert_new(connection, IdempotencyRow), rows)
    table = IdempotencyRow
    found = connection.execute(
        select(table.caller, table.key, table.screening_id, table.text_hash).where(
            tuple_(table.caller, table.key).in_(list(asking))
        )
    )
    return {(caller, key): Kept(owner, text_hash) for caller, key, owner, text_hash in found}


def _insert_new(connection: Connection, row: Any) -> Any:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(row).on_conflict_do_nothing()


def _idempotency_row(screening: NewScreening) -> dict[str, Any]:
    return {
        "caller": screening.caller,
        "key": screening.idempotency_key,
        "text_hash": screening.text_hash,
        "screening_id": screening.id,
        "created_at": screening.created_at,
    }


def _insert(connection: Connection, screenings: list[NewScreening], sealer: Sealer) -> None:
    connection.execute(insert(ScreeningRow), [screening_row(s, sealer) for s in screenings])
    if findings := [row for s in screenings for row in finding_rows(s)]:
        connection.execute(insert(FindingRow), findings)
    if shadows := [shadow_row(s) for s in screenings if s.shadow]:
        connection.execute(insert(ShadowVerdictRow), shadows)
    with_case = [s for s in screenings if s.cases]
    if with_case:
        connection.execute(insert(CaseRow), [case_row(s, kind) for s in with_case for kind in s.cases])
        if not sealer.encrypts:
            index_drafts(connection, [(s.id, s.draft) for s in with_case])
