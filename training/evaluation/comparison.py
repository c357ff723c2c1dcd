"""Champion against challenger on the same drafts: which is better, by how much, and which drafts changed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from classifier.labels import LABELS
from training.evaluation.figures import Judged

_ROUNDS = 1000
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Paired:
    """McNemar's test: drafts that only one of the two gets right, and the exact two-sided p-value."""

    name: str
    only_champion: int
    only_challenger: int
    p_value: float


@dataclass(frozen=True, slots=True)
class Gain:
    """A figure of both, the difference, and its 95% interval over samples of whole scenarios."""

    name: str
    champion: float
    challenger: float
    low: float
    high: float

    @property
    def difference(self) -> float:
        """Challenger minus champion."""
        return self.challenger - self.champion


@dataclass(frozen=True, slots=True)
class Comparison:
    """The whole comparison. The lists contain ids of drafts; a catch is a prohibited draft that is not allowed."""

    champion: str
    challenger: str
    drafts: int
    paired: tuple[Paired, ...]
    gains: tuple[Gain, ...]
    gained_catches: tuple[str, ...]
    lost_catches: tuple[str, ...]
    new_false_blocks: tuple[str, ...]
    cured_false_blocks: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain data for --json."""
        found = asdict(self)
        found["gains"] = [{**asdict(g), "difference": g.difference} for g in self.gains]
        return found


def compare(
    champion: Sequence[Judged], challenger: Sequence[Judged], names: tuple[str, str], rounds: int = _ROUNDS
) -> Comparison:
    """Compare verdicts on the same drafts in the same order. Raises ValueError where they are not the same."""
    if [j.labelled.id for j in champion] != [j.labelled.id for j in challenger]:
        raise ValueError("the two judged different drafts")
    caught = [_flags(rows, "prohibited", ("warn", "block")) for rows in (champion, challenger)]
    blocked = [_flags(rows, "other", ("block",)) for rows in (champion, challenger)]
    ids = np.array([j.labelled.id for j in champion])
    return Comparison(
        champion=names[0],
        challenger=names[1],
        drafts=len(champion),
        paired=tuple(_paired(champion, challenger)),
        gains=tuple(_gains(champion, challenger, rounds)),
        gained_catches=tuple(ids[~caught[0] & caught[1]].tolist()),
        lost_catches=tuple(ids[caught[0] & ~caught[1]].tolist()),
        new_false_blocks=tuple(ids[~blocked[0] & blocked[1]].tolist()),
        cured_false_blocks=tuple(ids[blocked[0] & ~blocked[1]].tolist()),
    )


def _flags(rows: Sequence[Judged], kind: str, decisions: tuple[str, ...]) -> Flags:
    """Which drafts of a kind ("other": not prohibited) met one of the decisions, (n,)."""
    return np.array(
        [((j.kind == kind) or (kind == "other" and j.kind != "prohibited")) and j.decision in decisions for j in rows]
    )


def _paired(champion: Sequence[Judged], challenger: Sequence[Judged]) -> list[Paired]:
    rows = [_mcnemar("the decision", _decided_right(champion), _decided_right(challenger))]
    for label in LABELS:
        rights = [
            np.array([(label in j.labelled.labels) == (label in j.verdict.labels) for j in r])
            for r in (champion, challenger)
        ]
        rows.append(_mcnemar(str(label), rights[0], rights[1]))
    return rows


_RIGHT: Mapping[str, tuple[str, ...]] = {"prohibited": ("warn", "block"), "permitted": ("allow",), "none": ("warn",)}


def _decided_right(rows: Sequence[Judged]) -> Flags:
    return np.array([j.decision in _RIGHT[j.kind] for j in rows])


def _mcnemar(name: str, champion: Flags, challenger: Flags) -> Paired:
    first, second = int((champion & ~challenger).sum()), int((challenger & ~champion).sum())
    p_value = float(binomtest(first, first + second).pvalue) if first + second else 1.0
    return Paired(name, first, second, p_value)


def _gains(champion: Sequence[Judged], challenger: Sequence[Judged], rounds: int) -> list[Gain]:
    scenarios = np.unique([j.labelled.scenario for j in champion], return_inverse=True)[1]
    draws = _draws(int(scenarios.max()) + 1, rounds) if len(scenarios) else np.zeros((0, 0))
    sums = [_sums(rows, scenarios) for rows in (champion, challenger)]
    gains = []
    for name, figure in _FIGURES.items():
        points = [float(figure(s.sum(axis=0))) for s in sums]
        moved = figure(draws @ sums[1]) - figure(draws @ sums[0])
        low, high = np.nanquantile(moved, [0.025, 0.975]) if len(moved) else (0.0, 0.0)
        gains.append(Gain(name, points[0], points[1], float(low), float(high)))
    return gains


def _draws(scenarios: int, rounds: int) -> NDArray[np.float64]:
    """How often each scenario is drawn in each round, (rounds, scenarios)."""
    rng = np.random.default_rng(7)
    return rng.multinomial(scenarios, np.full(scenarios, 1 / scenarios), rounds).astype(float)


def _sums(rows: Sequence[Judged], scenarios: NDArray[np.int64]) -> NDArray[np.float64]:
    """Counts per scenario, (s, 22): true, false, missed positives of each label; guilty, missed, innocent, blocked."""
    counts = np.zeros((len(rows), 3 * len(LABELS) + 4))
    for i, j in enumerate(rows):
        for k, label in enumerate(LABELS):
            has, said = label in j.labelled.labels, label in j.verdict.labels
            counts[i, 3 * k : 3 * k + 3] = (has and said, said and not has, has and not said)
        guilty = j.kind == "prohibited"
        counts[i, -4:] = (guilty, guilty and j.decision == "allow", not guilty, not guilty and j.decision == "block")
    sums = np.zeros((int(scenarios.max()) + 1 if len(rows) else 0, counts.shape[1]))
    np.add.at(sums, scenarios, counts)
    return sums


def _macro_f1(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """(…, 22) counts -> (…,) mean F1 of the labels that occur."""
    true, false, missed = (counts[..., k : 3 * len(LABELS) : 3] for k in range(3))
    with np.errstate(invalid="ignore", divide="ignore"):
        f1 = np.where(true + missed > 0, 2 * true / (2 * true + false + missed), np.nan)
    occurring = ~np.isnan(f1)
    result: NDArray[np.float64] = np.where(occurring, f1, 0).sum(-1) / np.maximum(occurring.sum(-1), 1)
    return result


def _missed(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = counts[..., -3] / np.maximum(counts[..., -4], 1)
    return result


def _false_blocks(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = counts[..., -1] / np.maximum(counts[..., -2], 1)
    return result


_FIGURES = {"macro F1": _macro_f1, "missed prohibited drafts": _missed, "false blocks": _false_blocks}
