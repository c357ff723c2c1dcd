"""Passages: the unit of judgement. A sentence with what it needs to be understood: its neighbours, the subject, and the
sentences elsewhere in the draft that say what became of the order or the stock.

A passage is bounded in words, whatever the draft's length, and no passage knows how many others there are: what stands
elsewhere cannot soften it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from classifier.reading.reader import Reading

Range = tuple[int, int]
"""(first, end) token numbers."""

Telling = tuple[int, Range]
"""The number of a sentence that tells of the order or the stock, and the tokens around the word that says so."""

Background = tuple[Telling | None, Telling | None]

_SUBJECT, _NEIGHBOUR, _BACKGROUND = 12, 28, 10
"""At most so many tokens of the subject, of a neighbour on each side, and on each side of a background word."""

_CANCELLING = ("cancel", "stornier", "storno", "annul", "disdett", "anulad", "anulac", "anular", "withdr", "widerruf")
_STOCK = ("stock", "sold", "ausverkauf", "vergriffen", "lager", "lieferbar", "verfugbar", "rupture", "epuis", "agotad",
          "existencia", "esaurit", "disponib", "unavailab", "discontinu", "backorder", "inventory", "exchange",
          "umtausch", "echang", "cambio", "scambio", "tauschen")  # fmt: skip
"""Beginnings of words by which a sentence tells what became of the order, or of the stock."""

_LEAST_STEM = min(map(len, (*_CANCELLING, *_STOCK)))
_BEGINNINGS = frozenset(stem[:_LEAST_STEM] for stem in (*_CANCELLING, *_STOCK))


@dataclass(frozen=True, slots=True)
class Passage:
    """One passage of a reading. `center` is the sentence that it is about; `ranges` are the tokens that are read, in
    order: subject, background, then the sentence amid its neighbours."""

    center: Range
    ranges: tuple[Range, ...]

    @property
    def tokens(self) -> list[int]:
        """The numbers of the tokens that are read, in order."""
        return [i for first, end in self.ranges for i in range(first, end)]


def background(reading: Reading) -> Background:
    """The first sentence that tells what became of the order, and the first that tells of the stock."""
    places = [at for at, token in enumerate(reading.tokens) if token[:_LEAST_STEM] in _BEGINNINGS]
    return _first_with(reading, places, _CANCELLING), _first_with(reading, places, _STOCK)


def passages(reading: Reading, known: Background | None = None) -> list[Passage]:
    """One passage for each sentence that the models receive, in order. `known` is the reading's background, where the
    caller has it already."""
    sentences = reading.judged
    elsewhere = [found for found in known or background(reading) if found]
    in_subject = bisect_left(sentences, (reading.subject_tokens,))
    subject = _clipped_end(sentences[0], _SUBJECT) if in_subject else None
    return [_passage(sentences, at, in_subject, subject, elsewhere) for at in range(len(sentences))]


def _passage(
    sentences: Sequence[Range],
    at: int,
    in_subject: int,
    subject: Range | None,
    tellings: Sequence[Telling],
) -> Passage:
    low, high = (0, in_subject) if at < in_subject else (in_subject, len(sentences))
    first, end = sentences[at]
    if at > low:
        first = max(sentences[at - 1][0], first - _NEIGHBOUR)
    if at + 1 < high:
        end = min(sentences[at + 1][1], end + _NEIGHBOUR)
    ranges = [(first, end)]
    ranges[:0] = sorted({words for n, words in tellings if abs(n - at) > 1 and n >= in_subject})
    if subject is not None and at >= in_subject:
        ranges.insert(0, subject)
    return Passage(sentences[at], tuple(ranges))


def _clipped_end(sentence: Range, most: int) -> Range:
    return sentence[0], min(sentence[1], sentence[0] + most)


def _first_with(reading: Reading, places: Sequence[int], stems: tuple[str, ...]) -> Telling | None:
    """The number of the first sentence with a word that begins so, of those at some places, and the tokens around that
    word."""
    for at in places:
        if reading.tokens[at].startswith(stems):
            n = bisect_right(reading.judged, at, key=_first_token) - 1
            if n >= 0 and at < reading.judged[n][1]:
                first, end = reading.judged[n]
                return n, (max(first, at - _BACKGROUND), min(end, at + 1 + _BACKGROUND))
    return None


def _first_token(sentence: Range) -> int:
    return sentence[0]
