"""Where each of many numbers stands in an array, asked for hundreds at once: two places a key, no search."""

import itertools

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

_ROUNDS = 500
_ODD = 0x9E3779B97F4A7C15
"""Spreads keys over the high bits of their product (Knuth's multiplicative hashing)."""


class Lookup:
    """`keys` (m,) int64, each once. Every key lies in one of its two slots (cuckoo hashing), so that an answer costs
    two reads that do not wait for each other, where a binary search of a large table costs seventeen that do."""

    def __init__(self, keys: Ints) -> None:
        self._keys = keys if len(keys) else np.array([-1], np.int64)
        self._bits = max(3, (len(keys) + len(keys) // 2).bit_length())
        for attempt in itertools.count():
            self._factors = [np.uint64((_ODD * (4 * attempt + step)) % 2**64 | 1) for step in (1, 2)]
            filled = self._filled()
            if filled is not None:
                self._first, self._second = filled
                return

    def _slots(self, keys: Ints, side: int) -> Ints:
        return ((keys.view(np.uint64) * self._factors[side]) >> np.uint64(64 - self._bits)).view(np.int64)

    def _filled(self) -> tuple[NDArray[np.int32], NDArray[np.int32]] | None:
        """The two halves of the table, an empty slot names key 0; None where some keys found no place."""
        size, count = 1 << self._bits, len(self._keys)
        places = np.stack([self._slots(self._keys, 0), self._slots(self._keys, 1) + size])
        slots, side = np.full(2 * size, -1, np.int32), np.zeros(count, np.int64)
        waiting = np.arange(count)
        for _ in range(_ROUNDS):
            at = places[side[waiting], waiting]
            driven_out = np.unique(slots[at])
            slots[at] = waiting  # of those that ask for one slot, the last gets it
            waiting = np.concatenate([waiting[slots[at] != waiting], driven_out[driven_out >= 0]])
            if not len(waiting):
                np.maximum(slots, 0, out=slots)
                return slots[:size], slots[size:]
            side[waiting] ^= 1
        return None

    def find(self, queries: Ints) -> tuple[Ints, Ints]:
        """(places in `queries` whose number is a key, which key it is), both (k,), in the order of `queries`."""
        first, second = self._first.take(self._slots(queries, 0)), self._second.take(self._slots(queries, 1))
        index = np.where(self._keys.take(first) == queries, first, second)
        known = (self._keys.take(index) == queries).nonzero()[0]
        return known, index.take(known)
