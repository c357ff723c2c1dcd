"""`python -m tests.benchmarks.training_bench`: what retraining and judging an archive again cost as they grow.

Retraining on 10,000, 30,000 and 100,000 drafts made by recombining sentences of the project's own: processor seconds
for finding near-copies, reading, columns and fitting, and the most memory held. Rescreening with 1 and 2 Dask workers:
drafts per second. Takes long; wants a quiet machine. Writes tests/benchmarks/training-result.json.
"""

import argparse
import json
import math
import random
import re
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from classifier.draft import LabelledDraft
from classifier.model.artifact import SHIPPED
from tests.benchmarks.__main__ import machine
from training.fitting.linear_models import fit
from training.fitting.model_fitting import Tools
from training.fitting.recipe import Recipe
from training.monitoring import rescreening
from training.tickets.loading import load
from training.tickets.near_copies import drop_copies

RESULT = Path(__file__).with_name("training-result.json")
_SENTENCE = re.compile(r"[^.!?\n]+[.!?\n]*\s*")


def recombined(drafts: Sequence[LabelledDraft], count: int, seed: int = 7) -> Iterator[LabelledDraft]:
    """`count` drafts as long as real ones: the sentences that carry a label's evidence stay, the others are drawn
    anew from sentences of all drafts that carry none."""
    rng = random.Random(seed)
    spare = [s for d in drafts for s in _SENTENCE.findall(d.draft.body) if not _carries(s, d)]
    mixed = rng.sample(drafts, len(drafts))  # all writers at every size
    for number in range(count):
        one = mixed[number % len(mixed)]
        sentences = [s if _carries(s, one) else rng.choice(spare) for s in _SENTENCE.findall(one.draft.body)]
        draft = replace(one.draft, body="".join(sentences).strip() or one.draft.body)
        yield replace(one, id=f"made-{number}", scenario=f"made-{number}", draft=draft)


def _carries(sentence: str, draft: LabelledDraft) -> bool:
    words = sentence.strip()
    return bool(words) and any(words in text or text in sentence for texts in draft.evidence.values() for text in texts)


@dataclass
class Steps:
    """Processor and wall seconds of each step, all threads together."""

    seconds: dict[str, tuple[float, float]] = field(default_factory=dict)
    _last: tuple[str, float, float] = ("making", 0.0, 0.0)

    def say(self, step: str) -> None:
        """The step before ends, this one begins; told on stderr, for whoever waits."""
        name, processor, wall = self._last
        now = (time.process_time(), time.monotonic())
        if wall:
            before = self.seconds.get(name, (0.0, 0.0))
            self.seconds[name] = (before[0] + now[0] - processor, before[1] + now[1] - wall)
        self._last = (step, *now)
        print(f"{now[0]:8.0f} s of processor  {step}", file=sys.stderr, flush=True)


def retraining(count: int) -> dict[str, Any]:
    """What one fit on `count` drafts takes. Near-copies are looked for but stay, so that `count` is what is fitted."""
    drafts = list(recombined(load(), count))
    steps = Steps()
    steps.say("near-copies")
    copies = len(drop_copies(drafts)[1])
    steps.say("reading")
    examples = Tools.load().examples(drafts)
    fit(examples, Recipe(), steps.say)
    steps.say("")
    words = sum(len(reading.tokens) for reading in examples.readings) / count
    processor, wall = (round(sum(pair[i] for pair in steps.seconds.values()), 1) for i in (0, 1))
    return {
        "drafts": count, "words": round(words), "near_copies": copies, "processor_seconds": processor, "seconds": wall,
        "steps": {name: round(pair[0], 1) for name, pair in steps.seconds.items()},
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }  # fmt: skip


def _in_a_process(count: int) -> dict[str, Any]:
    """One size in a process of its own, so that the memory is its own."""
    command = [sys.executable, "-m", "tests.benchmarks.training_bench", "--one", str(count)]
    told: dict[str, Any] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return told


def rescreened(count: int, workers: int, part_rows: int | None) -> dict[str, Any]:
    """Drafts per second of judging an archive again. The start of the workers counts, as it does for whoever waits."""
    with TemporaryDirectory() as folder:
        archive = Path(folder) / "archive.parquet"
        rows = [
            {"id": d.id, "support_id": d.draft.support_id, "subject": d.draft.subject, "body": d.draft.body}
            for d in recombined(load(), count)
        ]
        pyarrow.parquet.write_table(pa.Table.from_pylist(rows), archive, row_group_size=1000)
        plan = rescreening.plan(archive, Path(folder) / "verdicts", SHIPPED, part_rows=part_rows, workers=workers)
        start, before = time.monotonic(), _processor_seconds()
        judged = rescreening.rescreen(plan, None, workers, lambda part: None)
        seconds, busy = time.monotonic() - start, _processor_seconds() - before
    return {
        "workers": workers, "drafts": judged, "seconds": round(seconds, 1), "per_second": round(judged / seconds, 1),
        "processor_seconds": round(busy, 1), "per_processor_second": round(judged / busy, 1),
    }  # fmt: skip


def _processor_seconds() -> float:
    """Of this process and of its workers that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def growth(fits: Sequence[dict[str, Any]]) -> float | None:
    """What the largest fit took over what the smallest did, as a share of n log n; at most 1 is the promise."""
    if len(fits) < 2:
        return None
    small, large = fits[0], fits[-1]
    fair = (large["drafts"] * math.log(large["drafts"])) / (small["drafts"] * math.log(small["drafts"]))
    return round(float(large["processor_seconds"] / small["processor_seconds"] / fair), 3)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="10000,30000,100000", help="drafts to retrain on, smallest first")
    parser.add_argument("--archive", type=int, default=20_000, help="drafts to judge again; 0 for none")
    parser.add_argument("--part-rows", type=int, help="default: by the archive and the workers")
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(retraining(options.one)))
        return
    judged = [rescreened(options.archive, workers, options.part_rows) for workers in (1, 2) if options.archive]
    fits = [_in_a_process(int(size)) for size in options.sizes.split(",") if size]
    record = {"machine": machine(), "rescreen": judged, "retrain": fits, "growth_over_n_log_n": growth(fits)}
    options.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
