"""How far two reviewers agree: Cohen's kappa for each label, over cases that both read blind. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from classifier import LABELS, Label

LabelPair = tuple[frozenset[Label], frozenset[Label]]
"""The labels that the first and the second reviewer gave one case."""


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
