"""Two drafts of one writer as one letter: what a letter of two matters carries is what both carry."""

import random
import re
from collections import defaultdict
from collections.abc import Sequence

from classifier.draft import Draft, LabelledDraft

_GREETING_LINE = re.compile(r"^[^\n.!?]{1,40}[,!]\s*\n+")


def mixtures(drafts: Sequence[LabelledDraft], seed: int) -> list[LabelledDraft]:
    """For each draft one letter of its body and another's by the same writer in the same language, in random order.
    Drafts whose order's state is known are left out: a state belongs to one matter."""
    rng = random.Random(seed)
    alike: dict[tuple[str, str], list[LabelledDraft]] = defaultdict(list)
    for labelled in drafts:
        if labelled.order is None and labelled.draft.body.strip():
            alike[labelled.writer, labelled.language].append(labelled)
    return [_joined(one, rng.choice(group), rng) for group in alike.values() if len(group) > 1 for one in group]


def _joined(one: LabelledDraft, other: LabelledDraft, rng: random.Random) -> LabelledDraft:
    first, second = (one, other) if rng.random() < 0.5 else (other, one)
    body = f"{first.draft.body.rstrip()}\n\n{_GREETING_LINE.sub('', second.draft.body).lstrip()}"
    subject = one.draft.subject
    evidence = {
        label: tuple(
            text for each in (one, other) for text in each.evidence.get(label, ()) if text in body or text in subject
        )
        for label in one.labels | other.labels
    }
    labels = frozenset(label for label, texts in evidence.items() if texts)
    return LabelledDraft(
        id=f"{one.id}+{other.id}", writer=one.writer, scenario=one.scenario,
        draft=Draft(one.draft.support_id, subject, body), labels=labels,
        evidence={label: evidence[label] for label in labels}, language=one.language,
    )  # fmt: skip
