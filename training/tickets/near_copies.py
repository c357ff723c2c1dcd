"""Find drafts that are all but copies of another: MinHash proposes, Jaccard over word trigrams decides.

Cost grows with the number of drafts, not with its square: only drafts that share a band of their MinHash signature
are compared.
"""

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier.draft import LabelledDraft
from classifier.reading.folding import fold

CLOSE = 0.9
"""Drafts at least this alike (Jaccard) are copies."""

_BANDS, _ROWS = 16, 4
_PRIME = np.uint64((1 << 61) - 1)
_WORD = re.compile(r"[^\W\d_]+")
_MOST_IN_BUCKET = 50
"""Of a bucket of many alike drafts each is compared with the first few; they are copies of those or of none."""

Shingles = frozenset[int]


@dataclass(frozen=True, slots=True)
class NearCopy:
    """`dropped` repeats the words of `kept`; `likeness` is 1 for the same words. In a `contradiction` the labels
    differ while the order's state does not: both stay, and a person should decide."""

    dropped: str
    kept: str
    likeness: float
    contradiction: bool = False


def drop_copies(drafts: Sequence[LabelledDraft], close: float = CLOSE) -> tuple[list[LabelledDraft], list[NearCopy]]:
    """The drafts without near-copies of earlier ones, and what went, why and how close.

    A draft that differs from its twin in labels or order state is a contrast, not a copy: it stays.
    """
    shingles = [_shingles(labelled) for labelled in drafts]
    gone: dict[int, NearCopy] = {}
    contradictions: list[NearCopy] = []
    for later, earlier in _candidates(shingles):
        if later in gone or earlier in gone or drafts[later].order != drafts[earlier].order:
            continue
        likeness = _jaccard(shingles[later], shingles[earlier])
        if drafts[later].labels == drafts[earlier].labels and likeness >= close:
            gone[later] = NearCopy(drafts[later].id, drafts[earlier].id, round(likeness, 3))
        elif drafts[later].labels != drafts[earlier].labels and _same_words(drafts[later], drafts[earlier]):
            contradictions.append(NearCopy(drafts[later].id, drafts[earlier].id, 1.0, contradiction=True))
    return [d for i, d in enumerate(drafts) if i not in gone], [*gone.values(), *contradictions]


def _candidates(shingles: Sequence[Shingles]) -> Iterator[tuple[int, int]]:
    """(later, earlier) pairs that share a band, each once, in order of the later one."""
    signatures = _signatures(shingles)
    pairs: set[tuple[int, int]] = set()
    for band in range(_BANDS):
        buckets: dict[bytes, list[int]] = {}
        for row, signature in enumerate(signatures[:, band * _ROWS : (band + 1) * _ROWS]):
            bucket = buckets.setdefault(signature.tobytes(), [])
            pairs.update((row, other) for other in bucket)
            if len(bucket) < _MOST_IN_BUCKET:
                bucket.append(row)
    yield from sorted(pairs)


def _signatures(shingles: Sequence[Shingles]) -> NDArray[np.uint64]:
    """(len(shingles), 64) MinHash signatures, the same in every run."""
    rng = np.random.default_rng(7)
    a = rng.integers(1, 1 << 31, _BANDS * _ROWS, dtype=np.uint64)
    b = rng.integers(0, 1 << 31, _BANDS * _ROWS, dtype=np.uint64)
    signatures = np.empty((len(shingles), len(a)), np.uint64)
    for row, own in enumerate(shingles):
        values = np.fromiter(own, np.uint64, len(own))
        signatures[row] = ((values[:, None] * a + b) % _PRIME).min(axis=0)
    return signatures


def _shingles(labelled: LabelledDraft) -> Shingles:
    """Hashes of the word trigrams, numbers left out so that another order number makes no new draft."""
    words = _WORD.findall(fold(f"{labelled.draft.subject}\n{labelled.draft.body}").text)
    grams = {" ".join(words[i : i + 3]) for i in range(max(1, len(words) - 2))}
    return frozenset(zlib.crc32(gram.encode()) for gram in grams)


def _jaccard(a: Shingles, b: Shingles) -> float:
    return len(a & b) / len(a | b)


def _same_words(a: LabelledDraft, b: LabelledDraft) -> bool:
    return (a.draft.subject, a.draft.body) == (b.draft.subject, b.draft.body)
