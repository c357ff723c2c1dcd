"""Labelled drafts as arrays: readings, labels, and every passage with the labels that its words carry."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier.draft import LabelledDraft
from classifier.evidence import RuleEvidence
from classifier.labels import LABELS
from classifier.matching.matcher import RuleMatcher
from classifier.model.linear import borders, same_field
from classifier.reading.reader import Reader, Reading

_ENOUGH = 0.5
"""A sentence carries a label if it holds at least this share of one piece of evidence, or is this share of one."""

Place = tuple[int, str, int, int]
"""(label number, field, start, end) of one piece of evidence."""


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """n drafts as read. labels (n, 6); sentences (s token lists) with sentence_labels (s, 6), amid_labels (s, 6) of
    each amid its neighbours, and sentence_draft (s,), the row of each; `borders` as `classifier.model.linear` has them.

    `sentence_known` (s, 6) is False where a draft carries a label and nobody marked the words: the passage that carries
    it is unknown, so no passage of the draft tells anything of that label.
    """

    drafts: tuple[LabelledDraft, ...]
    readings: tuple[Reading, ...]
    rules: tuple[RuleEvidence, ...]
    labels: NDArray[np.int64]
    sentences: list[list[str]]
    sentence_labels: NDArray[np.int64]
    amid_labels: NDArray[np.int64]
    sentence_known: NDArray[np.bool_]
    sentence_draft: NDArray[np.int64]
    borders: list[int]

    @property
    def writers(self) -> NDArray[np.str_]:
        """The writer of each draft, (n,)."""
        return np.array([d.writer for d in self.drafts])

    def groups(self, rows: NDArray[np.int64]) -> NDArray[np.str_]:
        """What folds must not share, (len(rows),): the writer; where all have one, the scenario."""
        writers = self.writers[rows]
        if len(set(writers.tolist())) > 1:
            return writers
        return np.array([self.drafts[row].scenario for row in rows])


def read_all(drafts: Sequence[LabelledDraft], reader: Reader, matcher: RuleMatcher) -> Examples:
    """Read, match and cut into sentences."""
    readings = tuple(reader.read(labelled.draft) for labelled in drafts)
    sentences: list[list[str]] = []
    marks: list[NDArray[np.int64]] = []
    known: list[NDArray[np.bool_]] = []
    rows: list[int] = []
    for row, (labelled, reading) in enumerate(zip(drafts, readings, strict=True)):
        here = sentence_labels(labelled, reading)
        sentences += [reading.tokens[first:end] for first, end in reading.judged]
        marks.append(here)
        known.append(np.broadcast_to(_known(labelled, here), here.shape))
        rows += [row] * len(here)
    limits = borders(readings)
    carried = np.concatenate(marks) if marks else np.zeros((0, len(LABELS)), np.int64)
    return Examples(
        drafts=tuple(drafts),
        readings=readings,
        rules=tuple(matcher.find(reading) for reading in readings),
        labels=np.array([[label in d.labels for label in LABELS] for d in drafts], np.int64).reshape(-1, len(LABELS)),
        sentences=sentences,
        sentence_labels=carried,
        amid_labels=_amid(carried, limits),
        sentence_known=np.concatenate(known) if known else np.zeros((0, len(LABELS)), bool),
        sentence_draft=np.array(rows, np.int64),
        borders=limits,
    )


def evidence_places(labelled: LabelledDraft) -> list[Place]:
    """Where each piece of evidence stands, at its first place in subject and body."""
    places: list[Place] = []
    for label, spans in labelled.evidence.items():
        for text in spans:
            for field, typed in (("subject", labelled.draft.subject), ("body", labelled.draft.body)):
                at = typed.find(text)
                if at >= 0:
                    places.append((LABELS.index(label), field, at, at + len(text)))
    return places


def sentence_labels(labelled: LabelledDraft, reading: Reading) -> NDArray[np.int64]:
    """Which labels each sentence that the models receive carries, (s, 6)."""
    marks = np.zeros((len(reading.judged), len(LABELS)), np.int64)
    places = evidence_places(labelled)
    for at, (first, end) in enumerate(reading.judged):
        span = reading.span(first, end)
        for label, field, start, stop in places:
            shared = min(stop, span.end) - max(start, span.start)
            if field == span.field and shared >= _ENOUGH * min(stop - start, span.end - span.start):
                marks[at, label] = 1
    return marks


def _known(labelled: LabelledDraft, marks: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether it is known which passages carry each label, (6,): the draft does not carry it, or its words are
    marked. A draft of one sentence needs no marks."""
    if len(marks) == 1:
        marks[0] = [label in labelled.labels for label in LABELS]
    return np.array([label not in labelled.labels or marks[:, i].any() for i, label in enumerate(LABELS)])


def _amid(marks: NDArray[np.int64], limits: Sequence[int]) -> NDArray[np.int64]:
    """The labels of each sentence or of a neighbour in its field."""
    amid = marks.copy()
    if len(marks) > 1:
        shared = same_field(len(marks), limits).astype(np.int64)[:, None]
        amid[1:] |= marks[:-1] * shared
        amid[:-1] |= marks[1:] * shared
    return amid
