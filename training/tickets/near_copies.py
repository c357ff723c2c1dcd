"""Find drafts that are all but copies of another: MinHash proposes, Jaccard over word trigrams decides.

A draft whose body stands inside another one, amid a greeting or a footer, is found by containment: a body can only
contain nine tenths of another if it has one of that one's rarest trigrams, so only such pairs are compared. That is
exact and needs one index; the sketches of a library such as datasketch propose such pairs by chance.

Cost grows with the number of drafts, not with its square.
"""

import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
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

_LEAST_CONTAINED = 6
"""A body of fewer trigrams is a phrase that many drafts share."""

Shingles = frozenset[int]


@dataclass(frozen=True, slots=True)
class NearCopy:
    """`dropped` repeats the words of `kept`; `likeness` is 1 for the same words. In a `contradiction` the labels
    differ while the order's state does not. A `contained` draft stands inside the other, or the other in it.

    One that `stays` is not left out: a contradiction, which a person should decide, or a contained draft of the same
    part, which is no leak.
    """

    dropped: str
    kept: str
    likeness: float
    contradiction: bool = False
    contained: bool = False
    stays: bool = False

    @property
    def kind(self) -> str:
        """The kind in one word."""
        return "contradiction" if self.contradiction else "contained" if self.contained else "copy"


def drop_copies(
    drafts: Sequence[LabelledDraft], close: float = CLOSE, parts: Mapping[str, str] | None = None
) -> tuple[list[LabelledDraft], list[NearCopy]]:
    """The drafts without near-copies of earlier ones, and what went, why and how close.

    A draft that differs from its twin in labels or order state is a contrast, not a copy: it stays. `parts` (id ->
    part) leaves out the later one of two drafts where one contains the other and they stand in different parts.
    """
    shingles = [_shingles(f"{labelled.draft.subject}\n{labelled.draft.body}") for labelled in drafts]
    gone: dict[int, NearCopy] = {}
    noted: list[NearCopy] = []
    for later, earlier in _candidates(shingles):
        if later in gone or earlier in gone or drafts[later].order != drafts[earlier].order:
            continue
        likeness = _jaccard(shingles[later], shingles[earlier])
        if drafts[later].labels == drafts[earlier].labels and likeness >= close:
            gone[later] = NearCopy(drafts[later].id, drafts[earlier].id, round(likeness, 3))
        elif drafts[later].labels != drafts[earlier].labels and _same_words(drafts[later], drafts[earlier]):
            noted.append(NearCopy(drafts[later].id, drafts[earlier].id, 1.0, contradiction=True, stays=True))
    for later, earlier, share in _contained([_shingles(labelled.draft.body) for labelled in drafts], close):
        a, b = drafts[later], drafts[earlier]
        if later in gone or earlier in gone or (a.order, a.labels) != (b.order, b.labels):
            continue
        stays = parts is None or parts[a.id] == parts[b.id]
        found = NearCopy(a.id, b.id, round(share, 3), contained=True, stays=stays)
        if stays:
            noted.append(found)
        else:
            gone[later] = found
    return [d for i, d in enumerate(drafts) if i not in gone], [*gone.values(), *noted]


def _contained(shingles: Sequence[Shingles], close: float) -> list[tuple[int, int, float]]:
    """(later, earlier, share) of each pair of which one holds the share of the other, in order of the later one."""
    counts = Counter(gram for own in shingles for gram in own)
    seeking: dict[int, list[int]] = {}
    for row, own in enumerate(shingles):
        if len(own) >= _LEAST_CONTAINED:
            enough = int((1 - close) * len(own) + 1e-9) + 1
            for gram in sorted(own, key=lambda gram: (counts[gram], gram))[:enough]:
                seeking.setdefault(gram, []).append(row)
    pairs = {
        (inner, outer)
        for outer, own in enumerate(shingles)
        for gram in own
        for inner in seeking.get(gram, ())[:_MOST_IN_BUCKET]
        if inner != outer and len(shingles[inner]) <= len(own)
    }
    shares = {
        (max(pair), min(pair)): share
        for pair in pairs
        if (share := len(shingles[pair[0]] & shingles[pair[1]]) / len(shingles[pair[0]])) >= close
    }
    return [(later, earlier, shares[later, earlier]) for later, earlier in sorted(shares)]


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


def _shingles(text: str) -> Shingles:
    """Hashes of the word trigrams, numbers left out so that another order number makes no new draft."""
    words = _WORD.findall(fold(text).text)
    grams = {" ".join(words[i : i + 3]) for i in range(max(1, len(words) - 2))}
    return frozenset(zlib.crc32(gram.encode()) for gram in grams)


def _jaccard(a: Shingles, b: Shingles) -> float:
    return len(a & b) / len(a | b)


def _same_words(a: LabelledDraft, b: LabelledDraft) -> bool:
    return (a.draft.subject, a.draft.body) == (b.draft.subject, b.draft.body)
