"""Which patterns are worth trying on a sentence: those whose two rarest places both have a word in it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from classifier.rulebook import Rule
from classifier.shapes import Shape, told

Commonness = Callable[[frozenset[str]], float]
"""How common a set of words is."""


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """One pattern of one rule. A sentence must hold a word of each of `needs`, in whatever order, to be tried."""

    rule: Rule
    needs: tuple[frozenset[str], ...]
    letters: Mapping[str, str]
    shape: Shape

    def is_possible(self, present: AbstractSet[str]) -> bool:
        """Whether a sentence with these words can match at all."""
        return not any(map(present.isdisjoint, self.needs))

    def find(self, words: Sequence[str]) -> tuple[int, int] | None:
        """(first, end) of the longest match among a sentence's words."""
        return self.shape.longest(told(words, self.letters))


class TriggerIndex:
    """Patterns by their rarest place and the rarest of the others; `probes` in the order in which they are tried."""

    def __init__(self, probes: Iterable[Probe], commonness: Commonness) -> None:
        self.probes = list(probes)
        self._partners: dict[str, dict[str, list[int]]] = {}
        for number, probe in enumerate(self.probes):
            rarest, *others = sorted(probe.needs, key=commonness)
            for trigger in rarest:
                partners = self._partners.setdefault(trigger, {})
                for partner in others[0] if others else (trigger,):
                    partners.setdefault(partner, []).append(number)

    def __len__(self) -> int:
        return len(self.probes)

    def candidates(self, words: Sequence[str], present: AbstractSet[str]) -> list[Probe]:
        """The patterns whose needs the words meet, each once: in the order of their triggers, then in their own.
        `present` are the words as a set."""
        numbers: list[int] = []
        for word in words:
            partners = self._partners.get(word)
            if partners is not None and not partners.keys().isdisjoint(present):
                numbers += sorted([number for partner in partners.keys() & present for number in partners[partner]])
        probes = [self.probes[number] for number in dict.fromkeys(numbers)]
        return [probe for probe in probes if probe.is_possible(present)]
