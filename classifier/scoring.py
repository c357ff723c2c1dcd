"""The model's word on a reading: three linear models read off one table, stacked with the rules into probabilities."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.artifact import ModelArtifact
from classifier.draft import Order
from classifier.evidence import LabelScore, ModelEvidence, RuleEvidence, Span
from classifier.features import NgramSpace, Occurrences
from classifier.labels import LABELS, Label
from classifier.reading import Reading
from classifier.witness import EncoderWitness, Opinion

Floats = NDArray[np.float64]
_N = len(LABELS)
_INDEX = {label: i for i, label in enumerate(LABELS)}
_LOW = -8.0
"""The window score of a draft without any window."""

_LONG_SENTENCE = 24
WITNESS_NAMES = (
    *(f"draft:{lb}" for lb in LABELS),
    *(f"bayes:{lb}" for lb in LABELS),
    *(f"window:{lb}" for lb in LABELS),
    *(f"second:{lb}" for lb in LABELS),
    *(f"strong:{lb}" for lb in LABELS),
    *(f"weak:{lb}" for lb in LABELS),
    "customer",
    "merchant",
    "asked:customer",
    "short",
)
"""What each number of a draft's witness vector is, in order; the stack has one coefficient for each."""


@dataclass(frozen=True, slots=True, eq=False)
class LinearView:
    """The linear models on one reading: whole-draft scores (6,) of two models, and every window's (w, 6).

    The first windows are the sentences, in order; window i + s is sentences i and i + 1 together.
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
        found = self.space.occurrences(reading.tokens)
        values = self._table[found.columns]
        total = values.sum(axis=0)
        scores = total[: 2 * _N] / _length(total[-1:]) + self._bias[: 2 * _N]
        sentences, pairs = self._windows(reading, found, values)
        return LinearView(scores[:_N], scores[_N:], sentences, pairs)

    def _windows(
        self, reading: Reading, found: Occurrences, values: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        count = len(reading.sentences)
        if not count:
            none = np.empty((0, _N), np.float32)
            return none, none
        firsts = np.array([s[0] for s in reading.sentences])
        home_of = np.repeat(np.arange(count), np.diff(np.append(firsts, len(reading.tokens))))
        home, last_home = home_of[found.first], home_of[found.last]
        own = values[:, 2 * _N :]
        inside = _summed(own, home, home == last_home, count)
        bias = self._bias[2 * _N :]
        scores = inside[:, :_N] / _length(inside[:, _N:]) + bias
        if count == 1:
            return scores, np.empty((0, _N), np.float32)
        crossing = _summed(own, home, last_home == home + 1, count)
        pairs = inside[:-1] + inside[1:] + crossing[:-1]
        pair_scores = pairs[:, :_N] / _length(pairs[:, _N:]) + bias
        border = int(np.searchsorted(firsts, reading.subject_tokens)) - 1
        if 0 <= border < count - 1:
            pair_scores[border] = _LOW  # the subject's last sentence and the body's first are no pair
        return scores, pair_scores


def _length(squares: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.sqrt(np.where(squares > 0, squares, np.float32(1)))


def _summed(
    values: NDArray[np.float32], home: NDArray[np.int64], chosen: NDArray[np.bool_], n: int
) -> NDArray[np.float32]:
    """Chosen rows of `values` (in order of `home`) added up by their home, (n, columns)."""
    out = np.zeros((n, values.shape[1]), np.float32)
    rows = np.flatnonzero(chosen)
    if len(rows):
        homes = home[rows]
        starts = np.flatnonzero(np.diff(homes, prepend=-1))
        out[homes[starts]] = np.add.reduceat(values[rows], starts, axis=0)
    return out


def witness_vector(view: LinearView, rules: RuleEvidence, order: Order | None, reading: Reading) -> Floats:
    """What all cheap witnesses say, in the order of WITNESS_NAMES, (k,)."""
    vector = np.zeros(len(WITNESS_NAMES))
    vector[:_N], vector[_N : 2 * _N] = view.draft, view.bayes
    best, second = _best_two(view)
    vector[2 * _N : 3 * _N], vector[3 * _N : 4 * _N] = best, second
    by_customer = order is not None and order.cancelled_by == "customer"
    for hit in rules.hits:
        if hit.status == "live" and hit.label is not None:
            _count_hit(
                vector, hit.label, strong=hit.strength == "strong", asked=hit.when != "always", known=by_customer
            )
    vector[-4] = by_customer
    vector[-3] = order is not None and order.cancelled_by == "merchant"
    vector[-1] = 1.0 / (1.0 + len(reading.tokens) / 20.0)
    return vector


def _count_hit(vector: Floats, label: Label, *, strong: bool, asked: bool, known: bool) -> None:
    index = _INDEX[label]
    if asked:
        vector[-2] = max(vector[-2], float(known))
    elif strong:
        vector[4 * _N + index] = 1.0
    else:
        vector[5 * _N + index] = min(vector[5 * _N + index] + 1.0, 3.0)


def _best_two(view: LinearView) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    if not len(view.sentences):
        low = np.full(_N, _LOW, np.float32)
        return low, low
    every = np.concatenate([view.sentences, view.pairs]) if len(view.pairs) else view.sentences
    best = every.max(axis=0)
    second = np.partition(view.sentences, -2, axis=0)[-2] if len(view.sentences) > 1 else np.full(_N, _LOW, np.float32)
    return best, second


class TextScorer:
    """Scores readings with one artifact; asks the encoder, where there is one, only where the others leave doubt."""

    def __init__(self, artifact: ModelArtifact) -> None:
        self.linear = LinearModels(NgramSpace(artifact.vocabulary, artifact.keys), artifact.table, artifact.bias)
        self._artifact = artifact
        self.encoder = EncoderWitness.load(artifact.encoder_folder) if artifact.encoder_folder else None
        self._doubt = Doubt.of_manifest(artifact.manifest.get("doubt"))

    def score(self, reading: Reading, rules: RuleEvidence, order: Order | None) -> ModelEvidence:
        """Six calibrated probabilities, each with the passage that speaks most for it."""
        view = self.linear.view(reading)
        vector = witness_vector(view, rules, order, reading)
        art = self._artifact
        raw = art.stack @ vector + art.stack_bias
        state, opinion = "absent", None
        if self.encoder is not None and art.encoder_stack is not None:
            state = "not_needed"
            if self._doubt.remains(raw):
                state, opinion = "consulted", self.encoder.opinion(reading, order)
                raw = art.encoder_stack @ np.concatenate([vector, opinion.logits]) + art.encoder_bias
        probabilities = 1.0 / (1.0 + np.exp(-raw))
        scores = tuple(
            _label_score(label, float(probabilities[i]), view, reading, opinion, i) for i, label in enumerate(LABELS)
        )
        return ModelEvidence(scores, art.version, state)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, eq=False)
class Doubt:
    """Where the cheap witnesses do not settle a draft, from the manifest: bands of each label's logit, (6,) each, and
    a band of the highest logit among `reasons`, which says whether a reason is recognised."""

    low: Floats
    high: Floats
    reasons: NDArray[np.int64]
    reason_low: float
    reason_high: float

    @classmethod
    def of_manifest(cls, doubt: Mapping[str, Any] | None) -> "Doubt":
        """The bands as a manifest keeps them; without any, nothing is ever in doubt."""
        told = doubt or {}
        each, reasons = told.get("each", {}), told.get("reasons", {"labels": [], "band": [0.0, 0.0]})
        bands = np.array([each.get(str(label), [0.0, 0.0]) for label in LABELS], float)
        places = np.array([_INDEX[Label(name)] for name in reasons["labels"]], np.int64)
        return cls(bands[:, 0], bands[:, 1], places, *reasons["band"])

    def remains(self, logits: Floats) -> bool:
        """Whether a label, or the likeliest reason, lies within its band."""
        if ((logits > self.low) & (logits < self.high)).any():
            return True
        return bool(len(self.reasons)) and bool(self.reason_low < logits[self.reasons].max() < self.reason_high)


def _label_score(
    label: Label, probability: float, view: LinearView, reading: Reading, opinion: Opinion | None, index: int
) -> LabelScore:
    """The score with its passage; passages of improbable labels are not looked for."""
    if probability < 0.05 or not reading.sentences:
        return LabelScore(label, probability, None, None)
    at = int(view.sentences[:, index].argmax())
    first, end = reading.sentences[at]
    span = reading.span(first, end)
    if opinion is not None:
        told = opinion.passage(index, reading)
        if told is not None:
            first, end = told
            at = next(i for i, s in enumerate(reading.sentences) if s[0] <= first < s[1])
            return LabelScore(label, probability, reading.span(first, end), reading.span(*reading.sentences[at]))
    return LabelScore(label, probability, _trimmed(reading, first, end), span)


def _trimmed(reading: Reading, first: int, end: int) -> Span:
    """The sentence without the marks at its ends."""
    while end - first > 1 and not reading.tokens[end - 1][0].isalnum():
        end -= 1
    while end - first > 1 and not reading.tokens[first][0].isalnum():
        first += 1
    return reading.span(first, end)
