"""Group commit: one thread writes the screenings that arrive at the same moment in one transaction.

A future is resolved after the commit, so a screening that was answered is on disk. A row that the database refuses is
written again alone, so that it fails by itself.
"""

import asyncio
import queue
import threading
from collections.abc import Iterable
from dataclasses import dataclass

from service.storage.database import UNAVAILABLE_ERRORS, Database
from service.storage.encryption import Encryptor
from service.storage.health import StoreHealth
from service.storage.screenings.insert_statements import Inserts
from service.storage.screenings.records import NewScreening, WriteResult

LARGEST_GROUP = 256


class StoreUnavailableError(Exception):
    """The database cannot be written now; nothing of the request was kept."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    screening: NewScreening
    future: "asyncio.Future[WriteResult]"
    loop: asyncio.AbstractEventLoop


_Group = list[_Waiting]


class ScreeningWriter:
    """The one writer of screenings in a process."""

    def __init__(self, database: Database, encryptor: Encryptor, health: StoreHealth | None = None) -> None:
        self._database = database
        self._health = health or StoreHealth()
        self._inserts = Inserts(encryptor)
        self._arrived: dict[asyncio.AbstractEventLoop, _Group] = {}
        self._queue: queue.SimpleQueue[_Group | None] = queue.SimpleQueue()
        self._taken = self._answered = 0
        self._thread = threading.Thread(target=self._run, name="screening-writer", daemon=True)
        self._thread.start()

    @property
    def depth(self) -> int:
        """How many screenings are taken and not yet answered."""
        return self._taken - self._answered

    def submit(self, screening: NewScreening) -> "asyncio.Future[WriteResult]":
        """Take one screening; the future is done once it is on disk, or holds StoreUnavailableError."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[WriteResult] = loop.create_future()
        arrived = self._arrived.setdefault(loop, [])
        if not arrived:  # the thread is woken once for all that arrive in this turn of the loop
            loop.call_soon(self._hand_over, loop)
        arrived.append(_Waiting(screening, future, loop))
        self._taken += 1
        return future

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        self._queue.put(self._arrived.pop(loop))

    def close(self) -> None:
        """Write what was taken, then end."""
        self._queue.put(None)
        self._thread.join(timeout=30)

    def _run(self) -> None:
        while (group := self._queue.get()) is not None:
            ended = self._extend(group)
            self._write(group)
            self._answered += len(group)
            if ended:
                return

    def _extend(self, group: _Group) -> bool:
        """Add what waits to the group; True if nothing will come after it."""
        while len(group) < LARGEST_GROUP:
            try:
                more = self._queue.get_nowait()
            except queue.Empty:
                return False
            if more is None:
                return True
            group += more
        return False

    def _write(self, group: _Group) -> None:
        try:
            with self._database.engine.begin() as connection:
                kept: list[WriteResult | Exception] = list(
                    self._inserts.put(connection, [waiting.screening for waiting in group])
                )
        except UNAVAILABLE_ERRORS as error:
            self._health.failed(error)
            kept = [StoreUnavailableError(type(error).__name__)] * len(group)
        except Exception as error:  # the futures receive the error, and the thread goes on
            if len(group) > 1:
                for waiting in group:
                    self._write([waiting])
                return
            kept = [error]
        else:
            self._health.worked()
        _answer(group, kept)


def _answer(group: _Group, kept: Iterable[WriteResult | Exception]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[WriteResult], WriteResult | Exception]]] = {}
    for waiting, result in zip(group, kept, strict=True):
        by_loop.setdefault(waiting.loop, []).append((waiting.future, result))
    for loop, results in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_resolve, results)


def _resolve(results: list[tuple["asyncio.Future[WriteResult]", WriteResult | Exception]]) -> None:
    for future, result in results:
        if future.done():  # the caller has gone; its screening is kept all the same
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)
