"""`make bench`: every target of speed beside what this machine gives, as ratios within one run.

Writes tests/benchmarks/result.json with the machine and the versions.
"""

import argparse
import json
import os
import platform
from importlib.metadata import version
from pathlib import Path

from classifier import Screener
from tests.benchmarks import http_bench, screener_bench

RESULT = Path(__file__).with_name("result.json")


def machine() -> dict[str, object]:
    """Where the figures come from."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "?")
    names = ("spacy", "scikit-learn", "numpy", "fastapi", "uvicorn", "onnxruntime")
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{n: version(n) for n in names},
    }


def rows(screener: dict[str, float], http: dict[str, dict[str, float]], round_trip: float, start: float,
         memory: dict[str, float]) -> list[tuple[str, float, str, bool]]:  # fmt: skip
    """(figure, value, target, met)."""
    bare = http["bare"]["per_second"]
    table = [
        (
            "Screener.screen, median, over the bare round trip",
            screener["screen_seconds"] / round_trip,
            1.0,
            True,
        ),
        ("preview, requests per second over bare", http["preview"]["per_second"] / bare, 0.5, False),
        ("send with SQLite, requests per second over bare", http["send"]["per_second"] / bare, 0.3, False),
        ("screen_many per draft over screen", screener["many_ratio"], 0.5, True),
        ("time per word, largest over smallest, 50 to 20,000 words", screener["length_ratio"], 1.3, True),
        ("cost with 1,000 rules over 100", screener["rules_ratio"], 1.5, True),
        ("share of a plain inbox that asks the encoder", screener["encoder_share"], 0.2, True),
        ("start to first verdict, seconds", start, 3.0, True),
        ("memory after the soak, MB", list(memory.values())[1], 400.0, True),
        ("growth of memory during the soak", memory["growth"], 0.03, True),
    ]
    return [
        (name, value, f"{'at most' if most else 'at least'} {target:g}", value <= target if most else value >= target)
        for name, value, target, most in table
    ]


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--soak", type=int, default=20_000, help="drafts of the memory soak (200000 for the full one)")
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    screener = Screener.load()
    http = http_bench.measure(options.seconds, 3, 16)
    alone = http_bench.measure(options.seconds, 1, 1)["bare"]["median_ms"] / 1000
    figures = screener_bench.measure(screener)
    memory = screener_bench.soak(screener, options.soak)
    table = rows(figures, http, alone, screener_bench.start_seconds(), memory)
    for name, value, target, met in table:
        print(f"{name:62} {value:9.3f}  {target:16} {'met' if met else 'NOT met'}")
    record = {
        "machine": machine(),
        "screener": figures,
        "http": http,
        "bare_round_trip_seconds": alone,
        "memory": memory,
        "table": [[name, round(value, 4), target, met] for name, value, target, met in table],
    }
    RESULT.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
