"""Three linear models read off one table: of the whole draft, of its naive-Bayes-weighted words, of its windows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier.features import NgramSpace, Occurrences
from classifier.labels import LABELS
from classifier.reading import Reading

_N = len(LABELS)
_LEAST = np.float32(1e-6)
"""Keeps a text without any known n-gram, whose sum is 0, from dividing by 0."""

LOWEST = -8.0
"""The window score of a draft without any window, and of two sentences that are no pair."""


@dataclass(frozen=True, slots=True, eq=False)
class LinearView:
    """The linear models on one reading: whole-draft scores (6,) of two models, and every window's (w, 6).

    The first windows are the sentences, in order; window i + s is sentences i and i + 1 together.
    """

    draft: NDArray[np.float32]
    bayes: NDArray[np.float32]
    sentences: NDArray[np.float32]
    pairs: NDArray[np.float32]


class LinearModels:
    """The fitted tables. Scores equal those of the scikit-learn models they were read from."""

    def __init__(self, space: NgramSpace, table: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
        """table (m, 19) and bias (18,) as ModelArtifact describes them."""
        self.space = space
        self._table = table
        self._bias = bias

    def view(self, reading: Reading) -> LinearView:
        """All scores of one reading."""
        found = self.space.occurrences(reading.tokens)
        values = self._table[found.columns]
        total = values.sum(axis=0)
        scores = total[: 2 * _N] / _length(total[-1:]) + self._bias[: 2 * _N]
        sentences, pairs = self._windows(reading, found, values)
        return LinearView(scores[:_N], scores[_N:], sentences, pairs)

    def _windows(
        self, reading: Reading, found: Occurrences, values: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        count = len(reading.sentences)
        if not count:
            none = np.empty((0, _N), np.float32)
            return none, none
        firsts = np.array([s[0] for s in reading.sentences])
        home_of = np.repeat(np.arange(count), np.diff(np.append(firsts, len(reading.tokens))))
        home, last_home = home_of[found.first], home_of[found.last]
        own = values[:, 2 * _N :]
        inside = _summed(own, home, home == last_home, count)
        bias = self._bias[2 * _N :]
        scores = inside[:, :_N] / _length(inside[:, _N:]) + bias
        if count == 1:
            return scores, np.empty((0, _N), np.float32)
        crossing = _summed(own, home, last_home == home + 1, count)
        pairs = inside[:-1] + inside[1:] + crossing[:-1]
        pair_scores = pairs[:, :_N] / _length(pairs[:, _N:]) + bias
        border = int(np.searchsorted(firsts, reading.subject_tokens)) - 1
        if 0 <= border < count - 1:
            pair_scores[border] = LOWEST  # the subject's last sentence and the body's first are no pair
        return scores, pair_scores


def _length(squares: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.sqrt(np.maximum(squares, _LEAST))


def _summed(
    values: NDArray[np.float32], home: NDArray[np.int64], chosen: NDArray[np.bool_], n: int
) -> NDArray[np.float32]:
    """Chosen rows of `values` (in order of `home`) added up by their home, (n, columns)."""
    out = np.zeros((n, values.shape[1]), np.float32)
    rows = np.flatnonzero(chosen)
    if len(rows):
        homes = home[rows]
        starts = np.flatnonzero(np.diff(homes, prepend=-1))
        out[homes[starts]] = np.add.reduceat(values[rows], starts, axis=0)
    return out
