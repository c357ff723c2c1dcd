"""Far more callers than can be judged in time: `python -m tests.benchmarks.shedding_bench [--callers 300]`.

Each caller asks for a preview of a real letter, most of which ask the encoder, and asks again as soon as it is
answered, refused or not. Of what is accepted at least 99% is owed to be complete, but for one burst. Says also how many
were refused, and how long answers and refusals took; callers and service share the machine.
"""

import argparse
import asyncio
import itertools
import json
import tempfile
import time
from collections.abc import Iterator

from tests.benchmarks import load
from tests.benchmarks.servers import service
from tests.benchmarks.texts import drafts

OWED = 0.99


class Counts:
    """What the callers got."""

    def __init__(self) -> None:
        self.complete = self.incomplete = self.refused = self.other = 0
        self.times: list[float] = []
        self.refusals: list[float] = []

    @property
    def share(self) -> float:
        """The part of the accepted that is complete."""
        return self.complete / max(1, self.complete + self.incomplete)

    def note(self, status: int, body: bytes, seconds: float) -> None:
        """One answer."""
        if status == 200:
            complete = json.loads(body)["complete"]
            self.complete += complete
            self.incomplete += not complete
            self.times.append(seconds)
        elif status == 503:
            self.refused += 1
            self.refusals.append(seconds)
        else:
            self.other += 1


async def _ask(port: int, requests: Iterator[bytes], until: float, counts: Counts) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while time.monotonic() < until:
            begun = time.monotonic()
            writer.write(next(requests))
            head = await reader.readuntil(b"\r\n\r\n")
            at = head.lower().index(b"content-length:") + 15
            body = await reader.readexactly(int(head[at:].split(b"\r\n", 1)[0]))
            counts.note(int(head[9:12]), body, time.monotonic() - begun)
    finally:
        writer.close()


async def _all(port: int, callers: int, seconds: float) -> Counts:
    counts, until = Counts(), time.monotonic() + seconds
    requests = itertools.cycle([load.request(draft, "preview") for draft in drafts()])
    await asyncio.gather(*(_ask(port, requests, until, counts) for _ in range(callers)))
    return counts


def _words(times: list[float]) -> str:
    ordered = sorted(times) or [0.0]
    middle, late = (ordered[int((len(ordered) - 1) * share)] * 1000 for share in (0.5, 0.99))
    return f"median {middle:.0f} ms, p99 {late:.0f} ms"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--callers", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=60)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, service(home, encoder=True) as server:
        counts = asyncio.run(_all(server.port, given.callers, given.seconds))
    accepted, met = counts.complete + counts.incomplete, counts.share >= OWED
    print(f"accepted {accepted}, of them incomplete {counts.incomplete}: {_words(counts.times)}")
    print(f"refused {counts.refused}: {_words(counts.refusals)}; other answers {counts.other}")
    print(f"complete of the accepted: {counts.share:.1%}, owed {OWED:.0%}: {'met' if met else 'NOT met'}")


if __name__ == "__main__":
    main()
