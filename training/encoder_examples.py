"""Drafts as the encoder learns from them: words, labels, and which words are the evidence."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from classifier.draft import LabelledDraft, Order
from classifier.labels import LABELS
from classifier.reading import Reading
from classifier.witness import ORDER_WORDS
from training.examples import evidence_places
from training.surroundings import Surroundings


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
    bared_share: float = 0.15
    one_line_share: float = 0.08
    typo_share: float = 0.1
    unknown_share: float = 0.03
    seed: int = 7


@dataclass(frozen=True, slots=True)
class Example:
    """One draft as words, with its labels (6,), for each word which labels it is evidence of (n, 6), and where its
    sentences begin, the subject's first."""

    words: tuple[str, ...]
    labels: np.ndarray
    evidence: np.ndarray
    sentences: tuple[int, ...]


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
    return Example((*lead, *reading.tokens), labels, evidence, tuple(len(lead) + a for a, _ in reading.sentences))


def disturbed(one: Example, recipe: EncoderRecipe, around: Surroundings, rng: random.Random) -> Example:
    """The example with what must not matter: strangers' sentences before or after its body, its own greeting and
    signature gone, its lines run together, slips of the finger."""
    words, evidence = list(one.words), one.evidence
    if rng.random() < recipe.bared_share:
        words, evidence = _bared(words, evidence, one.sentences)
    if rng.random() < recipe.surrounded_share:
        extra, before = around.draw(rng)
        at = one.sentences[1] if before and len(one.sentences) > 1 and one.sentences[1] < len(words) else len(words)
        words = [*words[:at], *extra, *words[at:]]
        blank = np.zeros((len(extra), len(LABELS)), np.float32)
        evidence = np.concatenate([evidence[:at], blank, evidence[at:]])
    if rng.random() < recipe.one_line_share:
        kept = [i for i, word in enumerate(words) if word != "\n"]
        words, evidence = [words[i] for i in kept], evidence[kept]
    if rng.random() < recipe.typo_share:
        words = [_slip(w, rng) if len(w) > 3 and rng.random() < 0.08 else w for w in words]
    return Example(tuple(words), one.labels, evidence, one.sentences)


def _bared(words: list[str], evidence: np.ndarray, sentences: Sequence[int]) -> tuple[list[str], np.ndarray]:
    """Without a short last sentence that is no evidence."""
    last = sentences[-1] if len(sentences) > 2 else len(words)
    if len(words) - last > _SHORT or evidence[last:].any():
        return words, evidence
    return words[:last], evidence[:last]


_SHORT = 8


def _slip(word: str, rng: random.Random) -> str:
    i = rng.randrange(1, len(word) - 1)
    return rng.choice(
        (word[:i] + word[i + 1 :], word[:i] + word[i + 1] + word[i] + word[i + 2 :], word[:i] + word[i] + word[i:])
    )
