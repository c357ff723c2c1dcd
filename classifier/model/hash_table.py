"""Where each of many numbers stands in an array, asked for hundreds at once: two places a key, no search."""

import itertools

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
_Words = NDArray[np.uint64]

_ROUNDS = 500
_ODD = 0x9E3779B97F4A7C15
"""Spreads keys over the high bits of their product (Knuth's multiplicative hashing)."""


class HashTable:
    """`keys` (m,) int64, each once. Every key lies in one of its two slots (cuckoo hashing), so that an answer costs
    two reads that do not wait for each other, where a binary search of a large table costs seventeen that do.

    A key times an odd number, modulo 2**64, can be found back from the product: its high bits say which slot of 2**b,
    and the slot holds all the others, with the key's place in `keys` where those bits were. So an entry with the
    product's low bits taken out is the place itself if it is this key's, and larger than any place if it is not.
    """

    def __init__(self, keys: Ints) -> None:
        self._count = np.uint64(len(keys))
        bits = max(3, (2 * len(keys)).bit_length())  # fuller tables take many attempts to fill
        self._bits, self._rest = np.uint64(bits), np.uint64(64 - bits)
        self._halves = np.array([[0], [1 << bits]])
        for attempt in itertools.count():
            factors = [(_ODD * (4 * attempt + step)) % 2**64 | 1 for step in (1, 2)]
            self._factors = np.array(factors, np.uint64)[:, None]
            entries = self._filled(keys)
            if entries is not None:
                self._entries = entries
                return

    def _slots(self, products: _Words) -> Ints:
        """The slot of each product, (2, n): the first half of the table is for the first factor's."""
        slots = (products >> self._rest).view(np.int64)
        slots += self._halves
        return slots

    def _filled(self, keys: Ints) -> _Words | None:
        """The table's entries; None where some keys found no place. An empty slot names no place of `keys`."""
        products = keys.view(np.uint64) * self._factors
        places, side = self._slots(products), np.zeros(len(keys), np.int64)
        slots = np.full(2 << int(self._bits), -1)
        waiting = np.arange(len(keys))
        for _ in range(_ROUNDS):
            at = places[side[waiting], waiting]
            driven_out = np.unique(slots[at])
            slots[at] = waiting  # of those that ask for one slot, the last gets it
            waiting = np.concatenate([waiting[slots[at] != waiting], driven_out[driven_out >= 0]])
            if not len(waiting):
                entries = np.full(len(slots), (1 << int(self._bits)) - 1, np.uint64)
                number = np.arange(len(keys))
                entries[places[side, number]] = (products[side, number] << self._bits) | number.view(np.uint64)
                return entries
            side[waiting] ^= 1
        return None

    def find(self, queries: Ints) -> tuple[Ints, Ints]:
        """(places in `queries` whose number is a key, which key it is), both (k,), in the order of `queries`."""
        products = queries.view(np.uint64) * self._factors
        found = self._entries.take(self._slots(products))
        products <<= self._bits
        found ^= products
        place = np.minimum(found[0], found[1])
        known = (place < self._count).nonzero()[0]
        return known, place.take(known).view(np.int64)
