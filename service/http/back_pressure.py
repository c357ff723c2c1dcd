"""Back-pressure: how much may wait inside, counted from the moment a request is admitted, and what was turned away."""

import logging
import time
from collections.abc import Callable
from typing import Any

from service.http.errors import ServiceError
from service.telemetry.logs import event

_SLOT = "screening.slot"
LATELY = 10.0
"""Seconds for which readiness tells that something was turned away."""
SAID_AGAIN_AFTER = 60.0
"""Seconds after which more of the same is logged again, with its number."""


class Shedding:
    """What this process turned away because too much came, by reason."""

    def __init__(
        self, *, counted: Callable[[str], None] = lambda reason: None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`counted` is called with the reason of each that is turned away."""
        self._counted = counted
        self._clock = clock
        self._last: dict[str, float] = {}
        self._said: dict[str, float] = {}
        self._unsaid: dict[str, int] = {}

    def note(self, reason: str) -> None:
        """One was turned away."""
        self._counted(reason)
        now = self._last[reason] = self._clock()
        self._unsaid[reason] = self._unsaid.get(reason, 0) + 1
        if now >= self._said.get(reason, float("-inf")) + SAID_AGAIN_AFTER:
            self._said[reason] = now
            event("shedding", level=logging.WARNING, reason=reason, count=self._unsaid.pop(reason))

    def lately(self) -> list[str]:
        """The reasons for which something was turned away in the last seconds."""
        return sorted(reason for reason, at in self._last.items() if self._clock() < at + LATELY)


class BackPressure:
    """Counts the requests, and the bytes of their bodies, that wait inside."""

    def __init__(self, max_pending: int, max_bytes: int, shedding: Shedding) -> None:
        self.max_pending = max_pending
        self.max_bytes = max_bytes
        self.shedding = shedding
        self.pending = 0
        self.bytes = 0


class Slot:
    """The place of one request: nothing until it is taken, which is when its caller is admitted or its body is read."""

    def __init__(self, pressure: BackPressure | None, weight: int) -> None:
        """`pressure` None: this request is never counted."""
        self._pressure = pressure
        self._weight = weight
        self._taken = False

    @classmethod
    def of(cls, scope: Any) -> "Slot":
        """The slot of a request."""
        slot: Slot = scope.get(_SLOT) or cls(None, 0)
        return slot

    def put(self, scope: Any) -> None:
        """Make it the slot of a request."""
        scope[_SLOT] = self

    def take(self) -> None:
        """Count the request, once. Raises the 503 where too much waits already; a lone one is never too much."""
        pressure = self._pressure
        if pressure is None or self._taken:
            return
        if pressure.pending >= pressure.max_pending:
            pressure.shedding.note("requests")
            raise too_much()
        if pressure.bytes and pressure.bytes + self._weight > pressure.max_bytes:
            pressure.shedding.note("bytes")
            raise too_much()
        self._taken = True
        pressure.pending += 1
        pressure.bytes += self._weight

    def release(self) -> None:
        """The request is answered."""
        if self._taken and self._pressure:
            self._taken = False
            self._pressure.pending -= 1
            self._pressure.bytes -= self._weight


def too_much() -> ServiceError:
    """The 503 of a request that would have to wait too long."""
    return ServiceError(503, "Too much is waiting already; try again.", headers={"Retry-After": "1"})
