"""Incoming drafts compared with those that the model was measured on: what moved, how far, and whether by chance.

Practical limits come first: what stays within its limit has not drifted, however sure the difference is. What passes
its limit has drifted unless chance explains it. False discoveries are controlled within each kind of check, so that a
hundred rules do not mute the one figure of overturned verdicts.
"""

import tomllib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, chi2_contingency, false_discovery_control, ks_2samp

from classifier import LABELS, Screener
from training.service_data.archive import IncomingDraft

_DISTANCES = ("scores", "length", "unknown_words", "labels", "decisions", "language", "rule_hits", "overturned")
_SMALL = 100
"""With fewer drafts on one side a report says that it is small."""

LIMITS_FILE = Path(__file__).with_name("drift.toml")


@dataclass(frozen=True, slots=True)
class Limits:
    """drift.toml, read once."""

    significance: float
    distance: Mapping[str, float]

    @classmethod
    def load(cls, path: Path = LIMITS_FILE) -> "Limits":
        """Read the file. Raises ValueError naming it."""
        try:
            found = cls(**tomllib.loads(path.read_text(encoding="utf-8")))
            if missing := sorted(set(_DISTANCES) - set(found.distance)):
                raise ValueError(f"[distance] has no {', '.join(missing)}")
            return found
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: {error}") from error


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """n drafts as the screener sees them: probabilities (n, 6), words (n,), share of unknown words (n,), and counts."""

    drafts: int
    scores: NDArray[np.float64]
    length: NDArray[np.int64]
    unknown_words: NDArray[np.float64]
    labels: Counter[str]
    decisions: Counter[str]
    language: Counter[str]
    rules: Counter[str]


@dataclass(frozen=True, slots=True)
class Shift:
    """One thing that was compared. `drifted`: farther than the limit, and not by chance. `unsure`: farther than the
    limit, and the drafts are too few to exclude chance. `p_value` is adjusted within its kind of check."""

    name: str
    test: str
    distance: float
    limit: float
    p_value: float
    drifted: bool
    unsure: bool = False

    @property
    def word(self) -> str:
        """Whether it passed its limit, in words."""
        return "yes" if self.drifted else "too few drafts to say" if self.unsure else "no"


@dataclass(frozen=True, slots=True)
class DriftReport:
    """All comparisons, farthest over its limit first. `small`: so few drafts that only large changes can be seen."""

    reference: int
    incoming: int
    shifts: tuple[Shift, ...]

    @property
    def drifted(self) -> bool:
        """Whether anything passed its limit."""
        return any(shift.drifted for shift in self.shifts)

    @property
    def small(self) -> bool:
        """Whether one side has so few drafts that only large changes can be seen."""
        return min(self.reference, self.incoming) < _SMALL

    def as_dict(self) -> dict[str, Any]:
        """Plain data for --json."""
        return {"drifted": self.drifted, "small": self.small, **asdict(self)}


def profile(screener: Screener, drafts: Sequence[IncomingDraft], tick: Callable[[], None] = lambda: None) -> Profile:
    """Judge the drafts and keep what can be compared, no text."""
    known = frozenset(screener.artifact.vocabulary) if screener.artifact else frozenset()
    scores, length, unknown = np.zeros((len(drafts), len(LABELS))), [], []
    labels, decisions, language, rules = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for i, one in enumerate(drafts):
        words = [token for token in screener.read(one.draft).tokens if token[0].isalpha()]
        evidence = screener.evidence(one.draft, one.order)
        verdict = screener.policy.decide(evidence, one.order)
        scores[i] = [verdict.probabilities[label] for label in LABELS]
        length.append(len(words))
        unknown.append(sum(word not in known for word in words) / max(len(words), 1))
        labels.update(map(str, verdict.labels or ("none",)))
        decisions[verdict.decision] += 1
        language[verdict.language.code] += 1
        rules.update({hit.rule_id for hit in evidence.rules.hits if hit.status == "live"})
        tick()
    return Profile(
        len(drafts), scores, np.array(length, int), np.array(unknown, float), labels, decisions, language, rules
    )


def drift(
    reference: Profile, incoming: Profile, limits: Limits, reviewed: tuple[int, int] | None = None
) -> DriftReport:
    """Compare two profiles; `reviewed` is (overturned, reviewed) of the incoming. Raises ValueError if one is empty."""
    if not reference.drafts or not incoming.drafts:
        raise ValueError("both the reference and the incoming drafts must hold at least one draft")
    raw = [
        ("length", "length", *_numbers(reference.length, incoming.length)),
        ("unknown words", "unknown_words", *_numbers(reference.unknown_words, incoming.unknown_words)),
        ("labels", "labels", *_shares(reference.labels, incoming.labels)),
        ("decisions", "decisions", *_shares(reference.decisions, incoming.decisions)),
        ("language", "language", *_shares(reference.language, incoming.language)),
    ]
    for i, label in enumerate(LABELS):
        raw.append((f"score of {label}", "scores", *_numbers(reference.scores[:, i], incoming.scores[:, i])))
    raw += [(f"rule {rule_id}", "rule_hits", *found) for rule_id, found in _rules(reference, incoming).items()]
    if reviewed is not None and reviewed[1]:
        raw.append(("overturned verdicts", "overturned", *_overturned(reviewed, limits.distance["overturned"])))
    shifts = [shift for kind in dict.fromkeys(one[1] for one in raw) for shift in _shifts(raw, kind, limits)]
    return DriftReport(
        reference.drafts,
        incoming.drafts,
        tuple(sorted(shifts, key=lambda s: (not s.drifted, not s.unsure, s.limit - s.distance))),
    )


def _shifts(raw: Sequence[tuple[str, str, str, float, float]], kind: str, limits: Limits) -> list[Shift]:
    """The checks of one kind, their p-values adjusted for each other (Benjamini and Hochberg)."""
    mine = [one for one in raw if one[1] == kind]
    adjusted = false_discovery_control([p_value for *_, p_value in mine])
    limit = limits.distance[kind]
    found = []
    for (name, _, test, distance, _), p_value in zip(mine, adjusted.tolist(), strict=True):
        past, sure = distance > limit, p_value < limits.significance
        found.append(Shift(name, test, round(distance, 4), limit, p_value, past and sure, past and not sure))
    return found


def _numbers(a: NDArray[Any], b: NDArray[Any]) -> tuple[str, float, float]:
    found = ks_2samp(a, b, method="asymp")
    return "Kolmogorov-Smirnov", float(found.statistic), float(found.pvalue)


def _shares(a: Counter[str], b: Counter[str]) -> tuple[str, float, float]:
    """Total variation distance between the shares, with the chi-squared test of the counts."""
    keys = sorted({*a, *b})
    table = np.array([[a[k] for k in keys], [b[k] for k in keys]], float)
    shares = table / table.sum(1, keepdims=True)
    p_value = float(chi2_contingency(table).pvalue) if len(keys) > 1 else 1.0
    return "chi-squared", float(abs(shares[0] - shares[1]).sum() / 2), p_value


def _rules(reference: Profile, incoming: Profile) -> dict[str, tuple[str, float, float]]:
    found = {}
    for rule_id in sorted({*reference.rules, *incoming.rules}):
        a, b = reference.rules[rule_id], incoming.rules[rule_id]
        table = np.array([[a, reference.drafts - a], [b, incoming.drafts - b]], float)
        p_value = float(chi2_contingency(table).pvalue) if table.sum(0).all() else 1.0
        found[rule_id] = ("chi-squared", abs(a / reference.drafts - b / incoming.drafts), p_value)
    return found


def _overturned(reviewed: tuple[int, int], limit: float) -> tuple[str, float, float]:
    overturned, of = reviewed
    return "binomial", overturned / of, float(binomtest(overturned, of, limit, alternative="greater").pvalue)
