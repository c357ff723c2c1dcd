"""Linear models of a passage read off one table: of each sentence alone, and of each amid its neighbours."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier.labels import LABELS
from classifier.model.ngrams import NgramSpace
from classifier.reading.reader import Reading

_N = len(LABELS)
_LEAST = np.float32(1e-6)
"""Keeps a text without any known n-gram, whose sum is 0, from dividing by 0."""

WIDTH = 2 * _N
"""Scores of one text: the logistic model's six, then the naive-Bayes-weighted model's six."""


@dataclass(frozen=True, slots=True, eq=False)
class LinearScores:
    """The linear models on one reading: scores of each sentence alone, (s, 12), and amid its neighbours, (s, 12)."""

    alone: NDArray[np.float32]
    amid: NDArray[np.float32]


class LinearModels:
    """The fitted tables. Scores equal those of the scikit-learn models they were read from."""

    def __init__(self, space: NgramSpace, table: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
        """table (m, 13) and bias (12,) as ModelArtifact describes them."""
        self.space = space
        self._table = table
        self._bias = bias

    def scores(self, reading: Reading) -> LinearScores:
        """All scores of one reading."""
        return self.scores_of_many((reading,))[0]

    def scores_of_many(self, readings: Sequence[Reading]) -> list[LinearScores]:
        """All scores of some readings, each as `scores` gives it."""
        sentences = [reading.tokens[first:end] for reading in readings for first, end in reading.judged]
        if not sentences:
            nothing = np.zeros((0, WIDTH), np.float32)
            return [LinearScores(nothing, nothing) for _ in readings]
        sums = self._sums(sentences)
        both = self._normalised(np.concatenate([sums, amid_neighbours(sums, borders(readings))]))
        alone, amid = both[: len(sums)], both[len(sums) :]
        found, at = [], 0
        for reading in readings:
            end = at + len(reading.judged)
            found.append(LinearScores(alone[at:end], amid[at:end]))
            at = end
        return found

    def _normalised(self, sums: NDArray[np.float32]) -> NDArray[np.float32]:
        lengths: NDArray[np.float32] = np.sqrt(np.maximum(sums[:, WIDTH:], _LEAST))
        scores: NDArray[np.float32] = sums[:, :WIDTH] / lengths + self._bias
        return scores

    def _sums(self, sentences: Sequence[Sequence[str]]) -> NDArray[np.float32]:
        """(s, 13): rows of the table added up over the n-grams of each sentence."""
        columns, sizes = self.space.columns_by_text(sentences)
        sums = np.zeros((len(sentences), self._table.shape[1]), np.float32)
        filled = sizes.nonzero()[0]
        if len(filled):
            starts = np.cumsum(sizes) - sizes
            sums[filled] = np.add.reduceat(self._table.take(columns, axis=0), starts[filled], axis=0)
        return sums


def amid_neighbours(sums: NDArray[np.float32], limits: Sequence[int]) -> NDArray[np.float32]:
    """Each row plus the one before and the one after it; nothing is added across a row number of `limits`, where a
    field or a draft begins."""
    amid = sums.copy()
    if len(sums) > 1:
        shared = same_field(len(sums), limits)[:, None]
        amid[1:] += sums[:-1] * shared
        amid[:-1] += sums[1:] * shared
    return amid


def same_field(count: int, limits: Sequence[int]) -> NDArray[np.float32]:
    """1 where a row and the next stand in one field of one draft, 0 where the next begins another, (count - 1,)."""
    shared = np.ones(max(count - 1, 0), np.float32)
    shared[[limit - 1 for limit in limits if 0 < limit < count]] = 0
    return shared


def borders(readings: Sequence[Reading]) -> list[int]:
    """The numbers of those sentences, counted through all readings, that begin a draft or a body."""
    found, at = [], 0
    for reading in readings:
        found.append(at)
        in_subject = bisect_left(reading.judged, (reading.subject_tokens,))
        found.append(at + in_subject)
        at += len(reading.judged)
    return found
