"""Whether the store works: its users report, the log says it once and then by count, readiness asks."""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable

from service.telemetry.logs import event

SAID_AGAIN_AFTER = 60.0
"""Seconds after which failures that go on are logged again, with their number."""


class StoreSilentError(Exception):
    """The store did not answer in time."""

    def __init__(self) -> None:
        super().__init__("the store did not answer in time")


class StoreHealth:
    """The store of one process. It fails from the first error until something is written."""

    def __init__(
        self, *, counted: Callable[[], None] = lambda: None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`counted` is called at every failure."""
        self._counted = counted
        self._clock = clock
        self._lock = threading.Lock()
        self._said_at = 0.0
        self._failures = 0
        self.cause = ""
        """Why it fails, for those who run the service; empty where it does not."""
        self.kind = ""
        """The same without names of hosts and users, for anybody."""

    @property
    def failing(self) -> bool:
        """Whether the last report on the store is an error."""
        return bool(self.cause)

    def failed(self, error: BaseException) -> None:
        """The store refused, was away or did not answer in time."""
        self._counted()
        with self._lock:
            first, self.cause, self.kind = not self.cause, cause_of(error), kind_of(error)
            self._failures += 1
            if not first and self._clock() < self._said_at + SAID_AGAIN_AFTER:
                return
            self._said_at = self._clock()
            event("store-failing", level=logging.ERROR, cause=self.cause, failures=self._failures)

    def worked(self) -> None:
        """Something was written."""
        if not self.cause:
            return
        with self._lock:
            if self.cause:
                event("store-works-again", cause=self.cause, failures=self._failures)
            self.cause, self._failures = "", 0


def kind_of(error: BaseException) -> str:
    """SQLite's words, which name nothing; the kind of any other error."""
    driver = getattr(error, "orig", None) or error
    known = isinstance(driver, sqlite3.Error | StoreSilentError)
    return cause_of(driver) if known else type(driver).__name__


def cause_of(error: BaseException) -> str:
    """The driver's own words, in one line: SQLAlchemy's would quote the statement and its values."""
    words = str(getattr(error, "orig", None) or error).strip().splitlines()
    return words[0][:200] if words else type(error).__name__
