"""Kills a piece of work at each of its steps towards the disk, one step after another.

The work runs in a child made by `fork`, so that a step costs no start of Python. A step is whatever changes files
(opening to write, renaming, removing, syncing) and whatever goes to the database (a statement, a commit: before and
after). `SIGKILL` leaves no time to tidy up.
"""

import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine.default import DefaultDialect

_CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "shutil.rmtree", "shutil.move"}
MOST_STEPS = 2_000


def killed_at(step: int, work: Callable[[], Any]) -> bool:
    """Run the work in a child that is killed at that step, counted from 1; False where it has fewer steps."""
    return _killed(work, lambda: _arm(step))


def killed_after(seconds: float, work: Callable[[], Any]) -> bool:
    """Run the work in a child that is killed so many seconds after it began; False where it was done by then."""
    return _killed(work, lambda: None, seconds)


def every_step(work: Callable[[], Any], stride: int = 1) -> Iterator[int]:
    """Each step at which the work was killed, until it has no more. What is yielded is checked before the next."""
    for step in range(1, MOST_STEPS, stride):
        if not killed_at(step, work):
            return
        yield step
    raise AssertionError("the work never ended")


def random_moments(work: Callable[[], Any], count: int, seed: int) -> Iterator[float]:
    """Moments, spread over the time that the work takes, at which it was killed in whatever it was at."""
    begun = time.monotonic()
    assert not _killed(work, lambda: None)
    whole, rng = time.monotonic() - begun, random.Random(seed)
    for _ in range(count):
        moment = rng.uniform(0, whole)
        killed_after(moment, work)
        yield moment


def _killed(work: Callable[[], Any], prepare: Callable[[], None], seconds: float | None = None) -> bool:
    child = os.fork()
    if child == 0:
        try:
            prepare()
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(2)
        os._exit(0)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "the work failed by itself"
    return False


def _arm(step: int) -> None:
    """Count steps in this process, and end it at one of them."""
    left = [step]

    def count(*given: Any, **named: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(name: str, given: tuple[Any, ...]) -> None:
        if name in _CHANGES or (name == "open" and _writes(given)):
            count()

    sys.addaudithook(hook)
    os.fsync = _around(os.fsync, count)
    event.listen(Engine, "before_cursor_execute", count)
    DefaultDialect.do_commit = _around(DefaultDialect.do_commit, count)  # type: ignore[method-assign]


def _writes(given: tuple[Any, ...]) -> bool:
    _, mode, flags = given
    return bool((flags or 0) & (os.O_WRONLY | os.O_RDWR)) if mode is None else any(letter in mode for letter in "wax+")


def _around(function: Callable[..., Any], count: Callable[[], None]) -> Callable[..., Any]:
    def counted(*given: Any, **named: Any) -> Any:
        count()
        result = function(*given, **named)
        count()
        return result

    return counted
