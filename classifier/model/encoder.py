"""The encoder: a small int8 ONNX network that reads the passages which rules and linear models leave in doubt."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.draft import Order
from classifier.labels import LABELS
from classifier.model.wordpiece import WordPiece
from classifier.reading.passages import Passage
from classifier.reading.reader import Reading

ORDER_WORDS: dict[str | None, tuple[str, ...]] = {
    "customer": ("customer", "cancelled", ":"),
    "merchant": ("seller", "cancelled", ":"),
    None: (),
}
"""How the encoder learns the order's state: words before the passage."""

LONGEST = 192
"""Pieces that the encoder reads at once; a passage has a few dozen, a longer one is cut."""

_SPAN_SHARE = 0.35


@dataclass(frozen=True, slots=True, eq=False)
class EncoderScores:
    """The encoder on one passage: logits (6,), and the relevance of each of its `tokens` for each label, (n, 6)."""

    passage: Passage
    logits: NDArray[np.float64]
    tokens: tuple[int, ...]
    relevance: NDArray[np.float32]

    def words(self, label: int, reading: Reading) -> tuple[int, int] | None:
        """Token range of the words that carry the label, within one sentence; None if none stands out."""
        column = self.relevance[:, label]
        if not len(column):
            return None
        peak = int(column.argmax())
        sentence = next(((a, b) for a, b in reading.sentences if a <= self.tokens[peak] < b), None)
        if sentence is None:
            return None
        first = last = peak
        floor = column[peak] * _SPAN_SHARE
        while first > 0 and self._follows(first - 1, sentence) and column[first - 1] >= floor:
            first -= 1
        while last + 1 < len(column) and self._follows(last, sentence) and column[last + 1] >= floor:
            last += 1
        return self.tokens[first], self.tokens[last] + 1

    def _follows(self, at: int, sentence: tuple[int, int]) -> bool:
        """Whether tokens number `at` and the next stand side by side in the sentence."""
        a, b = self.tokens[at : at + 2]
        return a + 1 == b and sentence[0] <= a and b < sentence[1]


class Encoder:
    """A loaded encoder; one thread, so that several workers do not fight for the cores."""

    def __init__(self, session: Any, pieces: WordPiece) -> None:
        self._session = session
        self._pieces = pieces

    @classmethod
    def load(cls, folder: Path) -> "Encoder | None":
        """The encoder of an artifact's folder; None where onnxruntime is not installed."""
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

    def score(self, reading: Reading, passage: Passage, order: Order | None) -> EncoderScores:
        """Read one passage. The cost is bounded by LONGEST pieces, whatever the draft's length."""
        lead = ORDER_WORDS[order.cancelled_by if order else None]
        tokens = passage.tokens
        ids, origin = self._pieces.encode((*lead, *(reading.tokens[i] for i in tokens)), LONGEST)
        codes = np.array([ids], np.int64)
        logits, weights = self._session.run(None, {"ids": codes, "mask": np.ones_like(codes)})
        relevance = _by_token(weights[0], origin, len(lead))
        return EncoderScores(passage, logits[0].astype(np.float64), tuple(tokens[: len(relevance)]), relevance)


def _by_token(relevance: NDArray[np.float32], origin: list[int], lead: int) -> NDArray[np.float32]:
    """The highest relevance of each token's pieces as a probability, (tokens read, 6)."""
    words = np.array(origin) - lead
    count = int(words.max()) + 1 if len(words) else 0
    out = np.zeros((max(count, 0), len(LABELS)), np.float32)
    keep = (np.array(origin) >= lead) & (words >= 0)
    np.maximum.at(out, words[keep], 1.0 / (1.0 + np.exp(-relevance[keep])))
    return out
