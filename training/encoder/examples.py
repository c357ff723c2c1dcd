"""Passages as the encoder learns from them: words, labels, and which words are the evidence."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier.draft import LabelledDraft
from classifier.labels import LABELS
from classifier.model.encoder import ORDER_WORDS
from classifier.reading.passages import Passage, passages
from classifier.reading.reader import Reading
from training.fitting.examples import evidence_places

_N = len(LABELS)
Evidence = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class EncoderRecipe:
    """All choices of one training run. Shares are of examples: `foreign_share` stand amid sentences of another draft,
    `bare_share` lose their neighbours, `typo_share` have slips of the finger. `teacher_share` is the weight of a
    teacher's scores beside the labels."""

    layers: int = 6
    epochs: int = 2
    batch: int = 32
    rate: float = 1e-4
    head_rate: float = 5e-4
    longest: int = 160
    passages_a_draft: int = 1
    evidence_weight: float = 0.4
    smoothing: float = 0.01
    dropout: float = 0.1
    foreign_share: float = 0.35
    bare_share: float = 0.2
    typo_share: float = 0.1
    unknown_share: float = 0.03
    teacher_share: float = 0.7
    seed: int = 7


@dataclass(frozen=True, slots=True)
class Part:
    """Some words of a passage and, for each, which labels it is evidence of (n, 6)."""

    words: tuple[str, ...]
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Source:
    """A draft as its passages: the words for the order's state, and of each passage its ranges, the number of the range
    that holds its sentence, and the sentence."""

    lead: tuple[str, ...]
    words: list[str]
    evidence: Evidence
    passages: list[Passage]
    carrying: tuple[int, ...]
    whole: bool
    """False where the draft carries a label whose words nobody marked: its passages teach nothing."""


@dataclass(frozen=True, slots=True)
class Example:
    """One passage: its words, its labels (6,), for each word which labels it is evidence of (n, 6)."""

    words: tuple[str, ...]
    labels: Evidence
    evidence: Evidence


def source(labelled: LabelledDraft, reading: Reading) -> Source:
    """A draft ready to be cut into examples."""
    order = labelled.order
    evidence = np.zeros((len(reading.tokens), _N), np.float32)
    for label, field, start, end in evidence_places(labelled):
        for i in range(len(reading.tokens)):
            if reading.field_of(i) == field and reading.starts[i] < end and start < reading.ends[i]:
                evidence[i, label] = 1
    found = passages(reading)
    if len(found) == 1 and labelled.labels and not evidence.any():
        for name in labelled.labels:
            evidence[:, LABELS.index(name)] = 1
    marked = {LABELS[i] for i in np.flatnonzero(evidence.any(axis=0))}
    carrying = tuple(n for n, one in enumerate(found) if evidence[slice(*one.center)].any())
    return Source(
        ORDER_WORDS[order.cancelled_by if order else None], reading.tokens, evidence, found, carrying,
        bool(found) and marked >= set(labelled.labels),
    )  # fmt: skip


def examples(sources: Sequence[Source], recipe: EncoderRecipe, rng: random.Random) -> list[Example]:
    """One pass over the drafts: of each so many passages, those that carry a label rather than others."""
    usable = [one for one in sources if one.whole]
    return [_example(one, usable, recipe, rng) for one in usable for _ in range(recipe.passages_a_draft)]


def _example(one: Source, others: Sequence[Source], recipe: EncoderRecipe, rng: random.Random) -> Example:
    at = rng.choice(one.carrying) if one.carrying and rng.random() < _CARRYING else rng.randrange(len(one.passages))
    passage = one.passages[at]
    parts = [_part(one, *words) for words in passage.ranges[:-1]]
    first, end = passage.ranges[-1]
    a, b = passage.center
    before, center, after = _part(one, first, a), _part(one, a, b), _part(one, b, end)
    draw = rng.random()
    if draw < recipe.bare_share:
        before, after = _part(one, a, a), _part(one, b, b)
        parts = parts if rng.random() < 0.5 else []
    elif draw < recipe.bare_share + recipe.foreign_share:
        stranger = rng.choice(others)
        if rng.random() < 0.5:
            before = _sentence(stranger, rng)
        else:
            after = _sentence(stranger, rng)
    whole = [*parts, before, center, after]
    words = [word for part in whole for word in part.words]
    evidence = np.concatenate([part.evidence for part in whole])
    if rng.random() < recipe.typo_share:
        words = [_slip(w, rng) if len(w) > 3 and rng.random() < 0.08 else w for w in words]
    blank = np.zeros((len(one.lead), _N), np.float32)
    labels = _labels(whole)
    return Example((*one.lead, *words), labels, np.concatenate([blank, evidence]))


_CARRYING = 0.75
_HALF = 0.5


def _labels(parts: Sequence[Part]) -> Evidence:
    """The labels of the parts together."""
    joint: Evidence = np.stack([part.evidence.max(axis=0, initial=0.0) for part in parts]).max(axis=0)
    return joint


def _sentence(one: Source, rng: random.Random) -> Part:
    return _part(one, *rng.choice(one.passages).center)


def _part(one: Source, first: int, end: int) -> Part:
    return Part(tuple(one.words[first:end]), one.evidence[first:end])


def _slip(word: str, rng: random.Random) -> str:
    i = rng.randrange(1, len(word) - 1)
    return rng.choice(
        (word[:i] + word[i + 1 :], word[:i] + word[i + 1] + word[i] + word[i + 2 :], word[:i] + word[i] + word[i:])
    )
