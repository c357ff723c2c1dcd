"""How far two reviewers agree: Cohen's kappa for each label, and for each two readers, over cases that both read blind.
Pure."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from classifier import LABELS, Label

LabelPair = tuple[frozenset[Label], frozenset[Label]]
"""The labels that the first and the second reviewer gave one case."""


@dataclass(frozen=True, slots=True)
class DoubleReading:
    """A case that was read twice: the names of the first and the second reader, and the labels that each gave."""

    readers: tuple[str, str]
    labels: LabelPair


@dataclass(frozen=True, slots=True)
class ReaderPair:
    """Two readers: the cases that both read, on how many they gave the same labels, and kappa over all labels."""

    readers: tuple[str, str]
    cases: int
    same: int
    kappa: float | None


def by_readers(read: Sequence[DoubleReading]) -> list[ReaderPair]:
    """Each two who read cases together, those with most cases first; who read first does not matter."""
    together: dict[tuple[str, str], list[LabelPair]] = defaultdict(list)
    for one in read:
        (a, b), (given, other) = one.readers, one.labels
        together[min(a, b), max(a, b)].append((given, other) if a <= b else (other, given))
    found = [_pair(readers, both) for readers, both in together.items()]
    return sorted(found, key=lambda pair: (-pair.cases, pair.readers))


def _pair(readers: tuple[str, str], both: Sequence[LabelPair]) -> ReaderPair:
    answers = [(label in first, label in second) for first, second in both for label in LABELS]
    return ReaderPair(readers, len(both), sum(first == second for first, second in both), kappa(answers))


@dataclass(frozen=True, slots=True)
class LabelAgreement:
    """One label: cases read twice, the share on which both said the same, and kappa (None where it is undefined:
    both always gave the same single answer)."""

    label: Label
    cases: int
    same: float
    kappa: float | None
    both: int
    either: int


def agreement(pairs: Sequence[LabelPair]) -> list[LabelAgreement]:
    """Six rows in the order of LABELS; `same` is 0 without cases."""
    return [_of(label, [(label in first, label in second) for first, second in pairs]) for label in LABELS]


def _of(label: Label, answers: Sequence[tuple[bool, bool]]) -> LabelAgreement:
    count = len(answers)
    same = sum(a == b for a, b in answers) / count if count else 0.0
    both, either = sum(a and b for a, b in answers), sum(a or b for a, b in answers)
    return LabelAgreement(label, count, same, kappa(answers), both, either)


def kappa(answers: Sequence[tuple[bool, bool]]) -> float | None:
    """Cohen's kappa of two raters' yes and no; None where chance alone explains everything."""
    count = len(answers)
    if not count:
        return None
    observed = sum(a == b for a, b in answers) / count
    first, second = sum(a for a, _ in answers) / count, sum(b for _, b in answers) / count
    chance = first * second + (1 - first) * (1 - second)
    return None if chance == 1 else (observed - chance) / (1 - chance)
