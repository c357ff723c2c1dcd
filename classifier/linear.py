"""Three linear models read off one table: of the whole draft, of its naive-Bayes-weighted words, of its windows."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.features import PAST_THE_END, NgramSpace
from classifier.labels import LABELS
from classifier.reading import Reading

_N = len(LABELS)
_LEAST = np.float32(1e-6)
"""Keeps a text without any known n-gram, whose sum is 0, from dividing by 0."""

_START = np.zeros(1, np.int64)

LOWEST = -8.0
"""The window score of a draft without any window, and of two sentences that are no pair."""


@dataclass(frozen=True, slots=True, eq=False)
class LinearView:
    """The linear models on one reading: whole-draft scores (6,) of two models, and every window's (w, 6).

    The first windows are the sentences heard, in order; window i + s is sentences i and i + 1 together.
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
        return self.views((reading,))[0]

    def views(self, readings: Sequence[Reading]) -> list[LinearView]:
        """All scores of some readings, each as `view` gives it."""
        rooms = _rooms(readings)
        sums = self._sums(readings, rooms)
        whole: NDArray[np.float32] = np.add.reduceat(sums.sum(axis=1), rooms.first_of_text, axis=0)
        scores: NDArray[np.float32] = whole[:, : 2 * _N] / _length(whole[:, -1:]) + self._bias[: 2 * _N]
        own = sums[:, :, 2 * _N :]
        windows = np.concatenate([own[:, 0], own[:-1, 0] + own[1:, 0] + own[:-1, 1]])
        judged: NDArray[Any] = windows[:, :_N] / _length(windows[:, _N:]) + self._bias[2 * _N :]
        alone, together = judged[: rooms.count], judged[rooms.count :]
        together[rooms.borders] = LOWEST  # a subject's last sentence and its body's first are no pair
        return [
            LinearView(scores[i, :_N], scores[i, _N:], alone[a:b], together[a : max(b - 1, a)])
            for i, (a, b) in enumerate(rooms.of_text)
        ]

    def _sums(self, readings: Sequence[Reading], rooms: "_Rooms") -> NDArray[np.float32]:
        """(sentences, 3, 19): rows of the table added up over the n-grams that begin in a sentence, apart for those
        that end in it, in the next, and further on."""
        found = self.space.occurrences([reading.heard_words for reading in readings])
        home = rooms.of_token.take(found.first)
        groups = 3 * home + np.minimum(rooms.of_token.take(found.last) - home, 2)
        order = groups.argsort(kind="stable")
        groups = groups.take(order)
        sums = np.zeros((3 * rooms.count, self._table.shape[1]), np.float32)
        if len(groups):
            starts = np.concatenate([_START, (groups[1:] != groups[:-1]).nonzero()[0] + 1])
            values = self._table.take(found.columns.take(order), axis=0)
            sums[groups.take(starts)] = np.add.reduceat(values, starts, axis=0)
        return sums.reshape(-1, 3, self._table.shape[1])


def _length(squares: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.sqrt(np.maximum(squares, _LEAST))


@dataclass(frozen=True, slots=True, eq=False)
class _Rooms:
    """The sentences of some readings in one row; a text without any has one empty room.

    `of_token`: the room of each place that the space counts. `of_text`: (first, end) rooms of each text's sentences.
    `first_of_text`: the first room of each. `borders`: rooms that make no pair with the next one.
    """

    count: int
    of_token: NDArray[np.int64]
    of_text: list[tuple[int, int]]
    first_of_text: list[int]
    borders: list[int]


def _rooms(readings: Sequence[Reading]) -> _Rooms:
    sizes: list[int] = []
    of_text: list[tuple[int, int]] = []
    borders: list[int] = []
    for reading in readings:
        first = len(sizes)
        sizes.extend([end - start for start, end in reading.heard] or [0])
        sizes[-1] += PAST_THE_END
        of_text.append((first, first + len(reading.heard)))
        in_subject = bisect_left(reading.heard, (reading.subject_tokens,))
        if 0 < in_subject < len(reading.heard):
            borders.append(first + in_subject - 1)
    of_token = np.arange(len(sizes)).repeat(sizes)
    return _Rooms(len(sizes), of_token, of_text, [first for first, _ in of_text], borders)
