"""Drafts with planted errors in their labels."""

import random
from collections.abc import Sequence
from dataclasses import replace

from classifier.draft import LabelledDraft
from classifier.labels import LABELS


def with_errors(drafts: Sequence[LabelledDraft], count: int, seed: int) -> tuple[list[LabelledDraft], set[str]]:
    """The drafts, `count` of them with labels taken away or exchanged for another, and the ids of those."""
    rng = random.Random(seed)
    wrong = {drafts[at].id for at in rng.sample(range(len(drafts)), count)}
    return [_mistaken(d, rng) if d.id in wrong else d for d in drafts], wrong


def _mistaken(labelled: LabelledDraft, rng: random.Random) -> LabelledDraft:
    other = rng.choice([label for label in LABELS if label not in labelled.labels])
    labels = frozenset() if labelled.labels and rng.random() < 0.5 else frozenset({other})
    return replace(labelled, labels=labels, evidence={})
