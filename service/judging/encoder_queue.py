"""The queue before the encoder: the most urgent first, and nobody let in who would wait for too long.

A draft that waits behind more than the encoder can read within its budget would be answered late and incomplete, and
make those behind it late too. It is refused at once instead: a burst of doubtful drafts does not pile up for seconds.
"""

import asyncio
import heapq
import itertools
import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

Found = TypeVar("Found")
SHARE = 0.25
"""The part of what is left of a budget that may be expected to be spent on waiting: an expectation may be wrong."""
_FIRST_GUESS = 0.02
"""Seconds that the encoder takes for one passage, until it is known."""
_LEARNT = 0.2
"""How much the newest time counts in what is expected."""

_MOST_AT_ONCE = 4.0
"""One time counts as at most so many times what was expected: a stall of the machine is not the pace of the work."""


class OverloadedError(Exception):
    """So much waits that this draft would not be judged in time; nothing of it was done."""


class Pace:
    """How long a unit of work takes, as it took lately."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def took(self, seconds: float, units: int) -> None:
        """So many units took so long."""
        now = min(seconds / max(units, 1), _MOST_AT_ONCE * self.seconds)
        self.seconds += _LEARNT * (now - self.seconds)


@dataclass(order=True, slots=True)
class _Asked:
    by: float
    number: int
    passages: int = field(compare=False)
    work: Callable[[], Any] = field(compare=False)
    future: "Future[Any]" = field(compare=False)


def spare_threads() -> int:
    """How many threads may read at once: two where this process has several cores to itself, one where other workers
    of the service share them. An encoder keeps a core busy, and the event loop is idle while all wait for it."""
    is_a_worker = multiprocessing.parent_process() is not None
    return 2 if len(os.sched_getaffinity(0)) > 1 and not is_a_worker else 1


class EncoderQueue:
    """Asks the encoder in threads of its own."""

    def __init__(self, *, threads: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pace = Pace(_FIRST_GUESS)
        self._waiting: list[_Asked] = []
        self._running = 0
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._closed = False
        self._threads = [threading.Thread(target=self._run, name="encoder", daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    async def ask(self, work: Callable[[], Found], passages: int, *, by: float, left: float) -> Found:
        """What `work` finds in so many passages. Raises OverloadedError at once where those who are as urgent (`by`)
        take up too much of the time that is `left`, TimeoutError where that time ends."""
        future: Future[Found] = Future()
        with self._changed:
            ahead = self._running + sum(one.passages for one in self._waiting if one.by <= by)
            if ahead and (ahead + passages) * self._pace.seconds > SHARE * left * len(self._threads):
                raise OverloadedError
            heapq.heappush(self._waiting, _Asked(by, next(self._numbers), passages, work, future))
            self._changed.notify()
        return await asyncio.wait_for(asyncio.wrap_future(future), left)

    def close(self) -> None:
        """End the threads once they have finished what they are at."""
        with self._changed:
            self._closed = True
            for one in self._waiting:
                one.future.cancel()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _next(self, done: int) -> _Asked | None:
        """The most urgent of those who still wait, for a thread that has read `done` passages; None at the end."""
        with self._changed:
            self._running -= done
            while True:
                while self._waiting:
                    one = heapq.heappop(self._waiting)
                    if one.future.set_running_or_notify_cancel():
                        self._running += one.passages
                        return one
                if self._closed:
                    return None
                self._changed.wait()

    def _run(self) -> None:
        done = 0
        while one := self._next(done):
            done, begun = one.passages, self._clock()
            try:
                found = one.work()
            except BaseException as error:  # the caller receives it, and the thread goes on
                one.future.set_exception(error)
            else:
                self._pace.took(self._clock() - begun, one.passages)
                one.future.set_result(found)
            del one
