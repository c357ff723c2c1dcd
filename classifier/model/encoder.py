"""The third witness: a small encoder (int8 ONNX) that is asked only where rules and linear models leave doubt."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.draft import Order
from classifier.labels import LABELS
from classifier.model.wordpiece import WordPiece
from classifier.reading.reader import Reading

ORDER_WORDS: dict[str | None, tuple[str, ...]] = {
    "customer": ("customer", "cancelled", ":"),
    "merchant": ("seller", "cancelled", ":"),
    None: (),
}
"""How the order's state is told to the encoder: words before the draft."""

_LONGEST = 320
"""Pieces that the encoder reads at once; it learned from drafts up to this length."""

_OVERLAP, _MOST_PASSAGES = 48, 4
_SPAN_SHARE = 0.35


@dataclass(frozen=True, slots=True, eq=False)
class Opinion:
    """The encoder on one draft: logits (6,) and the relevance of each token for each label, (tokens read, 6)."""

    logits: NDArray[np.float64]
    relevance: NDArray[np.float32]

    def passage(self, label: int, reading: Reading) -> tuple[int, int] | None:
        """Token range of the words that carry the label, within one sentence; None if none stands out."""
        column = self.relevance[:, label]
        if not len(column):
            return None
        peak = int(column.argmax())
        sentence = next(((a, b) for a, b in reading.sentences if a <= peak < b), None)
        if sentence is None:
            return None
        first = last = peak
        floor = column[peak] * _SPAN_SHARE
        while first > sentence[0] and column[first - 1] >= floor:
            first -= 1
        while last + 1 < min(sentence[1], len(column)) and column[last + 1] >= floor:
            last += 1
        return first, last + 1


class EncoderWitness:
    """A loaded encoder; one thread, so that several workers do not fight for the cores."""

    def __init__(self, session: Any, pieces: WordPiece) -> None:
        self._session = session
        self._pieces = pieces

    @classmethod
    def load(cls, folder: Path) -> "EncoderWitness | None":
        """The witness of an artifact's folder; None where onnxruntime is not installed."""
        try:
            import onnxruntime
        except ImportError:
            return None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(
            str(folder / "encoder.onnx"), sess_options=options, providers=["CPUExecutionProvider"]
        )
        return cls(session, WordPiece.load(folder))

    def opinion(self, reading: Reading, order: Order | None) -> Opinion:
        """Ask about one reading. A long draft is read in overlapping passages, the first four of them, and carries
        what any of them carries."""
        lead = ORDER_WORDS[order.cancelled_by if order else None]
        heard = reading.heard_tokens
        words = reading.heard_words
        logits = np.full(len(LABELS), -np.inf)
        relevance = np.zeros((len(reading.tokens), len(LABELS)), np.float32)
        start = end = 0
        for _ in range(_MOST_PASSAGES):
            ids, origin = self._pieces.encode((*lead, *words[start:]), _LONGEST)
            codes = np.array([ids], np.int64)
            told, weights = self._session.run(None, {"ids": codes, "mask": np.ones_like(codes)})
            logits = np.maximum(logits, told[0])
            here = _by_token(weights[0], origin, len(lead))
            end = start + len(here)
            read = heard[start:end]
            relevance[read] = np.maximum(relevance[read], here)
            if end >= len(words) or len(here) <= _OVERLAP:
                break
            start = end - _OVERLAP
        return Opinion(logits, relevance[: heard[end - 1] + 1 if end else 0])


def _by_token(relevance: NDArray[np.float32], origin: list[int], lead: int) -> NDArray[np.float32]:
    """The highest relevance of each token's pieces as a probability, (tokens read, 6)."""
    words = np.array(origin) - lead
    count = int(words.max()) + 1 if len(words) else 0
    out = np.zeros((max(count, 0), len(LABELS)), np.float32)
    keep = (np.array(origin) >= lead) & (words >= 0)
    np.maximum.at(out, words[keep], 1.0 / (1.0 + np.exp(-relevance[keep])))
    return out
