"""The screener alone: time per draft, against length, against the number of rules, and in batches."""

import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from classifier import Draft, Screener
from classifier.matching.matcher import RuleMatcher
from classifier.matching.rulebook import RuleBook
from tests.benchmarks.texts import drafts

ROUNDS = 5


def as_drafts(count: int = 400) -> list[Draft]:
    """Drafts of about 100 words in a fixed random order."""
    found = [Draft(d["support_id"], d["subject"], d["body"]) for d in drafts(80, 120)]
    random.Random(7).shuffle(found)
    return found[:count]


def median_time(call: Callable[[Any], object], items: Sequence[Any]) -> float:
    """Median over the items of each one's best processor time in several rounds, seconds."""
    best = [float("inf")] * len(items)
    for _ in range(ROUNDS):
        for i, item in enumerate(items):
            started = time.process_time()
            call(item)
            best[i] = min(best[i], time.process_time() - started)
    return statistics.median(best)


def measure(screener: Screener) -> dict[str, float]:
    """All figures that need no server; seconds or ratios."""
    found = as_drafts()
    linear = Screener(policy=screener.policy, book=screener.book, artifact=_without_encoder(screener))
    one = median_time(linear.screen, found)
    return {
        "screen_seconds": one,
        "screen_with_encoder_seconds": median_time(screener.screen, found[:100]),
        "many_ratio": _many(linear, found) / one,
        "length_ratio": _length_ratio(linear, found),
        "rules_ratio": _rules_ratio(linear, found),
        "encoder_share": _encoder_share(screener),
        "letter_ratio": _letter_ratio(screener),
    }


def _without_encoder(screener: Screener) -> Any:
    assert screener.artifact is not None
    return replace(screener.artifact, encoder_folder=None)


def _many(screener: Screener, found: Sequence[Draft]) -> float:
    """Best processor time of a batch, per draft."""
    times = []
    for _ in range(ROUNDS):
        started = time.process_time()
        screener.screen_many(found)
        times.append((time.process_time() - started) / len(found))
    return min(times)


def _length_ratio(screener: Screener, found: Sequence[Draft]) -> float:
    """Largest over smallest time per word, from 50 to 20,000 words."""
    words = " ".join(draft.body for draft in found).split()
    per_word = []
    for length in (50, 200, 1_000, 5_000, 20_000):
        texts = [
            Draft("GG-1", "About your order", " ".join(words[at : at + length])) for at in range(0, 3 * length, length)
        ]
        per_word.append(median_time(screener.screen, texts) / length)
    return max(per_word) / min(per_word)


def _rules_ratio(screener: Screener, found: Sequence[Draft]) -> float:
    """Time of matching with 1,000 rules over 100, on the same readings."""
    rules = [rule for rule in screener.book.rules if rule.status != "draft"]
    readings = [screener.read(draft) for draft in found[:150]]
    times = []
    for count in (100, 1_000):
        chosen = tuple(
            replace(rules[i % len(rules)], id=f"bench.r{i}") if i >= len(rules) else rules[i] for i in range(count)
        )
        matcher = RuleMatcher(RuleBook(chosen, "bench"))
        times.append(median_time(matcher.find, readings))
    whole = median_time(screener.screen, found[:150])
    return (whole - times[0] + times[1]) / whole


def _encoder_share(screener: Screener) -> float:
    """How often a plain inbox needs the encoder."""
    plain = [Draft(d["support_id"], d["subject"], d["body"]) for d in drafts(8, 60)][:600]
    return sum(screener.screen(draft).encoder == "consulted" for draft in plain) / len(plain)


def _letter_ratio(screener: Screener) -> float:
    """Processor time of a letter of some 300 words that the encoder reads, over that of one of some 50 words; medians
    over letters of each one's best time."""
    medians = []
    for least, most in ((40, 60), (240, 360)):
        letters = [Draft(d["support_id"], d["subject"], d["body"]) for d in drafts(least, most)[:150]]
        doubtful = [one for one in letters if screener.screen(one).encoder == "consulted"][:25]
        medians.append(statistics.median(min(_processor_time(screener, one) for _ in range(3)) for one in doubtful))
    return medians[1] / medians[0]


def _processor_time(screener: Screener, draft: Draft) -> float:
    started = time.process_time()
    screener.screen(draft)
    return time.process_time() - started


def start_seconds() -> float:
    """From a new process to the first verdict."""
    code = "from classifier import Draft, Screener; Screener.load().screen(Draft('GG-1', 'Late', 'It is late.'))"
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - started
