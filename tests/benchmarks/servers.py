"""Servers to be measured: processes on free ports, with the processor time and the memory that they take."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
KEY = "benchmark-key"
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Server:
    """A server process, its workers included."""

    port: int
    pid: int

    def cpu_seconds(self) -> float:
        """Processor time of all its processes since they started."""
        return sum(_cpu(pid) for pid in self._processes())

    def memory(self) -> float:
        """Resident memory of its largest process, MB."""
        return max(_resident(pid) for pid in self._processes())

    def _processes(self) -> list[int]:
        tasks = Path(f"/proc/{self.pid}/task").iterdir()
        children = " ".join((task / "children").read_text(encoding="ascii") for task in tasks)
        return [self.pid, *map(int, children.split())]


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def _resident(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextmanager
def bare() -> Iterator[Server]:
    """The bare endpoint, with one worker."""
    options = ("--no-access-log", "--log-level", "warning")
    with _running("-m", "uvicorn", "tests.benchmarks.bare:app", *options, settings={}, ready="/screen") as server:
        yield server


@contextmanager
def service(home: str, *, encoder: bool, workers: int = 1, database: str = "") -> Iterator[Server]:
    """The service as it is delivered, with SQLite in the folder `home` or the `database` of a URL; only its log of
    requests is off, as the bare endpoint's is, and the rate limit."""
    settings = {
        "HOME": home, "DEMO_KEY": KEY, "RATE_PER_MINUTE": "0", "LOG_LEVEL": "warning", "WORKERS": str(workers),
        "ENCODER": "on" if encoder else "off", "DATABASE_URL": database,
    }  # fmt: skip
    with _running("-m", "service", "run", "--demo", settings=settings, ready="/readyz") as server:
        yield server


@contextmanager
def _running(*command: str, settings: dict[str, str], ready: str) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {**os.environ, **{f"SCREENING_{name}": value for name, value in settings.items()}}
    process = subprocess.Popen(
        [sys.executable, *command, "--port", str(port)], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
    )
    try:
        _wait(port, ready, process)
        yield Server(port, process.pid)
    finally:
        _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(40)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait(port: int, path: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 300
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
