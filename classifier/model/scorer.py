"""The model's word on a reading: three linear models read off one table, stacked with the rules into probabilities."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from classifier.draft import Order
from classifier.evidence import LabelScore, ModelEvidence, RuleEvidence, Span
from classifier.labels import LABELS, Label
from classifier.model.artifact import ModelArtifact
from classifier.model.encoder import EncoderWitness, Opinion
from classifier.model.linear import LOWEST, LinearModels, LinearView
from classifier.model.ngrams import NgramSpace
from classifier.reading.reader import Reading

Floats = NDArray[np.float64]
_N = len(LABELS)
_INDEX = {label: i for i, label in enumerate(LABELS)}
_LARGEST = 700.0
"""The exponential of more is no number."""

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


def witness_vector(view: LinearView, rules: RuleEvidence, order: Order | None, reading: Reading) -> Floats:
    """What all cheap witnesses say, in the order of WITNESS_NAMES, (k,)."""
    vector = np.zeros(len(WITNESS_NAMES))
    vector[: 2 * _N] = view.scores
    vector[2 * _N : 3 * _N], vector[3 * _N : 4 * _N] = _best_two(view)
    by_customer = order is not None and order.cancelled_by == "customer"
    for hit in rules.hits:
        if hit.status == "live" and hit.label is not None:
            _count_hit(
                vector, hit.label, strong=hit.strength == "strong", asked=hit.when != "always", known=by_customer
            )
    vector[-4] = by_customer
    vector[-3] = order is not None and order.cancelled_by == "merchant"
    vector[-1] = 1.0 / (1.0 + sum(end - first for first, end in reading.heard) / 20.0)
    return vector


def _count_hit(vector: Floats, label: Label, *, strong: bool, asked: bool, known: bool) -> None:
    index = _INDEX[label]
    if asked:
        vector[-2] = max(vector[-2], float(known))
    elif strong:
        vector[4 * _N + index] = 1.0
    else:
        vector[5 * _N + index] = min(vector[5 * _N + index] + 1.0, 3.0)


def _best_two(view: LinearView) -> tuple[NDArray[np.float32] | float, NDArray[np.float32] | float]:
    """Per label the best window, and the best sentence but one."""
    count = len(view.sentences)
    if count < 2:
        return (view.sentences[0] if count else LOWEST), LOWEST
    return view.windows.max(axis=0), np.partition(view.sentences, count - 2, axis=0)[count - 2]


@dataclass(frozen=True, slots=True, eq=False)
class FirstWord:
    """What the cheap witnesses say of a draft: their vector (k,) and the labels' logits (6,). `asks`: there is an
    encoder; `doubtful`: they do not settle the draft, so it should be asked."""

    view: LinearView
    vector: Floats
    raw: Floats
    asks: bool
    doubtful: bool


class TextScorer:
    """Scores readings with one artifact; asks the encoder, where there is one, only where the others leave doubt."""

    def __init__(self, artifact: ModelArtifact) -> None:
        self.linear = LinearModels(NgramSpace(artifact.vocabulary, artifact.keys), artifact.table, artifact.bias)
        self._artifact = artifact
        self.encoder = EncoderWitness.load(artifact.encoder_folder) if artifact.encoder_folder else None
        self._doubt = Doubt.of_manifest(artifact.manifest.get("doubt"))

    def score(self, reading: Reading, rules: RuleEvidence, order: Order | None) -> ModelEvidence:
        """Six calibrated probabilities, each with the passage that speaks most for it."""
        first = self.first_word(reading, rules, order)
        return self.settled(first, reading, self.opinion(reading, order) if first.doubtful else None)

    def first_word(self, reading: Reading, rules: RuleEvidence, order: Order | None) -> FirstWord:
        """What the cheap witnesses say, and whether the encoder should be asked as well."""
        return self.first_words((reading,), (rules,), (order,))[0]

    def first_words(
        self, readings: Sequence[Reading], rules: Sequence[RuleEvidence], orders: Sequence[Order | None]
    ) -> list[FirstWord]:
        """The same of some readings at once: they share the price of numpy's calls."""
        views = self.linear.views(readings)
        return [self._stacked(*seen) for seen in zip(views, rules, orders, readings, strict=True)]

    def _stacked(self, view: LinearView, rules: RuleEvidence, order: Order | None, reading: Reading) -> FirstWord:
        vector = witness_vector(view, rules, order, reading)
        raw = self._artifact.stack @ vector + self._artifact.stack_bias
        asks = self.encoder is not None and self._artifact.encoder_stack is not None
        return FirstWord(view, vector, raw, asks, asks and self._doubt.remains(raw.tolist()))

    def opinion(self, reading: Reading, order: Order | None) -> Opinion:
        """The encoder's word on a doubtful draft: the one slow step, and the one that any thread may take."""
        assert self.encoder is not None
        return self.encoder.opinion(reading, order)

    def settled(self, first: FirstWord, reading: Reading, opinion: Opinion | None) -> ModelEvidence:
        """The model's word. Without the opinion on a doubtful draft it stays what the cheap witnesses say."""
        raw, art = first.raw, self._artifact
        if opinion is not None and art.encoder_stack is not None:
            raw = art.encoder_stack @ np.concatenate([first.vector, opinion.logits]) + art.encoder_bias
        probabilities = [1.0 / (1.0 + math.exp(min(-logit, _LARGEST))) for logit in raw.tolist()]
        scores = tuple(
            _label_score(label, probabilities[i], first.view, reading, opinion, i) for i, label in enumerate(LABELS)
        )
        return ModelEvidence(scores, art.version, _state(first, opinion))


def _state(first: FirstWord, opinion: Opinion | None) -> Literal["absent", "not_needed", "consulted"]:
    if opinion is not None:
        return "consulted"
    return "not_needed" if first.asks and not first.doubtful else "absent"


@dataclass(frozen=True, slots=True, eq=False)
class Doubt:
    """Where the cheap witnesses do not settle a draft, from the manifest: bands of each label's logit, six each, and
    a band of the highest logit among the labels at `reasons`, which says whether a reason is recognised."""

    low: tuple[float, ...]
    high: tuple[float, ...]
    reasons: tuple[int, ...]
    reason_low: float
    reason_high: float

    @classmethod
    def of_manifest(cls, doubt: Mapping[str, Any] | None) -> "Doubt":
        """The bands as a manifest keeps them; without any, nothing is ever in doubt."""
        told = doubt or {}
        each, reasons = told.get("each", {}), told.get("reasons", {"labels": [], "band": [0.0, 0.0]})
        low, high = zip(*(each.get(str(label), (0.0, 0.0)) for label in LABELS), strict=True)
        return cls(low, high, tuple(_INDEX[Label(name)] for name in reasons["labels"]), *reasons["band"])

    def remains(self, logits: Sequence[float]) -> bool:
        """Whether a label, or the likeliest reason, lies within its band."""
        if any(low < logit < high for low, logit, high in zip(self.low, logits, self.high, strict=True)):
            return True
        return bool(self.reasons) and self.reason_low < max(logits[i] for i in self.reasons) < self.reason_high


def _label_score(
    label: Label, probability: float, view: LinearView, reading: Reading, opinion: Opinion | None, index: int
) -> LabelScore:
    """The score with its passage; passages of improbable labels are not looked for."""
    if probability < 0.05 or not reading.heard:
        return LabelScore(label, probability, None, None)
    at = int(view.sentences[:, index].argmax())
    first, end = reading.heard[at]
    span = reading.span(first, end)
    if opinion is not None:
        told = opinion.passage(index, reading)
        if told is not None:
            first, end = told
            around = next(s for s in reading.heard if s[0] <= first < s[1])
            return LabelScore(label, probability, reading.span(first, end), reading.span(*around))
    return LabelScore(label, probability, _trimmed(reading, first, end), span)


def _trimmed(reading: Reading, first: int, end: int) -> Span:
    """The sentence without the marks at its ends."""
    while end - first > 1 and not reading.tokens[end - 1][0].isalnum():
        end -= 1
    while end - first > 1 and not reading.tokens[first][0].isalnum():
        first += 1
    return reading.span(first, end)
