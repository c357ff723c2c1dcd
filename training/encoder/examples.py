"""Drafts as the encoder learns from them: words, labels, and which words are the evidence."""

import random
from dataclasses import dataclass

import numpy as np

from classifier.draft import LabelledDraft, Order
from classifier.labels import LABELS
from classifier.model.encoder import ORDER_WORDS
from classifier.reading.reader import Reading
from training.fitting.augmentation import Surroundings
from training.fitting.examples import evidence_places


@dataclass(frozen=True, slots=True)
class EncoderRecipe:
    """All choices of one training run."""

    epochs: int = 4
    batch: int = 32
    rate: float = 1.5e-4
    head_rate: float = 1e-3
    longest: int = 320
    evidence_weight: float = 0.5
    smoothing: float = 0.02
    dropout: float = 0.1
    surrounded_share: float = 0.4
    typo_share: float = 0.1
    unknown_share: float = 0.03
    seed: int = 7


@dataclass(frozen=True, slots=True)
class Example:
    """One draft as the words that the models hear, with its labels (6,), for each word which labels it is evidence of
    (n, 6), and the number of its body's first word."""

    words: tuple[str, ...]
    labels: np.ndarray
    evidence: np.ndarray
    body: int


def example(labelled: LabelledDraft, reading: Reading) -> Example:
    """A draft for training: words in reading order, its order's state first."""
    order: Order | None = labelled.order
    lead = ORDER_WORDS[order.cancelled_by if order else None]
    heard = reading.heard_tokens
    evidence = np.zeros((len(lead) + len(heard), len(LABELS)), np.float32)
    for label, field, start, end in evidence_places(labelled):
        for row, i in enumerate(heard):
            if reading.field_of(i) == field and reading.starts[i] < end and start < reading.ends[i]:
                evidence[len(lead) + row, label] = 1
    labels = np.array([label in labelled.labels for label in LABELS], np.float32)
    return Example((*lead, *reading.heard_words), labels, evidence, len(lead) + reading.subject_tokens)


def disturbed(one: Example, recipe: EncoderRecipe, around: Surroundings, rng: random.Random) -> Example:
    """The example with what must not matter: strangers' sentences before or after its body, slips of the finger."""
    words, evidence = list(one.words), one.evidence
    if rng.random() < recipe.surrounded_share:
        extra, before = around.draw(rng)
        at = min(one.body, len(words)) if before else len(words)
        words = [*words[:at], *extra, *words[at:]]
        blank = np.zeros((len(extra), len(LABELS)), np.float32)
        evidence = np.concatenate([evidence[:at], blank, evidence[at:]])
    if rng.random() < recipe.typo_share:
        words = [_slip(w, rng) if len(w) > 3 and rng.random() < 0.08 else w for w in words]
    return Example(tuple(words), one.labels, evidence, one.body)


def _slip(word: str, rng: random.Random) -> str:
    i = rng.randrange(1, len(word) - 1)
    return rng.choice(
        (word[:i] + word[i + 1 :], word[:i] + word[i + 1] + word[i] + word[i + 2 :], word[:i] + word[i] + word[i:])
    )
