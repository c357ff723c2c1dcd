"""POST /screen against a bare FastAPI endpoint: requests per second in the same process model, as ratios in one run.

`python -m tests.benchmarks.http_bench [--seconds 3] [--rounds 3] [--connections 16]` prints a table; the rounds of the
three alternate, so that a busy machine troubles all of them alike.
"""

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.texts import drafts

ROOT = Path(__file__).parents[2]
KEY = "benchmark-key"
TARGETS = {"preview": 0.50, "send": 0.30}


@contextmanager
def server(*command: str, home: str, ready: str) -> Iterator[int]:
    """A server process on a free port, until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {**os.environ, "SCREENING_HOME": home, "SCREENING_DEMO_KEY": KEY, "SCREENING_RATE_PER_MINUTE": "0",
                   "SCREENING_LOG_LEVEL": "warning"}  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, *command, "--port", str(port)], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
    )
    try:
        _wait(port, ready, process)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _wait(port: int, path: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as connection:
                connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
                if connection.recv(12) in (b"HTTP/1.1 200", b"HTTP/1.1 405"):
                    return
        except OSError:
            pass
        time.sleep(0.1)
    raise RuntimeError("a server did not start")


class Caller(asyncio.Protocol):
    """One keep-alive connection that asks again as soon as it is answered; light, so that the server is measured."""

    def __init__(self, requests: list[bytes], start: int) -> None:
        self.count, self.errors, self.times = 0, 0, list[float]()
        self._requests, self._next = requests, start
        self._buffer = b""
        self.running = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the first time."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        self._asked = time.perf_counter()
        self._transport.write(self._requests[self._next % len(self._requests)])
        self._next += 1

    def data_received(self, data: bytes) -> None:
        """Count a whole answer, ask again."""
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        lower = head.lower()
        at = lower.index(b"content-length:") + 15
        if len(rest) < int(lower[at : lower.find(b"\r\n", at) if b"\r\n" in lower[at:] else None]):
            return
        self._buffer = b""
        self.times.append(time.perf_counter() - self._asked)
        self.count += 1
        self.errors += not head.startswith(b"HTTP/1.1 200")
        if self.running:
            self._ask()
        else:
            self._transport.close()


async def _load(port: int, requests: list[bytes], seconds: float, connections: int) -> tuple[float, float, float]:
    loop = asyncio.get_running_loop()
    callers = []
    started = time.perf_counter()
    for number in range(connections):
        _, caller = await loop.create_connection(lambda n=number: Caller(requests, n * 7), "127.0.0.1", port)  # type: ignore[misc]
        callers.append(caller)
    await asyncio.sleep(seconds)
    for caller in callers:
        caller.running = False
    while not all(caller.times for caller in callers):  # a server that is still warming up
        await asyncio.sleep(0.05)
    elapsed = time.perf_counter() - started
    count = sum(caller.count for caller in callers)
    if sum(caller.errors for caller in callers):
        raise RuntimeError("some answers were not 200")
    times = sorted(t for caller in callers for t in caller.times)
    await asyncio.sleep(0.2)
    return count / elapsed, times[len(times) // 2], times[int(len(times) * 0.99)]


def request(draft: dict[str, str], mode: str) -> bytes:
    """The bytes of one POST /screen."""
    body = json.dumps({**draft, "mode": mode}).encode()
    head = (
        f"POST /screen HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def measure(seconds: float, rounds: int, connections: int) -> dict[str, dict[str, float]]:
    """Requests per second, and median and p99 in milliseconds, of the bare endpoint, previews and sends."""
    results: dict[str, list[tuple[float, float, float]]] = {"bare": [], "preview": [], "send": []}
    bare = ("-m", "uvicorn", "tests.benchmarks.bare:app", "--no-access-log", "--log-level", "warning")
    with (
        tempfile.TemporaryDirectory() as home,
        server(*bare, home=home, ready="/screen") as bare_port,
        server("-m", "service", "run", "--demo", home=home, ready="/readyz") as port,
    ):
        plans = [("bare", bare_port, "send"), ("preview", port, "preview"), ("send", port, "send")]
        for number in range(rounds + 1):
            for name, at, mode in plans:
                requests = [request(draft, mode) for draft in drafts()]
                figures = asyncio.run(_load(at, requests, seconds if number else 1.0, connections))
                if number:  # the first round warms up
                    results[name].append(figures)
    return {
        name: dict(zip(("per_second", "median_ms", "p99_ms"), _medians(figures), strict=True))
        for name, figures in results.items()
    }


def _medians(figures: list[tuple[float, float, float]]) -> tuple[float, float, float]:
    rates, middles, slowest = zip(*figures, strict=True)
    return statistics.median(rates), statistics.median(middles) * 1000, statistics.median(slowest) * 1000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=16)
    given = parser.parse_args()
    results = measure(given.seconds, given.rounds, given.connections)
    bare = results["bare"]["per_second"]
    print(f"{'':10} {'per second':>10} {'median ms':>10} {'p99 ms':>8} {'of bare':>8} {'target':>7}")
    for name, figure in results.items():
        target = f"{TARGETS[name]:.0%}" if name in TARGETS else ""
        print(
            f"{name:10} {figure['per_second']:10.0f} {figure['median_ms']:10.2f} {figure['p99_ms']:8.2f} "
            f"{figure['per_second'] / bare:8.0%} {target:>7}"
        )


if __name__ == "__main__":
    main()
