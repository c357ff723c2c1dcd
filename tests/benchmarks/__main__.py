"""`make bench`: every target of speed beside what this machine gives, as ratios within one run.

Writes tests/benchmarks/result.json with the machine and the versions. `--soak 200000` is the full soak, some minutes
more; it tells how far it is.
"""

import argparse
import json
import os
import platform
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from classifier import Screener
from tests.benchmarks import http_bench, screener_bench
from tests.benchmarks.http_bench import Rows

RESULT = Path(__file__).with_name("result.json")
FEWEST_CORES = 2
"""Two workers are compared with one where there are so many."""


@dataclass(frozen=True, slots=True)
class Target:
    """A figure, and what it should be: at most `limit`, or at least."""

    name: str
    value: float
    limit: float
    at_most: bool

    @property
    def met(self) -> bool:
        """Whether the figure is what it should be."""
        return self.value <= self.limit if self.at_most else self.value >= self.limit

    def line(self) -> str:
        """The figure with its target beside it."""
        wanted = f"{'at most' if self.at_most else 'at least'} {self.limit:g}"
        return f"{self.name:64} {self.value:9.3f}  {wanted:16} {'met' if self.met else 'NOT met'}"


def machine() -> dict[str, object]:
    """Where the figures come from."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "?")
    names = ("spacy", "scikit-learn", "numpy", "fastapi", "pydantic", "uvicorn", "onnxruntime")
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{n: version(n) for n in names},
    }


def screener_targets(figures: dict[str, float], round_trip: float, start: float) -> list[Target]:
    """What `Screener` alone should give."""
    return [
        Target("Screener.screen, median, over the bare round trip", figures["screen_seconds"] / round_trip, 1.2, True),
        Target("screen_many per draft over screen", figures["many_ratio"], 0.5, True),
        Target("time per word, largest over smallest, 50 to 20,000 words", figures["length_ratio"], 1.3, True),
        Target("cost with 1,000 rules over 100", figures["rules_ratio"], 1.4, True),
        Target("a 300-word letter in doubt over a 50-word one, processor time", figures["letter_ratio"], 2.0, True),
        Target("share of a plain inbox that asks the encoder", figures["encoder_share"], 0.2, True),
        Target("start to first verdict, seconds", start, 3.0, True),
    ]


def http_targets(rows: Rows) -> list[Target]:
    """What POST /screen should give beside the bare endpoint."""
    rate = {name: row.per_second for name, row in rows.items()}
    late = {name: row.late_ms or 0.0 for name, row in rows.items()}
    found = [
        Target("preview, requests per second over bare", rate["preview"] / rate["bare"], 0.35, False),
        Target("send with SQLite, requests per second over bare", rate["send"] / rate["bare"], 0.18, False),
        Target("preview, encoder in doubt, over bare", rate["preview, encoder"] / rate["bare"], 0.2, False),
        Target("send, encoder in doubt, over bare", rate["send, encoder"] / rate["bare"], 0.14, False),
        Target(
            "preview with the encoder, p99 at 16 at once over median without",
            rows["preview, encoder"].p99_ms / rows["preview"].median_ms,
            4.0,
            True,
        ),
        Target("preview, p99 at 70% load over bare's", late["preview"] / late["bare"], 4.0, True),
        Target("send, p99 at 70% load over bare's", late["send"] / late["bare"], 4.0, True),
    ]
    if (os.cpu_count() or 1) >= FEWEST_CORES:
        found += [
            Target(f"{mode}, 2 workers over 1, the caller counted out", scaled(rows, mode), limit, False)
            for mode, limit in (("preview", 1.8), ("send, PostgreSQL", 1.7))
            if mode in rows
        ]
    return found


def scaled(rows: Rows, mode: str) -> float:
    """What two workers give over one where each has a core of its own, the caller and the database others: by the
    processor time of an answer, which both of them share a cache for. A caller on the same cores would be measured
    too."""
    return 2 * rows[mode].cpu_ms / rows[f"{mode}, 2 workers"].cpu_ms


def memory_targets(soak: dict[str, float], with_encoder: float) -> list[Target]:
    """What a worker may take."""
    return [
        Target("memory of a worker with the encoder, MB", with_encoder, 400.0, True),
        Target(f"growth of a worker's memory over {soak['drafts']:,.0f} drafts", soak["growth"], 0.03, True),
    ]


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--soak", type=int, default=20_000, help="drafts of the memory soak (200000 for the full one)")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of each round over HTTP")
    options = parser.parse_args()
    with http_bench.plans() as plans:
        rows = http_bench.at_load(plans, http_bench.measure(plans, options.seconds, 3, 16), options.seconds, 3)
        round_trip = http_bench.round_trip(plans, options.seconds)
        servers = {plan.name: plan.server for plan in plans}
        with_encoder = servers["send, encoder"].memory()
        soak = http_bench.soak(servers["send"], options.soak, lambda line: print(line, file=sys.stderr, flush=True))
    figures = screener_bench.measure(Screener.load())
    targets = screener_targets(figures, round_trip, screener_bench.start_seconds())
    targets += http_targets(rows) + memory_targets(soak, with_encoder)
    print("\n".join([*http_bench.table(rows), "", *(target.line() for target in targets)]))
    record = {
        "machine": machine(),
        "screener": figures,
        "http": {name: asdict(row) for name, row in rows.items()},
        "bare_round_trip_seconds": round_trip,
        "memory": {**soak, "with_encoder_mb": with_encoder},
        "table": [
            [t.name, round(t.value, 4), ("<= " if t.at_most else ">= ") + f"{t.limit:g}", t.met] for t in targets
        ],
    }
    RESULT.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
