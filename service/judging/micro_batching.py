"""Micro-batches: drafts that arrive in the same turn of the event loop are judged together, stage by stage.

The tables of a stage stay in the processor's cache from draft to draft, so each draft costs less. A draft that arrives
alone is judged alone and at once: no draft waits for a batch to fill.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from classifier import Draft, Order, Screener
from classifier.screener import PartialEvidence
from service.judging.encoder_queue import Pace

MOST_TOGETHER = 6
"""More would raise the throughput further, and the slowest answers' time with it: all wait for the last of a group."""


_FIRST_GUESS = 5e-6
"""Seconds that a character takes, until it is known."""
_PER_DRAFT = 200
"""What a draft costs whatever its length, in characters."""
_OTHER_WORK = 2.0
"""The event loop does other work between the groups, about as much as the judging itself."""


def _length(draft: Draft) -> int:
    return draft.length


def _cost(draft: Draft) -> int:
    return _length(draft) + _PER_DRAFT


@dataclass(frozen=True, slots=True)
class _Waiting:
    draft: Draft
    order: Order | None
    late: Callable[[], bool]
    future: "asyncio.Future[PartialEvidence]"


class MicroBatcher:
    """Judges drafts on the event loop, but for the encoder. A group is no longer, in characters, than the longest draft
    may be alone."""

    def __init__(self, longest: int, overran: Callable[[], None]) -> None:
        """`overran` is called when a deadline passes while the batch holds the event loop."""
        self._longest = longest
        self._overran = overran
        self._pace = Pace(_FIRST_GUESS)
        self._waiting = 0
        self._arrived: dict[Screener, list[_Waiting]] = {}

    def seconds_before(self, draft: Draft) -> float:
        """How long a draft that arrives now would wait until it is judged, itself included; 0 where none waits."""
        return (self._waiting + _cost(draft)) * self._pace.seconds * _OTHER_WORK if self._waiting else 0.0

    def partial_evidence(
        self, screener: Screener, draft: Draft, order: Order | None, late: Callable[[], bool]
    ) -> "asyncio.Future[PartialEvidence]":
        """What `screener.partial_evidence` returns for a draft, at the end of this turn of the loop."""
        loop = asyncio.get_running_loop()
        arrived = self._arrived.setdefault(screener, [])
        if not arrived:
            loop.call_soon(self._turn, loop, screener)
        arrived.append(_Waiting(draft, order, late, loop.create_future()))
        self._waiting += _cost(draft)
        return arrived[-1].future

    def _turn(self, loop: asyncio.AbstractEventLoop, screener: Screener) -> None:
        """Judge one group; those that are left over have the next turn, after whatever else waits."""
        arrived = self._arrived.pop(screener)
        count = self._fitting(arrived)
        in_time = [waiting for waiting in arrived[:count] if not waiting.late()]
        cost = sum(_cost(waiting.draft) for waiting in arrived[:count])
        begun = time.perf_counter()
        _judge(screener, arrived[:count])
        self._pace.took(time.perf_counter() - begun, cost)
        self._waiting -= cost
        if any(waiting.late() for waiting in in_time):
            self._overran()
        if rest := arrived[count:]:
            self._arrived[screener] = rest
            loop.call_soon(self._turn, loop, screener)

    def _fitting(self, arrived: Sequence[_Waiting]) -> int:
        """How many may be looked at together, at least one."""
        length = 0
        for count, waiting in enumerate(arrived[:MOST_TOGETHER]):
            length += _length(waiting.draft)
            if count and length > self._longest:
                return count
        return min(len(arrived), MOST_TOGETHER)


def _judge(screener: Screener, group: Sequence[_Waiting]) -> None:
    """Give each its partial evidence, or what went wrong with it; a draft that cannot be judged fails by itself."""
    try:
        found = _together(screener, group)
    except Exception as error:
        if len(group) > 1:
            for waiting in group:
                _judge(screener, [waiting])
        elif not group[0].future.done():
            group[0].future.set_exception(error)
        return
    for waiting, partial in zip(group, found, strict=True):
        if not waiting.future.done():  # its caller may have gone
            waiting.future.set_result(partial)


def _together(screener: Screener, group: Sequence[_Waiting]) -> Sequence[PartialEvidence]:
    """The partial evidence of a group; stages are skipped once nobody of it is in time."""
    if len(group) == 1:
        return [screener.partial_evidence(group[0].draft, group[0].order, late=group[0].late)]
    drafts, orders = [waiting.draft for waiting in group], [waiting.order for waiting in group]
    return screener.partial_evidence_of_many(drafts, orders, late=lambda: all(waiting.late() for waiting in group))
