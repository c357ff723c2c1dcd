"""Predictions from which thresholds may be chosen: of each draft by a model that learned nothing from its group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Fold = tuple[NDArray[np.int64], NDArray[np.int64]]
"""The rows that a model learned from, and those that it judges."""


@dataclass(frozen=True, slots=True, eq=False)
class UnmetPredictions:
    """Calibrated probabilities (n, 6) and labels (n, 6) of drafts. `groups` (n,) is what a model and the drafts that it
    judges must not share (the writer, say), `model` (n,) the number of the model that judged each draft, `learned` the
    groups that each model learned from.

    Raises ValueError where a model judged a draft of a group that it learned from: such figures flatter, and thresholds
    chosen on them are too bold.
    """

    probabilities: NDArray[np.float64]
    labels: NDArray[np.int64]
    groups: NDArray[np.str_]
    model: NDArray[np.int64]
    learned: Mapping[int, frozenset[str]]

    def __post_init__(self) -> None:
        count = len(self.groups)
        if any(len(one) != count for one in (self.probabilities, self.labels, self.model)):
            raise ValueError("probabilities, labels, groups and models are not of the same drafts")
        pairs = set(zip(self.groups.tolist(), self.model.tolist(), strict=True))
        if met := sorted(group for group, number in pairs if group in self.learned[number]):
            raise ValueError(f"models learned from drafts that they judge here: {', '.join(met[:5])}")

    def __len__(self) -> int:
        return len(self.groups)

    @classmethod
    def out_of_fold(
        cls, probabilities: NDArray[np.float64], labels: NDArray[np.int64], groups: NDArray[np.str_],
        folds: Sequence[Fold],
    ) -> "UnmetPredictions":  # fmt: skip
        """One model a fold. Raises ValueError where a draft is in no fold."""
        model = np.full(len(groups), -1)
        for number, (_, unknown) in enumerate(folds):
            model[unknown] = number
        if (model < 0).any():
            raise ValueError("some drafts were left out of no fold")
        learned = {number: frozenset(groups[known].tolist()) for number, (known, _) in enumerate(folds)}
        return cls(probabilities, labels, groups, model, learned)

    @classmethod
    def kept_aside(
        cls, probabilities: NDArray[np.float64], labels: NDArray[np.int64], groups: NDArray[np.str_],
        learned: frozenset[str],
    ) -> "UnmetPredictions":  # fmt: skip
        """All by one model, which learned from the groups in `learned`."""
        return cls(probabilities, labels, groups, np.zeros(len(groups), np.int64), {0: learned})

    def chosen(self, rows: NDArray[np.int64]) -> "UnmetPredictions":
        """Some of the drafts."""
        return UnmetPredictions(
            self.probabilities[rows], self.labels[rows], self.groups[rows], self.model[rows], self.learned
        )
