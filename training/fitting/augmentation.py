"""What stands around the words that matter and must not matter: openings, closings, small talk, whole other matters.

Cut from drafts that people wrote, so that a model learns on real ones to look past them."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from classifier.draft import LabelledDraft
from classifier.reading.reader import Reading
from training.fitting.examples import evidence_places

Words = tuple[str, ...]

_LEAST, _MOST = 4, 30
_LONGEST_MATTER = 70
_MAY_MATTER = frozenset(
    "? % off again back instead coupon code reorder reinstate reinstated swap other another".split()
)
_STEMS = ("cancel", "annul", "stornier", "kündig")
"""Words that can make one draft's harmless sentence another's offense: a coupon after a customer's cancellation."""

_CLOSING, _MATTER = 0.4, 0.15
_BEFORE = 0.35


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`closings` are the lines after the evidence, `talk` sentences and `matters` whole bodies of label-less drafts."""

    closings: tuple[Words, ...]
    talk: tuple[Words, ...]
    matters: tuple[Words, ...]

    @classmethod
    def of(cls, drafts: Sequence[LabelledDraft], readings: Sequence[Reading]) -> "Surroundings":
        """Gather them from labelled drafts and their readings, in order."""
        both = list(zip(drafts, readings, strict=True))
        return cls(
            closings=tuple(words for one, reading in both for words in _closing(one, reading)),
            talk=tuple(words for one, reading in both if not one.labels for words in _talk(reading)),
            matters=tuple(words for one, reading in both if not one.labels for words in _matter(reading)),
        )

    def draw(self, rng: random.Random) -> tuple[Words, bool]:
        """Some foreign words, and whether they belong before the draft's own body rather than after it."""
        if self.closings and rng.random() < _CLOSING:
            return rng.choice(self.closings), False
        if self.matters and rng.random() < _MATTER:
            return rng.choice(self.matters), rng.random() < _BEFORE
        if not self.talk:
            return (), False
        sentences = (rng.choice(self.talk) for _ in range(rng.randint(1, 3)))
        return tuple(word for sentence in sentences for word in sentence), rng.random() < _BEFORE


def _closing(one: LabelledDraft, reading: Reading) -> Iterator[Words]:
    """What follows the last evidence of a draft, if it is short: signatures, footers, courtesies."""
    ends = [end for _, field, _, end in evidence_places(one) if field == "body"]
    last = max(ends, default=None)
    if last is None:
        return
    after = [
        (first, end)
        for first, end in reading.sentences
        if reading.field_of(first) == "body" and reading.starts[first] >= last
    ]
    words = tuple(word for first, end in after for word in reading.tokens[first:end])
    if _LEAST <= len(words) <= _MOST and _harmless(words):
        yield words


def _talk(reading: Reading) -> Iterator[Words]:
    for first, end in reading.sentences:
        words = tuple(reading.tokens[first:end])
        if _LEAST <= len(words) <= _MOST and _harmless(words):
            yield words


def _matter(reading: Reading) -> Iterator[Words]:
    words = tuple(reading.tokens[reading.subject_tokens :])
    if _MOST < len(words) <= _LONGEST_MATTER and _harmless(words):
        yield words


def _harmless(words: Words) -> bool:
    return not any(word in _MAY_MATTER or word.startswith(_STEMS) for word in words)
