"""Word n-grams of a reading as columns of a table: the one place that says what the linear models look at.

An n-gram is one, two or three neighbouring words, or two words with one or two between them. Words that too few
writers use are all one wildcard, numbers are another, so "the _ instead" is one feature whatever the product is.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from classifier.model.hash_table import HashTable

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]

WILDCARD, NUMBER = 0, 1
_FIRST_WORD = 2
_BITS = 18
_SHAPES = ((0,), (0, 1), (0, 1, 2), (0, 2), (0, 3))
"""Offsets of the words that make up each kind of n-gram."""

_KINDS = np.arange(1, 1 + len(_SHAPES)) << (3 * _BITS)
_NOTHING = (1 << _BITS) - 1
"""The number of a place past a text's end; no word has it, so no n-gram of the space does."""

PAST_THE_END = 3
"""How many places stand behind each text, as far as the longest n-gram reaches."""

_TOGETHER = 64
"""Texts looked up in one go when a matrix is made."""

_BEHIND = (_NOTHING,) * PAST_THE_END
_SHIFTS = np.array(
    [[1 << (shape.index(at) * _BITS) if at in shape else 0 for shape in _SHAPES] for at in range(PAST_THE_END + 1)]
)
"""(4, 5): what a word and the three after it count for in the keys of the five n-grams that begin with it."""


class _WordNumbers(dict[str, int]):
    """The number of each word of the vocabulary; of any other, that of its kind. Does not grow."""

    def __missing__(self, token: str) -> int:
        return NUMBER if token.lstrip("$")[:1].isdigit() else WILDCARD


class NgramSpace:
    """The columns. `vocabulary` gives each word its number, `keys` (sorted, (m,)) each n-gram its column."""

    def __init__(self, vocabulary: Sequence[str], keys: Ints) -> None:
        self.vocabulary = list(vocabulary)
        self.keys = keys
        self._numbers = _WordNumbers({word: _FIRST_WORD + i for i, word in enumerate(self.vocabulary)})
        self._columns = HashTable(keys)

    @classmethod
    def fit(
        cls, texts: Iterable[Sequence[str]], writers: Iterable[str], *, word_writers: int = 3, ngram_texts: int = 3
    ) -> "NgramSpace":
        """Learn the columns: words that at least `word_writers` writers use, n-grams in at least `ngram_texts`."""
        texts = list(texts)
        users: dict[str, set[str]] = {}
        for text, writer in zip(texts, writers, strict=True):
            for word in set(text):
                users.setdefault(word, set()).add(writer)
        vocabulary = sorted(w for w, by in users.items() if len(by) >= word_writers and not w.lstrip("$")[:1].isdigit())
        space = cls(vocabulary, np.empty(0, np.int64))
        seen = np.concatenate([np.unique(space.queries([text])) for text in texts])
        keys, counts = np.unique(seen, return_counts=True)
        return cls(vocabulary, keys[(counts >= ngram_texts) & space._inside(keys)])

    def _inside(self, keys: Ints) -> NDArray[np.bool_]:
        """Which keys name no place past the end of a text."""
        places = [(keys >> (place * _BITS)) & _NOTHING for place in range(3)]
        inside: NDArray[np.bool_] = np.logical_and.reduce([place != _NOTHING for place in places])
        return inside

    def queries(self, texts: Sequence[Sequence[str]]) -> Ints:
        """Keys of all n-grams that begin at each place of the texts, five side by side. Those that leave their text
        have keys that are no column's."""
        numbers: list[int] = []
        for text in texts:
            numbers += map(self._numbers.__getitem__, text)
            numbers += _BEHIND
        words = np.array(numbers, np.int64)
        ahead = np.ndarray((len(words) - PAST_THE_END, PAST_THE_END + 1), np.int64, words, strides=(8, 8))
        keys: Ints = ahead @ _SHIFTS
        keys += _KINDS
        return keys.ravel()

    def columns_by_text(self, texts: Sequence[Sequence[str]]) -> tuple[Ints, Ints]:
        """The columns of all known n-grams, text after text, repeated ones as often as they stand there, and how many
        each text has, (len(texts),)."""
        known, columns = self._columns.find(self.queries(texts))
        text_of = np.arange(len(texts)).repeat([len(text) + PAST_THE_END for text in texts])
        return columns, np.bincount(text_of[known // len(_SHAPES)], minlength=len(texts))

    def counts(self, texts: Sequence[Sequence[str]]) -> "csr_matrix":
        """(len(texts), m): how often each n-gram stands in each text."""
        from scipy.sparse import csr_matrix  # for training; a screener does without

        rows = [self.columns_by_text(texts[first : first + _TOGETHER]) for first in range(0, len(texts), _TOGETHER)]
        columns = np.concatenate([found for found, _ in rows]) if rows else np.empty(0, np.int64)
        sizes = np.concatenate([count for _, count in rows]) if rows else np.empty(0, np.int64)
        indptr = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        matrix = csr_matrix((np.ones(len(columns), np.float32), columns, indptr), shape=(len(texts), len(self.keys)))
        matrix.sum_duplicates()
        return matrix

    def matrix(self, texts: Sequence[Sequence[str]], idf: Floats) -> "csr_matrix":
        """(len(texts), m) counts, weighted: see `weighted`."""
        return weighted(self.counts(texts), idf)


def weighted(counts: "csr_matrix", idf: Floats) -> "csr_matrix":
    """Counts times `idf` (m,), each row divided by the length of its occurrences' weights, so that a text's score is a
    sum over its occurrences."""
    from scipy.sparse import csr_matrix

    lengths = np.sqrt(np.maximum(counts @ (idf**2), 1e-6)).astype(np.float32)
    rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    data = (counts.data * idf[counts.indices] / lengths[rows]).astype(np.float32)
    return csr_matrix((data, counts.indices, counts.indptr), shape=counts.shape)


def inverse_frequencies(counts: "csr_matrix") -> Floats:
    """Smoothed idf of each column of a matrix of counts, (m,)."""
    present = np.asarray((counts > 0).sum(axis=0)).ravel()
    idf: Floats = (np.log((1 + counts.shape[0]) / (1 + present)) + 1).astype(np.float32)
    return idf
