"""Processor time per character of hostile text over that of plain English, in one run: `python -m
tests.benchmarks.hostile_bench`. At most 5 is owed."""

import time

from classifier import Draft, Screener
from tests.classifier.reading.test_bounds import HOSTILE, LENGTH
from training.tickets.loading import DRAFTS, load

OWED = 5.0


def main() -> None:
    """Print the ratio of each kind of text, the worst last."""
    screener = Screener.load()
    plain = " ".join(one.draft.body for one in load(DRAFTS / "long-letters.jsonl"))[:LENGTH]

    def seconds(text: str) -> float:
        spent = []
        for _ in range(3):
            start = time.process_time()
            screener.evidence(Draft("GG-1", "About your order", text))
            spent.append(time.process_time() - start)
        return min(spent) / len(text)

    base = seconds(plain)
    ratios = {kind: seconds(text) / base for kind, text in HOSTILE.items()}
    for kind, ratio in sorted(ratios.items(), key=lambda item: item[1]):
        print(f"{kind:24s} {ratio:5.1f}{'' if ratio <= OWED else '   more than owed'}")


if __name__ == "__main__":
    main()
