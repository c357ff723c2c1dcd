"""POST /screen against a bare FastAPI endpoint, as ratios in one run.

`python -m tests.benchmarks.http_bench [--seconds 3] [--rounds 3] [--connections 16]` prints a table. Everything is up
at once and the rounds alternate, so that a busy machine troubles all alike. `cpu ms` is the processor time that a
server spends on an answer, which other work on the machine changes less than the rest.
"""

import argparse
import random
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tests.benchmarks import load
from tests.benchmarks.servers import Server, bare, service
from tests.benchmarks.texts import drafts
from tests.service.postgres import NoPostgresError, postgres_server

SHARE = 0.7
"""Of a server's own most, the load at which its p99 is taken."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A row of the table: which server is asked for what."""

    name: str
    server: Server
    mode: str


@dataclass(frozen=True, slots=True)
class Row:
    """What a plan gave, medians over the rounds; milliseconds. `refused`: the share of requests that were turned away.
    `late_ms`: p99 in open loop at 70% of `per_second`."""

    per_second: float
    median_ms: float
    p99_ms: float
    cpu_ms: float
    refused: float = 0.0
    late_ms: float | None = None


Rows = dict[str, Row]
AT_LOAD = ("bare", "preview", "send")
"""Plans whose p99 is taken at 70% load."""


@contextmanager
def plans() -> Iterator[list[Plan]]:
    """All servers, running: the bare endpoint, the service by linear witnesses alone, with the encoder, with two
    workers; those too, where PostgreSQL is installed, with it as the store."""
    with (
        ExitStack() as more,
        tempfile.TemporaryDirectory() as folder,
        bare() as yardstick,
        service(str(Path(folder) / "linear"), encoder=False) as linear,
        service(str(Path(folder) / "encoder"), encoder=True) as whole,
        service(str(Path(folder) / "two"), encoder=False, workers=2) as two,
    ):
        found = [
            Plan("bare", yardstick, "send"),
            Plan("preview", linear, "preview"),
            Plan("send", linear, "send"),
            Plan("preview, encoder", whole, "preview"),
            Plan("send, encoder", whole, "send"),
            Plan("preview, 2 workers", two, "preview"),
            Plan("send, 2 workers", two, "send"),
        ]
        try:
            url = more.enter_context(postgres_server())
        except NoPostgresError:
            yield found
            return
        for name, workers in (("send, PostgreSQL", 1), ("send, PostgreSQL, 2 workers", 2)):
            home = str(Path(folder) / f"postgres-{workers}")
            server = more.enter_context(service(home, encoder=False, workers=workers, database=url))
            found.append(Plan(name, server, "send"))
        yield found


def measure(chosen: list[Plan], seconds: float, rounds: int, connections: int) -> Rows:
    """Each plan's row, of alternating rounds; the first round warms up."""
    found: dict[str, list[Row]] = {plan.name: [] for plan in chosen}
    for number in range(rounds + 1):
        for plan in chosen:
            row = _round(plan, seconds if number else min(seconds, 1.0), connections)
            if number:
                found[plan.name].append(row)
    return {name: _median(rows) for name, rows in found.items()}


def at_load(chosen: list[Plan], rows: Rows, seconds: float, rounds: int) -> Rows:
    """The rows with `late_ms`: the p99 in open loop at 70% of each one's own most."""
    late: dict[str, list[float]] = {plan.name: [] for plan in chosen if plan.name in AT_LOAD}
    for _ in range(rounds):
        for plan in chosen:
            if plan.name in late:
                figures = load.open_loop(
                    plan.server.port, _requests(plan.mode), seconds, SHARE * rows[plan.name].per_second
                )
                late[plan.name].append(figures.p99 * 1000)
    medians = {name: statistics.median(times) for name, times in late.items()}
    return {name: replace(row, late_ms=medians.get(name)) for name, row in rows.items()}


def round_trip(chosen: list[Plan], seconds: float) -> float:
    """Median seconds from request to answer of the bare endpoint, asked over one connection."""
    (yardstick,) = (plan for plan in chosen if plan.name == "bare")
    return load.closed(yardstick.server.port, _requests(yardstick.mode), seconds, 1).median


def _round(plan: Plan, seconds: float, connections: int) -> Row:
    before = plan.server.cpu_seconds()
    figures = load.closed(plan.server.port, _requests(plan.mode), seconds, connections)
    spent = plan.server.cpu_seconds() - before
    return Row(
        figures.per_second, figures.median * 1000, figures.p99 * 1000, spent * 1000 / figures.count,
        figures.refused / (figures.count + figures.refused),
    )  # fmt: skip


def _requests(mode: str) -> list[bytes]:
    return [load.request(draft, mode) for draft in drafts()]


def _median(rows: list[Row]) -> Row:
    middle = {
        name: statistics.median(getattr(row, name) for row in rows) for name in asdict(rows[0]) if name != "late_ms"
    }
    return Row(**middle)


def soak(server: Server, count: int, tell: Callable[[str], None]) -> dict[str, float]:
    """Memory of a worker after a tenth and after all of `count` different sends, MB: each holds words never seen
    before. `tell` is told how far it is."""
    rng = random.Random(7)
    base, marks = drafts(), list[float]()
    for tenth in range(1, 11):
        numbers = range(count // 10)
        load.each(server.port, (load.request(_strange(base[n % len(base)], rng), "send") for n in numbers), 16)
        marks.append(server.memory())
        tell(f"soak: {tenth * count // 10:,} of {count:,} drafts, {marks[-1]:.0f} MB")
    return {"drafts": count, "first_mb": marks[0], "last_mb": marks[-1], "growth": marks[-1] / marks[0] - 1}


def _strange(draft: dict[str, str], rng: random.Random) -> dict[str, str]:
    words = " ".join("".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=9)) for _ in range(5))
    return {**draft, "body": f"{draft['body']} {words}"}


def table(rows: Rows) -> Iterator[str]:
    """The rows as lines of text."""
    heads = f"{'a second':>9} {'of bare':>8} {'median ms':>10} {'p99 ms':>8} {'cpu ms':>7} {'refused':>8}"
    yield f"{'':27} {heads} {'p99 at 70%':>11}"
    for name, row in rows.items():
        late = f"{row.late_ms:11.2f}" if row.late_ms else ""
        yield (
            f"{name:27} {row.per_second:9.0f} {row.per_second / rows['bare'].per_second:8.0%} {row.median_ms:10.2f} "
            f"{row.p99_ms:8.2f} {row.cpu_ms:7.3f} {row.refused:8.1%} {late}"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=16)
    given = parser.parse_args()
    with plans() as chosen:
        rows = measure(chosen, given.seconds, given.rounds, given.connections)
        rows = at_load(chosen, rows, given.seconds, given.rounds)
    print("\n".join(table(rows)))


if __name__ == "__main__":
    main()
