"""Which patterns are worth trying on a sentence: those whose two rarest places both have a word in it."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import accumulate, chain, pairwise

import numpy as np

from classifier.matching.compiled_patterns import Shape, as_letters
from classifier.matching.rulebook import Rule

_WORDS_OF_BITS, _OWN = 4, 224
"""A sieve has four times 64 bits; so many belong to one common word each, the other words share the rest."""


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """One pattern of one rule; words are the numbers that the matcher gave them. A sentence must hold a word of each
    of `needs` (rarest first), in whatever order, to be tried."""

    rule: Rule
    needs: tuple[frozenset[int], ...]
    letters: Mapping[int, str]
    shape: Shape

    def find(self, words: Sequence[int]) -> tuple[int, int] | None:
        """(first, end) of the longest match among a sentence's words."""
        return self.shape.longest(as_letters(words, self.letters))


class TriggerIndex:
    """Patterns by their rarest place and the rarest of the others; `probes` in the order in which they are tried.

    `partners`: trigger -> word that must stand in the sentence as well -> the numbers of the probes that this may be.
    """

    def __init__(self, probes: Iterable[Probe]) -> None:
        self.probes = list(probes)
        self.partners: dict[int, dict[int, list[int]]] = {}
        self._further: list[tuple[frozenset[int], ...]] = []
        for number, probe in enumerate(self.probes):
            rarest, *others = probe.needs
            self._further.append(tuple(others[1:]))
            for trigger in rarest:
                partners = self.partners.setdefault(trigger, {})
                for partner in others[0] if others else (trigger,):
                    partners.setdefault(partner, []).append(number)

    def __len__(self) -> int:
        return len(self.probes)

    def candidates(self, words: Iterable[int], present: AbstractSet[int]) -> list[Probe]:
        """The patterns that some of a sentence's words trigger and whose needs `present`, all its words, meet: each
        once, in the order of their triggers, then in their own."""
        numbers: list[int] = []
        for word in words:
            partners = self.partners.get(word)
            if partners is not None and not partners.keys().isdisjoint(present):
                numbers += sorted([number for partner in partners.keys() & present for number in partners[partner]])
        further = self._further
        return [self.probes[n] for n in dict.fromkeys(numbers) if not any(map(present.isdisjoint, further[n]))]


class Sieve:
    """Tells of all sentences at once which words cannot trigger anything there. Each partner has one of 256 bits; a
    trigger none of whose partners' bits stands in its sentence is passed over. Lets too many through, never too few."""

    def __init__(self, index: TriggerIndex, commonness: Mapping[int, float]) -> None:
        """`commonness` of every word that a rule names, by its number; the numbers are 1, 2 and so on."""
        words = len(commonness) + 1
        partners = {partner for found in index.partners.values() for partner in found}
        ordered = sorted(partners, key=lambda word: (-commonness[word], word))
        self._bits, self._wanted = np.zeros((2, words, _WORDS_OF_BITS), np.uint64)
        for i, word in enumerate(ordered):
            bit = i if i < _OWN else _OWN + i % (64 * _WORDS_OF_BITS - _OWN)
            self._bits[word, bit // 64] = 1 << (bit % 64)
        for trigger, found in index.partners.items():
            self._wanted[trigger] = np.bitwise_or.reduce(self._bits[list(found)])

    def places(self, texts: Sequence[Sequence[int]], sentences: Sequence[Sequence[tuple[int, int]]]) -> list[list[int]]:
        """For each text the places of the words that may trigger something. `sentences` are (first, end) places that
        cover each text."""
        offsets = list(accumulate(map(len, texts), initial=0))
        if not offsets[-1]:
            return [[] for _ in texts]
        words = np.fromiter(chain.from_iterable(texts), np.int64, offsets[-1])
        firsts = [offset + first for offset, text in zip(offsets, sentences, strict=False) for first, _ in text]
        sizes = [end - first for text in sentences for first, end in text]
        seen = np.bitwise_or.reduceat(self._bits.take(words, axis=0), firsts).repeat(sizes, axis=0)
        seen &= self._wanted.take(words, axis=0)
        found = np.logical_or.reduce(seen, axis=1).nonzero()[0].tolist()
        return [
            [place - a for place in found[bisect_left(found, a) : bisect_left(found, b)]] for a, b in pairwise(offsets)
        ]
