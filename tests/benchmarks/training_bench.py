"""`python -m tests.benchmarks.training_bench`: what retraining and judging an archive again cost as they grow.

Retraining on 10,000, 30,000 and 100,000 drafts made by recombining sentences of the project's own: seconds for reading,
columns, fitting, and the most memory that the process and its helpers held. Rescreening with 1 and 2 Dask workers:
drafts per second. Takes long; wants a quiet machine. Writes tests/benchmarks/training-result.json.
"""

import argparse
import itertools
import json
import math
import os
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet
from joblib.externals.loky import get_reusable_executor

from classifier.artifact import SHIPPED
from classifier.draft import LabelledDraft
from tests.benchmarks.__main__ import machine
from training import rescreening
from training.fitting import fit
from training.recipe import Recipe
from training.retrain import Tools
from training.tickets import load

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


@contextmanager
def watched_memory(every: float = 0.2) -> Iterator[list[float]]:
    """A list whose one number, at the end, is the most MB that this process and its children held (their PSS)."""
    most, ended = [0.0], threading.Event()

    def watch() -> None:
        while not ended.wait(every):
            most[0] = max(most[0], sum(map(_held, [os.getpid(), *_children(os.getpid())])) / 1024)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    yield most
    ended.set()
    thread.join()


def _children(pid: int) -> list[int]:
    try:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    except OSError:
        return []
    return [child for name in found for child in (int(name), *_children(int(name)))]


def _held(pid: int) -> int:
    """KB, shared pages counted by halves."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def retraining(count: int) -> dict[str, Any]:
    """Seconds of each step of one fit on `count` drafts, and the most memory in MB."""
    steps: list[tuple[str, float]] = []
    with watched_memory() as most:
        drafts = list(recombined(load(), count))
        steps.append(("reading", time.monotonic()))
        examples = Tools.load().examples(drafts)
        fit(examples, Recipe(), lambda text: steps.append((text, time.monotonic())))
        steps.append(("", time.monotonic()))
    seconds: dict[str, float] = {}
    for (name, start), (_, end) in itertools.pairwise(steps):
        seconds[name] = round(seconds.get(name, 0.0) + end - start, 2)
    words = sum(len(reading.tokens) for reading in examples.readings) / count
    whole = round(steps[-1][1] - steps[0][1], 2)
    return {"drafts": count, "words": round(words), "seconds": seconds, "whole": whole, "peak_mb": round(most[0])}


def _in_a_process(count: int) -> dict[str, Any]:
    """One size in a process of its own, so that the memory is its own."""
    command = [sys.executable, "-m", "tests.benchmarks.training_bench", "--one", str(count)]
    told: dict[str, Any] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return told


def rescreened(count: int, workers: int, part_rows: int) -> dict[str, Any]:
    """Drafts per second of judging an archive again. The start of the workers counts, as it does for whoever waits."""
    with TemporaryDirectory() as folder:
        archive = Path(folder) / "archive.parquet"
        rows = [
            {"id": d.id, "support_id": d.draft.support_id, "subject": d.draft.subject, "body": d.draft.body}
            for d in recombined(load(), count)
        ]
        pyarrow.parquet.write_table(pa.Table.from_pylist(rows), archive, row_group_size=part_rows)
        plan = rescreening.plan(archive, Path(folder) / "verdicts", SHIPPED, part_rows)
        start = time.monotonic()
        judged = rescreening.rescreen(plan, None, workers, lambda part: None)
        seconds = time.monotonic() - start
    return {"workers": workers, "drafts": judged, "seconds": round(seconds, 2), "per_second": round(judged / seconds)}


def growth(fits: Sequence[dict[str, Any]]) -> float | None:
    """Cost of the largest fit over that of the smallest, as a share of n log n; at most 1 is the promise."""
    if len(fits) < 2:
        return None
    small, large = fits[0], fits[-1]
    fair = (large["drafts"] * math.log(large["drafts"])) / (small["drafts"] * math.log(small["drafts"]))
    return round(float(large["whole"] / small["whole"] / fair), 3)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="10000,30000,100000", help="drafts to retrain on, smallest first")
    parser.add_argument("--archive", type=int, default=20_000, help="drafts to judge again")
    parser.add_argument("--part-rows", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(retraining(options.one)), flush=True)
        get_reusable_executor().shutdown(wait=True, kill_workers=True)  # idle helpers would hold the pipe for minutes
        return
    judged = [rescreened(options.archive, workers, options.part_rows) for workers in (1, 2)]
    fits = [_in_a_process(int(size)) for size in options.sizes.split(",")]
    record = {"machine": machine(), "rescreen": judged, "retrain": fits, "growth_over_n_log_n": growth(fits)}
    options.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
