"""Load on a server over keep-alive connections: closed (as fast as it answers) or open (at moments fixed before).

The client is one light event loop, so that it is the server that is measured. It waits in `select`, whose waits are
as fine as a microsecond; those of `epoll` are rounded up to whole milliseconds.
"""

import asyncio
import itertools
import json
import random
import selectors
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.servers import KEY


@dataclass(frozen=True, slots=True)
class Figures:
    """What a load gave: answers per second, and how long answers took, in seconds. `refused` were turned away because
    too much came, and are no answers."""

    per_second: float
    median: float
    p99: float
    count: int
    refused: int = 0


def request(draft: dict[str, str], mode: str) -> bytes:
    """The bytes of one POST /screen."""
    body = json.dumps({**draft, "mode": mode}).encode()
    head = (
        f"POST /screen HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def closed(port: int, requests: Sequence[bytes], seconds: float, connections: int) -> Figures:
    """Each connection asks again as soon as it is answered. Raises RuntimeError for an answer that is neither a 200
    nor a 503."""
    return _run(_closed(port, itertools.cycle(requests), seconds, connections))


def each(port: int, requests: Iterable[bytes], connections: int) -> Figures:
    """As `closed`, until every request has been asked once."""
    return _run(_closed(port, iter(requests), float("inf"), connections))


def open_loop(port: int, requests: Sequence[bytes], seconds: float, rate: float) -> Figures:
    """Requests at random moments, `rate` a second on average, whether or not the earlier ones are answered; a request
    that finds no free connection waits, and its wait counts."""
    return _run(_open(port, requests, seconds, rate))


def _run(load: Coroutine[Any, Any, Figures]) -> Figures:
    loop = asyncio.SelectorEventLoop(selectors.SelectSelector())
    try:
        return loop.run_until_complete(load)
    finally:
        loop.close()


class Connection(asyncio.Protocol):
    """One keep-alive connection; `answered(connection, seconds)` is called for each whole answer, without the seconds
    where it refuses."""

    def __init__(self, answered: "Callable[[Connection, float | None], None]") -> None:
        self._answered = answered
        self._buffer = b""
        self._since = 0.0
        self.errors = self.refused = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready to ask."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def ask(self, raw: bytes, since: float) -> None:
        """Send a request whose time counts from `since`."""
        self._since = since
        self.transport.write(raw)

    def data_received(self, data: bytes) -> None:
        """Gather an answer, and tell of it once it is whole."""
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        at = head.lower().index(b"content-length:") + 15
        if len(rest) < int(head[at:].split(b"\r\n", 1)[0]):
            return
        self._buffer = b""
        refused = head.startswith(b"HTTP/1.1 503")
        self.refused += refused
        self.errors += not refused and not head.startswith(b"HTTP/1.1 200")
        self._answered(self, None if refused else time.perf_counter() - self._since)


async def _connect(port: int, count: int, answered: Callable[[Connection, float | None], None]) -> list[Connection]:
    loop = asyncio.get_running_loop()
    made = [await loop.create_connection(lambda: Connection(answered), "127.0.0.1", port) for _ in range(count)]
    return [connection for _, connection in made]


async def _closed(port: int, requests: Iterator[bytes], seconds: float, connections: int) -> Figures:
    times: list[float] = []
    done = asyncio.Event()
    busy = connections

    def answered(connection: Connection, taken: float | None) -> None:
        if taken is not None:
            times.append(taken)
        ask(connection)

    def ask(connection: Connection) -> None:
        nonlocal busy
        now = time.perf_counter()
        one = next(requests, None) if now < started + seconds else None
        if one is not None:
            connection.ask(one, now)
            return
        busy -= 1
        if not busy:
            done.set()

    made = await _connect(port, connections, answered)
    started = time.perf_counter()
    for connection in made:
        ask(connection)
    await done.wait()
    figures = _figures(times, time.perf_counter() - started, made)
    _end(made)
    return figures


async def _open(port: int, requests: Sequence[bytes], seconds: float, rate: float) -> Figures:
    rng = random.Random(7)
    times: list[float] = []
    waiting: deque[tuple[bytes, float]] = deque()

    def free_again(connection: Connection, taken: float | None) -> None:
        if taken is not None:
            times.append(taken)
        if waiting:
            connection.ask(*waiting.popleft())
        else:
            free.append(connection)

    made = await _connect(port, 64, free_again)
    free = list(made)
    at = started = time.perf_counter()
    asked = 0
    while (at := at + rng.expovariate(rate)) < started + seconds:
        await asyncio.sleep(max(0.0, at - time.perf_counter()))
        one = requests[asked % len(requests)], at
        asked += 1
        if free:
            free.pop().ask(*one)
        else:
            waiting.append(one)
    while len(times) + sum(one.refused for one in made) < asked and time.perf_counter() < started + seconds + 60:
        await asyncio.sleep(0.05)
    figures = _figures(times, seconds, made)
    _end(made)
    return figures


def _end(connections: Sequence[Connection]) -> None:
    for connection in connections:
        connection.transport.abort()
    if sum(connection.errors for connection in connections):
        raise RuntimeError("some answers were neither 200 nor 503")


def _figures(times: Sequence[float], seconds: float, connections: Sequence[Connection]) -> Figures:
    if not times:
        raise RuntimeError("nothing was answered")
    ordered = sorted(times)
    count = len(ordered)
    refused = sum(one.refused for one in connections)
    return Figures(count / seconds, ordered[count // 2], ordered[int(count * 0.99)], count, refused)
