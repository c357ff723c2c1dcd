"""The connections of a worker: uvicorn's protocol with deadlines for head and body, and caps on heads and sockets.

uvicorn itself closes a connection that idles after an answer. It waits without end for the first byte and the rest of a
head or body, and copies a head of any length; its cap on connections refuses everybody once idle ones fill it.
"""

import asyncio
import itertools
from typing import Any, ClassVar, Literal

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from service.connection_limits import ConnectionLimits
from service.http.back_pressure import Shedding
from service.http.errors import MEDIA_TYPE, ServiceError, problem

_FLUSH_SECONDS = 5.0
"""How long a refusal may take to be read before its connection is cut."""
_TURNS = itertools.count(1)
"""Tells which connection has idled longest: the loop's clock stands still while it takes several connections."""


class GuardedProtocol(HttpToolsProtocol):
    """One connection. `limits` and `shedding` are those of the process."""

    limits: ClassVar[ConnectionLimits] = ConnectionLimits()
    shedding: ClassVar[Shedding] = Shedding()

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._awaits: Literal["head", "body", ""] = ""
        self._part: Literal["head", "body", ""] = ""
        self._timer: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._unprogressed = 0
        self._headers = 0
        self._idle_since = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection; over the cap, the one that has idled longest makes room."""
        super().connection_made(transport)
        self._idle_since = next(_TURNS)
        if len(self.connections) > self.limits.connections:
            self._make_room()
        if not transport.is_closing():
            self._await("head")

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers."""
        self._await("")
        self._cancel_stalled()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser pieces no longer than a head may still be; what never gets anywhere is refused."""
        at = 0
        while at < len(data) and not self.transport.is_closing():
            piece = data[at : at + self.limits.header_bytes - self._unprogressed]
            at += len(piece)
            self._unprogressed += len(piece)
            super().data_received(piece)
            if self._unprogressed >= self.limits.header_bytes:
                self._refuse(431, f"The head of a request has at most {self.limits.header_bytes:,} bytes.")
        if not self.transport.is_closing():
            idle_and_unwatched = self._answered and self.timeout_keep_alive_task is None
            self._await(self._part or ("head" if idle_and_unwatched else ""))

    @property
    def _answered(self) -> bool:
        """Whether nothing that was asked for on this connection is still to be answered."""
        return self.cycle is None or self.cycle.response_complete

    # what the parser tells

    def on_message_begin(self) -> None:
        """A head begins."""
        self._part, self._headers = "head", 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer."""
        self._headers += 1
        if self._headers <= self.limits.headers:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._unprogressed, self._part = 0, "body"
        if self._headers > self.limits.headers:
            self._refuse(431, f"A request has at most {self.limits.headers} headers.")
            return
        super().on_headers_complete()

    def on_chunk_header(self) -> None:
        """A chunk begins."""
        self._unprogressed = 0

    def on_body(self, body: bytes) -> None:
        """Some of the body."""
        self._unprogressed = 0
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._unprogressed, self._part = 0, ""
        if not self.transport.is_closing():
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """The answer is written."""
        self._idle_since = next(_TURNS)
        super().on_response_complete()

    # deadlines

    def _await(self, part: Literal["head", "body", ""]) -> None:
        """Wait for the rest of a part until its deadline, which does not move while the part is the same."""
        if part == self._awaits:
            return
        if self._timer:
            self._timer.cancel()
            self._timer = None
        self._awaits = part
        if part:
            seconds = self.limits.header_seconds if part == "head" else self.limits.body_seconds
            self._timer = self.loop.call_later(seconds, self._late)

    def _late(self) -> None:
        part = self._awaits
        self.shedding.note(f"slow-{part}")
        if self._part:
            self._refuse(408, f"The {part} of the request did not arrive in time.")
        else:
            self.transport.close()

    def pause_writing(self) -> None:
        """The other side does not read its answer: it has as long as for a body."""
        super().pause_writing()
        self._cancel_stalled()
        self._stalled = self.loop.call_later(self.limits.body_seconds, self._cut_stalled)

    def resume_writing(self) -> None:
        """It reads again."""
        self._cancel_stalled()
        super().resume_writing()

    def _cut_stalled(self) -> None:
        self.shedding.note("slow-reader")
        self.transport.abort()

    def _cancel_stalled(self) -> None:
        if self._stalled:
            self._stalled.cancel()
            self._stalled = None

    # room

    def _make_room(self) -> None:
        self.shedding.note("connections")
        idle = [one for one in self.connections if isinstance(one, GuardedProtocol) and one is not self]
        idle = [one for one in idle if one._answered and not one.transport.is_closing()]
        if idle:
            min(idle, key=lambda one: one._idle_since).transport.abort()
        else:
            self._refuse(503, "Too many connections; try again.")

    def _refuse(self, status: int, detail: str) -> None:
        """Answer once more, unless an answer is under way, and end the connection."""
        if self.transport.is_closing():
            return
        if self._answered or not (self.cycle.response_started or self.pipeline):
            body = orjson.dumps(problem(ServiceError(status, detail)))
            head = f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n"
            retry = "retry-after: 1\r\n" if status == 503 else ""
            self.transport.write(STATUS_LINE[status] + (head + retry + "\r\n").encode() + body)
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()
        self.loop.call_later(_FLUSH_SECONDS, self.transport.abort)
