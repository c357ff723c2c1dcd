"""The scores of a reading: each passage judged by itself, the draft as its worst (or best) passage.

Linear models and rules score every passage. The encoder reads those that they leave in doubt, at most four. A draft
carries a label as surely as the passage that carries it most surely: no other passage can soften it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from classifier.draft import Order
from classifier.evidence import LabelScore, ModelEvidence, PassageEvidence, RuleEvidence, Span
from classifier.labels import LABELS, Label
from classifier.model.artifact import ModelArtifact
from classifier.model.encoder import Encoder, EncoderScores
from classifier.model.linear import LinearModels, LinearScores
from classifier.model.ngrams import NgramSpace
from classifier.model.passage_features import passage_features
from classifier.reading.passages import Passage, background, passages
from classifier.reading.reader import Reading

Floats = NDArray[np.float64]
_N = len(LABELS)
_INDEX = {label: i for i, label in enumerate(LABELS)}
_LARGEST = 700.0
"""The exponential of more is no number."""

LOWEST = -9.0
"""The logit of a draft without any passage."""

MOST_ASKED = 4
"""The encoder reads at most so many passages of a draft."""


@dataclass(frozen=True, slots=True, eq=False)
class PassageScores:
    """What rules and linear models say of each passage: logits (s, 6). `asked` are the numbers of the passages that the
    encoder should read."""

    logits: Floats
    passages: list[Passage]
    asked: tuple[int, ...]
    encoder: bool

    @property
    def doubtful(self) -> bool:
        """Whether the encoder should be asked."""
        return bool(self.asked)


@dataclass(frozen=True, slots=True, eq=False)
class Doubt:
    """Where rules and linear models do not settle a passage, from the manifest: a band of each label's logit."""

    low: tuple[float, ...]
    high: tuple[float, ...]
    prohibited: tuple[int, ...]

    @classmethod
    def of_manifest(cls, doubt: Mapping[str, Any] | None) -> "Doubt":
        """The bands as a manifest keeps them; without any, nothing is ever in doubt."""
        bands = (doubt or {}).get("bands", {})
        low, high = zip(*(bands.get(str(label), (0.0, 0.0)) for label in LABELS), strict=True)
        return cls(low, high, tuple(_INDEX[Label(name)] for name in (doubt or {}).get("prohibited", ())))

    def asked(self, logits: Floats, found: Sequence[Passage]) -> tuple[int, ...]:
        """The passages that the encoder should read, at most MOST_ASKED: for each label that no passage carries surely,
        those in its band, the likeliest first; of a permitted one the likeliest alone. A passage whose sentence stands
        in one that is read already is left out."""
        chosen: list[int] = []
        for label in sorted(range(_N), key=lambda i: i not in self.prohibited):
            column = logits[:, label]
            if column.max(initial=LOWEST) >= self.high[label]:
                continue
            doubtful = [int(i) for i in np.argsort(-column, kind="stable") if column[i] > self.low[label]]
            for at in doubtful if label in self.prohibited else doubtful[:1]:
                if len(chosen) < MOST_ASKED and not any(covers(found[one], found[at]) for one in chosen):
                    chosen.append(at)
        return tuple(chosen)


def covers(passage: Passage, other: Passage) -> bool:
    """Whether the sentence of one passage stands whole in another."""
    first, end = other.center
    return any(a <= first and end <= b for a, b in passage.ranges)


class TextScorer:
    """Scores readings with one artifact."""

    def __init__(self, artifact: ModelArtifact) -> None:
        self.linear = LinearModels(NgramSpace(artifact.vocabulary, artifact.keys), artifact.table, artifact.bias)
        self._artifact = artifact
        self.encoder = Encoder.load(artifact.encoder_folder) if artifact.encoder_folder else None
        self._doubt = Doubt.of_manifest(artifact.manifest.get("doubt"))

    def score(self, reading: Reading, rules: RuleEvidence, order: Order | None) -> ModelEvidence:
        """Six calibrated probabilities, each with the words that speak most for it."""
        partial = self.passage_scores((reading,), (rules,), (order,))[0]
        return self.combine(partial, reading, self.encoder_scores(partial, reading, order))

    def passage_scores(
        self, readings: Sequence[Reading], rules: Sequence[RuleEvidence], orders: Sequence[Order | None]
    ) -> list[PassageScores]:
        """What rules and linear models say of the passages of some readings, and which the encoder should read."""
        scores = self.linear.scores_of_many(readings)
        return [self._stacked(*seen) for seen in zip(scores, rules, orders, readings, strict=True)]

    def _stacked(
        self, linear: LinearScores, rules: RuleEvidence, order: Order | None, reading: Reading
    ) -> PassageScores:
        known = background(reading)
        features = passage_features(linear, rules, order, reading, known)
        logits = self._logits(features)
        encoder = self.encoder is not None and self._artifact.encoder_stack is not None
        found = passages(reading, known)
        return PassageScores(logits, found, self._doubt.asked(logits, found) if encoder else (), encoder)

    def _logits(self, features: Floats) -> Floats:
        """What the stack makes of the features of passages: (s, k) -> (s, 6)."""
        logits: Floats = features @ self._artifact.stack.T + self._artifact.stack_bias
        return logits

    def encoder_scores(
        self, partial: PassageScores, reading: Reading, order: Order | None
    ) -> tuple[EncoderScores, ...]:
        """The encoder on the passages in doubt: the one slow step, and the one that any thread may take."""
        if not partial.asked:
            return ()
        assert self.encoder is not None
        return tuple(self.encoder.score(reading, partial.passages[at], order) for at in partial.asked)

    def combine(
        self, partial: PassageScores, reading: Reading, encoder: Sequence[EncoderScores] | None
    ) -> ModelEvidence:
        """The model's evidence. Without the encoder's scores (None) it stays what rules and linear models say."""
        art = self._artifact
        asked = partial.asked if encoder is not None else ()
        final = combined_logits(partial, encoder or (), art.encoder_stack, art.encoder_bias, self._doubt)
        scale, offset = art.calibration if art.encoder_stack is None or encoder is None else art.encoder_calibration
        draft = final.max(axis=0, initial=LOWEST) if len(final) else np.full(_N, LOWEST)
        probabilities = [1.0 / (1.0 + math.exp(min(-logit, _LARGEST))) for logit in (draft * scale + offset).tolist()]
        winners = final.argmax(axis=0).tolist() if len(final) else [None] * _N
        by_center = dict(zip(asked, encoder or (), strict=True))
        scores = tuple(
            _label_score(label, probabilities[i], winners[i], reading, by_center, i) for i, label in enumerate(LABELS)
        )
        return ModelEvidence(
            scores, art.version, _state(partial, encoder), _passage_evidence(reading, probabilities, winners, by_center)
        )


def combined_logits(
    partial: PassageScores, encoder: Sequence[EncoderScores], stack: Floats | None, bias: Floats | None, doubt: Doubt
) -> Floats:
    """The logits (s, 6) of all passages once the encoder has read some. A sentence that stands in a passage which was
    read keeps its own logit only where it is sure by itself: the passage speaks for it."""
    final = partial.logits.copy()
    if stack is None or bias is None or not encoder:
        return final
    high = np.array(doubt.high)
    spoken: dict[int, Floats] = {}
    for at, scores in zip(partial.asked, encoder, strict=True):
        inside = [n for n, passage in enumerate(partial.passages) if covers(scores.passage, passage)]
        own = partial.logits[inside].max(axis=0)
        spoken[at] = (np.concatenate([own[:, None], np.broadcast_to(scores.logits, (_N, _N))], 1) * stack).sum(1) + bias
        for n in inside:
            final[n] = np.where(partial.logits[n] >= high, partial.logits[n], LOWEST)
    for at, logits in spoken.items():
        final[at] = np.maximum(final[at], logits)
    return final


def _state(
    partial: PassageScores, encoder: Sequence[EncoderScores] | None
) -> Literal["absent", "not_needed", "consulted"]:
    if partial.asked:
        return "consulted" if encoder is not None else "absent"
    return "not_needed" if partial.encoder else "absent"


def _passage_evidence(
    reading: Reading, probabilities: Sequence[float], winners: Sequence[int | None],
    by_center: Mapping[int, EncoderScores],
) -> tuple[PassageEvidence, ...]:  # fmt: skip
    """Which passages decided, and which the encoder read."""
    decided: dict[int, list[Label]] = {at: [] for at in by_center}
    for i, at in enumerate(winners):
        if at is not None and probabilities[i] >= _WORTH_NAMING:
            decided.setdefault(at, []).append(LABELS[i])
    return tuple(
        PassageEvidence(reading.span(*reading.judged[at]), "encoder" if at in by_center else "linear", tuple(labels))
        for at, labels in sorted(decided.items())
    )


_WORTH_NAMING = 0.05
"""Words of less probable labels are not looked for."""


def _label_score(
    label: Label, probability: float, at: int | None, reading: Reading, by_center: Mapping[int, EncoderScores],
    index: int,
) -> LabelScore:  # fmt: skip
    """The score with its words and the sentence that holds them."""
    if probability < _WORTH_NAMING or at is None:
        return LabelScore(label, probability, None, None)
    first, end = reading.judged[at]
    if at in by_center:
        words = by_center[at].words(index, reading)
        if words is not None:
            around = next((s for s in reading.judged if s[0] <= words[0] < s[1]), words)
            return LabelScore(
                label, probability, reading.span(*_phrase(reading, *words, around)), reading.span(*around)
            )
    return LabelScore(label, probability, _trimmed(reading, first, end), reading.span(first, end))


_LEAST_WORDS = 4


def _phrase(reading: Reading, first: int, end: int, sentence: tuple[int, int]) -> tuple[int, int]:
    """The words widened to the commas or ends of their sentence where they are too few to act on."""
    if end - first >= _LEAST_WORDS:
        return first, end
    stops = frozenset(",;:()-.!?")
    while first > sentence[0] and reading.tokens[first - 1] not in stops:
        first -= 1
    while end < sentence[1] and reading.tokens[end] not in stops:
        end += 1
    return first, end


def _trimmed(reading: Reading, first: int, end: int) -> Span:
    """The sentence without the marks at its ends."""
    while end - first > 1 and not reading.tokens[end - 1][0].isalnum():
        end -= 1
    while end - first > 1 and not reading.tokens[first][0].isalnum():
        first += 1
    return reading.span(first, end)
