"""What mistakes cost: the counts of the decision table times the minutes that policy.toml sets for each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier.labels import LABELS, Label
from training.fitting.unmet_predictions import UnmetPredictions

CELLS: Mapping[str, tuple[str, str]] = {
    "missed_prohibited": ("prohibited", "allow"),
    "warned_prohibited": ("prohibited", "warn"),
    "blocked_permitted": ("permitted", "block"),
    "warned_permitted": ("permitted", "warn"),
    "blocked_none": ("none", "block"),
    "allowed_none": ("none", "allow"),
}
"""Entry of [costs] -> the kind of draft and the decision that it prices."""


@dataclass(frozen=True, slots=True)
class CostLine:
    """One kind of mistake: how often, at how many minutes each, and in all."""

    mistake: str
    count: int
    minutes_each: float
    minutes: float


def cost_sheet(decisions: Mapping[str, Mapping[str, int]], costs: Mapping[str, float]) -> list[CostLine]:
    """The sheet of one decision table (kind -> decision -> count), dearest first.

    Raises ValueError where the costs lack a mistake.
    """
    if missing := sorted(set(CELLS) - set(costs)):
        raise ValueError(f"policy.toml: [costs] has no {', '.join(missing)}")
    lines = [
        CostLine(name, decisions[kind][decision], costs[name], decisions[kind][decision] * costs[name])
        for name, (kind, decision) in CELLS.items()
    ]
    return sorted(lines, key=lambda line: -line.minutes)


def minutes_per_thousand(lines: Sequence[CostLine], drafts: int) -> float:
    """The whole cost of a sheet for a thousand drafts like those it was made from."""
    return 1000 * sum(line.minutes for line in lines) / drafts if drafts else 0.0


@dataclass(frozen=True, slots=True)
class Curve:
    """Cost of blocking from each threshold on, for one prohibited label: minutes per thousand drafts, (t,) each."""

    thresholds: NDArray[np.float64]
    minutes: NDArray[np.float64]

    @property
    def cheapest(self) -> float:
        """The threshold at which mistakes cost least."""
        return float(self.thresholds[int(self.minutes.argmin())])


def cost_curve(predictions: UnmetPredictions, label: Label, costs: Mapping[str, float], steps: int = 99) -> Curve:
    """What blocking at each threshold costs, all else allowed: a miss against a false block."""
    column = LABELS.index(label)
    probabilities, labels = predictions.probabilities[:, column], predictions.labels[:, column]
    thresholds = np.linspace(0.01, 0.99, steps)
    blocked = probabilities[:, None] >= thresholds
    missed = (~blocked & (labels == 1)[:, None]).sum(0) * costs["missed_prohibited"]
    false = (blocked & (labels == 0)[:, None]).sum(0) * costs["blocked_permitted"]
    return Curve(thresholds, 1000 * (missed + false) / max(len(labels), 1))
