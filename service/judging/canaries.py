"""Canary drafts: plain cases that any model and rule book must get right before they may judge real ones.

They stop what cannot judge at all: an altered or half-written model, an encoder of another kind, rules that block
everything. Whether a model is better than another is for the workbench to say.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from classifier import Draft, Screener, Verdict
from classifier.labels import LABELS, Label


class CanaryError(ValueError):
    """A model or rule book that judged a canary wrongly; the text names the first canary and what was wrong."""


@dataclass(frozen=True, slots=True)
class Canary:
    """A draft with the label that it plainly carries, if any, and the decisions that would be absurd."""

    name: str
    draft: Draft
    label: Label | None
    absurd: tuple[str, ...]


def _canary(name: str, label: Label | None, absurd: tuple[str, ...], subject: str, body: str) -> Canary:
    return Canary(name, Draft("GG-8K2P-4L7Q-XY19", subject, body), label, absurd)


CANARIES = (
    _canary(
        "address", Label.ADDRESS_REQUEST, ("block",), "Your delivery address",
        "Hello, please send us your apartment number so that the carrier can deliver your parcel.",
    ),
    _canary(
        "delay", Label.DELAY_NOTICE, ("block",), "Your order is delayed",
        "Dear Ann, your kettle is delayed by the carrier and will arrive on 12 March. We are sorry for the wait.",
    ),
    _canary(
        "returned", Label.RETURNED_TO_SENDER, ("block",), "Your parcel came back",
        "Hello, your package was returned to us by the carrier as undeliverable.",
    ),
    _canary(
        "cancelled", Label.INVENTORY_CANCELLATION, ("block",), "Your order was cancelled",
        "Hello, the lamp that you ordered is out of stock, so we have cancelled your order and refunded you in full.",
    ),
    _canary(
        "substitute", Label.SUBSTITUTE_OFFER, ("allow",), "About your tent",
        "Hello, the red tent is sold out. Would you like the grey one instead? It is the same price.",
    ),
    _canary(
        "probing", Label.CANCELLATION_PROBING, ("allow",), "Your order",
        "Hello, we saw that you cancelled the lamp. Could you tell us why you cancelled your order?",
    ),
    _canary(
        "thanks", None, ("allow", "block"), "Thank you for your purchase",
        "Thank you for shopping with us. We hope that you enjoy your new mug. Have a lovely weekend!",
    ),
)  # fmt: skip


def judge_canaries(screener: Screener) -> None:
    """Judge every canary. Raises CanaryError where one is judged wrongly or cannot be judged."""
    for fault in _faults(screener):
        raise CanaryError(f"{_named(screener)}: {fault}")


def _faults(screener: Screener) -> Iterator[str]:
    allowed = 0
    for canary in CANARIES:
        try:
            verdict = screener.screen(canary.draft)
        except Exception as error:
            yield f"the canary draft {canary.name!r} cannot be judged: {type(error).__name__}: {error}"
            return
        yield from _wrong(canary, verdict)
        allowed += verdict.decision == "allow"
    if not allowed:
        yield "no canary draft is allowed"
    try:
        yield from _wrong(CANARIES[0], _with_the_encoder(screener, CANARIES[0].draft))
    except Exception as error:
        yield f"the encoder cannot read the canary draft {CANARIES[0].name!r}: {type(error).__name__}: {error}"


def _wrong(canary: Canary, verdict: Verdict) -> Iterator[str]:
    chances = [verdict.probabilities.get(label, math.nan) for label in LABELS]
    if not all(0 <= chance <= 1 for chance in chances):
        yield f"the canary draft {canary.name!r} gets probabilities that are none"
        return
    if verdict.decision in canary.absurd:
        yield f"the canary draft {canary.name!r} gets the decision {verdict.decision!r}"
    if canary.label and max(chances) > verdict.probabilities[canary.label]:
        yield f"the canary draft {canary.name!r} is not likeliest to carry {canary.label.value!r}"


def _with_the_encoder(screener: Screener, draft: Draft) -> Verdict:
    """The verdict with the encoder asked for the first passage, doubtful or not, and without it where there is no
    passage."""
    partial = screener.partial_evidence(draft)
    if partial.scores is not None and partial.scores.encoder:
        partial = replace(partial, scores=replace(partial.scores, asked=(0,)))
    scores = screener.encoder_scores(partial) if partial.doubtful else ()
    return screener.policy.decide(screener.combine(partial, scores), None)


def _named(screener: Screener) -> str:
    model = screener.artifact.version if screener.artifact else "no model"
    return f"{model} with {screener.book.version}"
