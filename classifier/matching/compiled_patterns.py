"""Patterns as spaCy sees them: written in letters, so that all patterns of one shape share one small matcher.

The first words of a pattern are "a", the next "b" and so on, whatever they are: `not|never ..3 blue|red` and
`cannot ..3 {delay}` both read "a ..3 b". A word class costs spaCy a call into Python for each word, a letter none.
"""

import re
import string
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TypeVar

from spacy.matcher import Matcher, PhraseMatcher
from spacy.tokens import Doc
from spacy.vocab import Vocab

from classifier.matching.pattern_syntax import NUMBER_WORDS, Element, Pattern

_OTHER = "_"
_LETTERS = string.ascii_letters
_MOST_ANSWERS = 256
"""Of each shape, so many of spaCy's answers are kept."""

_Word = TypeVar("_Word", int, str)

Place = tuple[str, bool, int]
"""One element of a shape: the letters it takes, whether it may be missing, how many words of any kind it may skip."""


class Shape:
    """Finds one sequence of letters and gaps among the letters of a sentence."""

    def __init__(self, vocab: Vocab, places: Sequence[Place]) -> None:
        self._vocab = vocab
        self._likeness = re.compile("".join(map(_expression, places)))
        self._matcher = _matcher(vocab, places)
        self._around = "" if places[0][1] or places[-1][1] else _OTHER
        self._asked = lru_cache(_MOST_ANSWERS)(self._ask)

    def longest(self, letters: str) -> tuple[int, int] | None:
        """(first, end) of the longest match, the leftmost of several; None without any. An expression over the letters
        settles most sentences before spaCy is asked; what no match can begin or end with is cut off before, so
        that different sentences put the same question."""
        if not self._likeness.search(letters):
            return None
        begun = letters.lstrip(self._around) if self._around else letters
        place = self._asked(begun.rstrip(self._around) if self._around else begun)
        before = len(letters) - len(begun)
        return None if place is None else (before + place[0], before + place[1])

    def _ask(self, letters: str) -> tuple[int, int] | None:
        matches = self._matcher(Doc(self._vocab, words=list(letters)))
        if not matches:
            return None
        _, first, end = max(matches, key=lambda match: match[2] - match[1])
        return first, end


class Shapes:
    """The shapes of a rule book, each compiled once."""

    def __init__(self) -> None:
        self._vocab = Vocab()
        self._known: dict[tuple[Place, ...], Shape] = {}

    def of(self, pattern: Pattern) -> tuple[Shape, Mapping[str, str]]:
        """A pattern's shape, and the letter of each of its words."""
        letters = _letters(pattern)
        places = tuple(
            ("".join(sorted({letters[word] for word in words_of(element)})), element.optional, element.gap)
            for element in pattern
        )
        if places not in self._known:
            self._known[places] = Shape(self._vocab, places)
        return self._known[places], letters


def words_of(element: Element) -> frozenset[str]:
    """The words that an element takes; none for a gap."""
    return NUMBER_WORDS if element.number else element.words


def as_letters(words: Iterable[_Word], letters: Mapping[_Word, str]) -> str:
    """Words as letters, one each; those that the pattern does not name are all one."""
    return "".join([letters.get(word, _OTHER) for word in words])


def _letters(pattern: Pattern) -> dict[str, str]:
    """One letter for all words that stand in the same elements."""
    homes: dict[str, tuple[int, ...]] = {}
    for place, element in enumerate(pattern):
        for word in words_of(element):
            homes[word] = (*homes.get(word, ()), place)
    letter = {home: _LETTERS[i] for i, home in enumerate(sorted(set(homes.values())))}
    return {word: letter[home] for word, home in homes.items()}


def _expression(place: Place) -> str:
    letters, optional, gap = place
    return f".{{0,{gap}}}" if gap else f"[{letters}]{'?' if optional else ''}"


def _matcher(vocab: Vocab, places: Sequence[Place]) -> Matcher | PhraseMatcher:
    if all(len(letters) == 1 and not optional for letters, optional, _ in places):
        phrases = PhraseMatcher(vocab, attr="ORTH")
        phrases.add("hit", [Doc(vocab, words=[letters for letters, _, _ in places])])
        return phrases
    matcher = Matcher(vocab)
    matcher.add("hit", [[token for place in places for token in _tokens(place)]], greedy="LONGEST")
    return matcher


def _tokens(place: Place) -> list[dict[str, object]]:
    letters, optional, gap = place
    if gap:
        return [{"OP": "?"}] * gap
    token: dict[str, object] = {"ORTH": letters if len(letters) == 1 else {"IN": list(letters)}}
    return [{**token, "OP": "?"} if optional else token]
