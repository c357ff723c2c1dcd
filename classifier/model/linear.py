"""Three linear models read off one table: of the whole draft, of its naive-Bayes-weighted words, of its windows."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier.labels import LABELS
from classifier.model.ngrams import PAST_THE_END, NgramSpace
from classifier.reading.reader import Reading

_N = len(LABELS)
_LEAST = np.float32(1e-6)
"""Keeps a text without any known n-gram, whose sum is 0, from dividing by 0."""

_START = np.zeros(1, np.int64)

LOWEST = -8.0
"""The window score of a draft without any window, and of two sentences that are no pair."""


@dataclass(frozen=True, slots=True, eq=False)
class LinearView:
    """The linear models on one reading: whole-draft scores of two models, (12,), and every window's, (w, 6).

    Every other window is a sentence heard, in order, and between two sentences stand both together.
    """

    scores: NDArray[np.float32]
    windows: NDArray[np.float32]

    @property
    def draft(self) -> NDArray[np.float32]:
        """Scores of the whole-draft model, (6,)."""
        return self.scores[:_N]

    @property
    def bayes(self) -> NDArray[np.float32]:
        """Scores of the naive-Bayes-weighted model, (6,)."""
        return self.scores[_N:]

    @property
    def sentences(self) -> NDArray[np.float32]:
        """Scores of each sentence alone, (s, 6)."""
        return self.windows[::2]

    @property
    def pairs(self) -> NDArray[np.float32]:
        """Scores of each sentence with the next, (s - 1, 6)."""
        return self.windows[1::2]


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
        rows = self._rows(self._sums(readings, rooms), rooms)
        lengths: NDArray[np.float32] = np.sqrt(np.maximum(rows[:, 3 * _N :], _LEAST))
        scores = rows[:, : 3 * _N] / lengths + self._bias
        scores[rooms.borders] = LOWEST  # a subject's last sentence and its body's first are no pair
        whole, windows = scores[2 * rooms.count :, : 2 * _N], scores[:, 2 * _N :]
        return [LinearView(whole[i], windows[2 * a : max(2 * b - 1, 2 * a)]) for i, (a, b) in enumerate(rooms.of_text)]

    def _rows(self, sums: NDArray[np.float32], rooms: "_Rooms") -> NDArray[np.float32]:
        """What the n-grams of each window and each text add up to: two rows a room, the sentence alone and together
        with the next; then one row a text."""
        windows = 2 * rooms.count
        rows = np.empty((windows + len(rooms.of_text), sums.shape[1]), np.float32)
        alone, together = rows[:windows:2], rows[1 : windows - 1 : 2]
        alone[:] = sums[::3]
        np.add(alone[:-1], alone[1:], out=together)
        together += sums[1:-3:3]
        rows[windows - 1] = 0  # the last has no next
        np.add.reduceat(sums, rooms.first_of_text, axis=0, out=rows[windows:])
        return rows

    def _sums(self, readings: Sequence[Reading], rooms: "_Rooms") -> NDArray[np.float32]:
        """(3 * sentences, 19): rows of the table added up over the n-grams that begin in a sentence, apart for those
        that end in it, in the next, and further on."""
        found = self.space.occurrences([reading.heard_words for reading in readings])
        home = rooms.of_token.take(found.first)
        groups = rooms.of_token.take(found.last) - home
        np.minimum(groups, 2, out=groups)
        groups += 3 * home
        order = groups.argsort(kind="stable")
        groups = groups.take(order)
        sums = np.zeros((3 * rooms.count, self._table.shape[1]), np.float32)
        if len(groups):
            starts = np.concatenate([_START, (groups[1:] != groups[:-1]).nonzero()[0] + 1])
            values = self._table.take(found.columns.take(order), axis=0)
            sums[groups.take(starts)] = np.add.reduceat(values, starts, axis=0)
        return sums


@dataclass(frozen=True, slots=True, eq=False)
class _Rooms:
    """The sentences of some readings in one row; a text without any has one empty room.

    `of_token`: the room of each place that the space counts. `of_text`: (first, end) rooms of each text's sentences.
    `first_of_text`: where the sums of each begin. `borders`: rows of rooms that make no pair with the next one.
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
            borders.append(2 * (first + in_subject) - 1)
    of_token = np.arange(len(sizes)).repeat(sizes)
    return _Rooms(len(sizes), of_token, of_text, [3 * first for first, _ in of_text], borders)
