"""Drafts as the encoder learns from them: words, labels, and which words are the evidence."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from classifier.draft import LabelledDraft, Order
from classifier.labels import LABELS
from classifier.reading import Reader, Reading
from classifier.witness import ORDER_WORDS
from training.examples import evidence_places


@dataclass(frozen=True, slots=True)
class EncoderRecipe:
    """All choices of one training run."""

    epochs: int = 3
    batch: int = 32
    rate: float = 8e-5
    head_rate: float = 1e-3
    longest: int = 224
    evidence_weight: float = 0.5
    smoothing: float = 0.02
    dropout: float = 0.1
    distractor_share: float = 0.2
    typo_share: float = 0.1
    unknown_share: float = 0.03
    seed: int = 7


@dataclass(frozen=True, slots=True)
class Example:
    """One draft as words, with its labels (6,) and for each word which labels it is evidence of (n, 6)."""

    words: tuple[str, ...]
    labels: np.ndarray
    evidence: np.ndarray


def example(labelled: LabelledDraft, reading: Reading) -> Example:
    """A draft for training: words in reading order, its order's state first."""
    order: Order | None = labelled.order
    lead = ORDER_WORDS[order.cancelled_by if order else None]
    evidence = np.zeros((len(lead) + len(reading.tokens), len(LABELS)), np.float32)
    for label, field, start, end in evidence_places(labelled):
        for i, (a, b) in enumerate(zip(reading.starts, reading.ends, strict=True)):
            if reading.field_of(i) == field and a < end and start < b:
                evidence[len(lead) + i, label] = 1
    labels = np.array([label in labelled.labels for label in LABELS], np.float32)
    return Example((*lead, *reading.tokens), labels, evidence)


def disturbed(
    one: Example, recipe: EncoderRecipe, distractors: Sequence[tuple[str, ...]], rng: random.Random
) -> Example:
    """The example with what must not matter: a stranger's sentence before or after it, slips of the finger."""
    words, evidence = list(one.words), one.evidence
    if rng.random() < recipe.distractor_share:
        extra = list(rng.choice(distractors))
        blank = np.zeros((len(extra), len(LABELS)), np.float32)
        if rng.random() < 0.65:
            words, evidence = words + extra, np.concatenate([evidence, blank])
        elif words[:1] not in (["customer"], ["seller"]):
            words, evidence = extra + words, np.concatenate([blank, evidence])
    if rng.random() < recipe.typo_share:
        words = [_slip(w, rng) if len(w) > 3 and rng.random() < 0.08 else w for w in words]
    return Example(tuple(words), one.labels, evidence)


def _slip(word: str, rng: random.Random) -> str:
    i = rng.randrange(1, len(word) - 1)
    return rng.choice(
        (word[:i] + word[i + 1 :], word[:i] + word[i + 1] + word[i] + word[i + 2 :], word[:i] + word[i] + word[i:])
    )


def examples_of(drafts: Sequence[LabelledDraft], reader: Reader) -> list[Example]:
    """Read and mark all drafts."""
    return [example(labelled, reader.read(labelled.draft)) for labelled in drafts]
