"""What a person should label next: where the model is unsure, where it and the rules disagree, what is new."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from classifier import LABELS, Screener
from classifier.evidence import Evidence
from training.service_data.archive import IncomingDraft

_WEIGHTS = (0.45, 0.3, 0.25)
"""Of uncertainty, disagreement and novelty."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One draft and why it is worth a person's time; each part and the whole lie in [0, 1]."""

    id: str
    usefulness: float
    uncertainty: float
    disagreement: float
    novelty: float
    label: str
    """The label that is least settled."""

    def as_dict(self) -> dict[str, Any]:
        """Plain data for --json; holds nothing of the draft."""
        return asdict(self)


def suggest(
    screener: Screener, drafts: Sequence[IncomingDraft], most: int, tick: Callable[[], None] = lambda: None
) -> list[Suggestion]:
    """The most useful drafts, best first; of one reading (the same words) only one is suggested."""
    known = frozenset(screener.artifact.vocabulary) if screener.artifact else frozenset()
    seen: set[tuple[str, ...]] = set()
    found = []
    for one in drafts:
        tokens = tuple(screener.read(one.draft).tokens)
        if tokens not in seen:
            seen.add(tokens)
            found.append(_suggestion(screener, one, tokens, known))
        tick()
    return sorted(found, key=lambda s: (-s.usefulness, s.id))[:most]


def _suggestion(screener: Screener, one: IncomingDraft, tokens: Sequence[str], known: frozenset[str]) -> Suggestion:
    evidence = screener.evidence(one.draft, one.order)
    unsure = {label: _uncertainty(evidence, i) for i, label in enumerate(LABELS)}
    label = max(unsure, key=lambda lb: unsure[lb])
    uncertainty, disagreement, novelty = unsure[label], _disagreement(evidence), _novelty(tokens, known)
    whole = sum(w * value for w, value in zip(_WEIGHTS, (uncertainty, disagreement, novelty), strict=True))
    return Suggestion(
        one.id, round(whole, 4), round(uncertainty, 4), round(disagreement, 4), round(novelty, 4), str(label)
    )


def _uncertainty(evidence: Evidence, label: int) -> float:
    """1 at even odds, 0 where the model is sure either way; 1 throughout without a model."""
    if evidence.model is None:
        return 1.0
    return 1 - abs(2 * evidence.model.scores[label].probability - 1)


def _disagreement(evidence: Evidence) -> float:
    """How far a live strong rule and the model are apart on one label, at most."""
    if evidence.model is None:
        return 0.0
    model = evidence.model.probabilities()
    live = [hit for hit in evidence.rules.hits if hit.status == "live" and hit.when == "always"]
    strong = {hit.label for hit in live if hit.label and hit.strength == "strong"}
    return max((1 - model[label] for label in strong), default=0.0)


def _novelty(tokens: Sequence[str], known: frozenset[str]) -> float:
    """Share of the words that the model does not know."""
    words = [token for token in tokens if token[0].isalpha()]
    return sum(word not in known for word in words) / len(words) if words else 0.0
