"""Hostile text takes no more memory per character than plain English within a factor, and no step grows faster than the
text does. `tests/benchmarks/hostile_bench.py` measures the time."""

import gc
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from classifier import Draft, Screener
from training.tickets.loading import DRAFTS, load

LENGTH = 60_000
FACTOR = 5.0
GROWTH = 1.5
"""Calls per character of a text over those of its first half: 1 for a step that is linear, 2 for a square."""

TRIGGERS = "would you like to swap instead of cancel your order reorder coupon replacement unless you object "

HOSTILE = {
    "one Chinese token": "订" * LENGTH,
    "one Cyrillic token": "ж" * LENGTH,
    "one Latin token": "a" * LENGTH,
    "different ideographs": "".join(chr(0x4E00 + i % 5_000) for i in range(LENGTH)),
    "spaced letters": "a b c d " * (LENGTH // 8),
    "a spaced word": "s w a p " * (LENGTH // 8),
    "hyphened letters": "a-b-c-" * (LENGTH // 6),
    "combining marks": ("e" + "\u0301" * 9) * (LENGTH // 10),
    "only combining marks": "\u0301" * LENGTH,
    "zero-width": "s\u200bw\u200ba\u200bp " * (LENGTH // 8),
    "open markup": "<a" * (LENGTH // 2),
    "markup": "<b>x</b>" * (LENGTH // 8),
    "open comments": "<!--" * (LENGTH // 4),
    "entities": "&#x41;" * (LENGTH // 6),
    "trigger words": (TRIGGERS * (LENGTH // len(TRIGGERS) + 1))[:LENGTH],
    "punctuation": "?!.,;:" * (LENGTH // 6),
    "line ends": "a\n" * (LENGTH // 2),
    "quotes": "> a\n" * (LENGTH // 4),
    "unknown words": " ".join(f"q{chr(97 + i % 26)}x{i}z" for i in range(LENGTH // 8))[:LENGTH],
    "slips": " ".join(f"ordr{chr(97 + i % 26)}xyzw" for i in range(LENGTH // 10)),
    "leetspeak": "5w4p " * (LENGTH // 5),
    "placeholders": "{{a" * (LENGTH // 3),
    "brackets": "[A" * (LENGTH // 2),
    "emoji": "😀" * LENGTH,
}


@pytest.fixture(scope="module")
def plain() -> str:
    return " ".join(one.draft.body for one in load(DRAFTS / "long-letters.jsonl"))[:LENGTH]


@contextmanager
def counted_calls() -> Iterator[list[int]]:
    """Counts Python and C calls in the block: what a profiler sees, the same on any machine."""
    count = [0]

    def seen(frame: object, event: str, argument: object) -> None:
        count[0] += event in ("call", "c_call")

    sys.setprofile(seen)
    try:
        yield count
    finally:
        sys.setprofile(None)


def calls(judge: Callable[[str], object], text: str) -> float:
    with counted_calls() as count:
        judge(text)
    return count[0] / len(text)


def peak(judge: Callable[[str], object], text: str) -> float:
    gc.collect()
    tracemalloc.start()
    try:
        judge(text)
        return tracemalloc.get_traced_memory()[1] / len(text)
    finally:
        tracemalloc.stop()


@pytest.fixture(scope="module")
def judge(screener: Screener, plain: str) -> Callable[[str], object]:
    def evidence(text: str) -> object:
        return screener.evidence(Draft("GG-1", "About your order", text))

    evidence(plain)  # what is computed once and kept
    return evidence


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_text_takes_no_more_memory_than_plain_text(
    judge: Callable[[str], object], plain: str, kind: str
) -> None:
    judge(HOSTILE[kind][:2000])  # what is loaded for the first draft of its kind
    assert peak(judge, HOSTILE[kind]) <= FACTOR * peak(judge, plain)


@pytest.mark.parametrize("kind", HOSTILE)
def test_work_grows_with_the_length_and_not_with_its_square(judge: Callable[[str], object], kind: str) -> None:
    text = HOSTILE[kind]
    judge(text)  # what is looked up for the first time
    assert calls(judge, text) <= GROWTH * calls(judge, text[: LENGTH // 2])
