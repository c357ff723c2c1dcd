"""Labelled drafts as arrays: readings, labels, and every window with the labels that its words carry."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier.draft import LabelledDraft
from classifier.evidence import RuleEvidence
from classifier.labels import LABELS
from classifier.matching.matcher import RuleMatcher
from classifier.model.ngrams import windows
from classifier.reading.reader import Reader, Reading

_ENOUGH = 0.5
"""A window carries a label if it holds at least this share of one piece of evidence."""

Place = tuple[int, str, int, int]
"""(label number, field, start, end) of one piece of evidence."""


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """n drafts as read. labels (n, 6); windows (w token lists), window_labels (w, 6), window_draft (w,) row of each."""

    drafts: tuple[LabelledDraft, ...]
    readings: tuple[Reading, ...]
    rules: tuple[RuleEvidence, ...]
    labels: NDArray[np.int64]
    windows: list[list[str]]
    window_labels: NDArray[np.int64]
    window_draft: NDArray[np.int64]

    @property
    def writers(self) -> NDArray[np.str_]:
        """The writer of each draft, (n,)."""
        return np.array([d.writer for d in self.drafts])

    def strangers(self, rows: NDArray[np.int64]) -> NDArray[np.str_]:
        """What some rows must not share to count as strangers, (len(rows),): the writer; where all have one, the
        scenario."""
        writers = self.writers[rows]
        if len(set(writers.tolist())) > 1:
            return writers
        return np.array([self.drafts[row].scenario for row in rows])


def read_all(drafts: Sequence[LabelledDraft], reader: Reader, matcher: RuleMatcher) -> Examples:
    """Read, match and cut into windows."""
    readings = tuple(reader.read(labelled.draft) for labelled in drafts)
    texts: list[list[str]] = []
    marks: list[NDArray[np.int64]] = []
    rows: list[int] = []
    for row, (labelled, reading) in enumerate(zip(drafts, readings, strict=True)):
        places = evidence_places(labelled)
        for first, end in windows(reading.heard, reading.subject_tokens):
            texts.append(reading.tokens[first:end])
            marks.append(_carried(reading, first, end, places))
            rows.append(row)
    return Examples(
        drafts=tuple(drafts),
        readings=readings,
        rules=tuple(matcher.find(reading) for reading in readings),
        labels=np.array([[label in d.labels for label in LABELS] for d in drafts], np.int64).reshape(-1, len(LABELS)),
        windows=texts,
        window_labels=np.array(marks, np.int64).reshape(-1, len(LABELS)),
        window_draft=np.array(rows, np.int64),
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


def _carried(reading: Reading, first: int, end: int, places: Sequence[Place]) -> NDArray[np.int64]:
    span = reading.span(first, end)
    marks = np.zeros(len(LABELS), np.int64)
    for label, field, start, stop in places:
        shared = min(stop, span.end) - max(start, span.start)
        if field == span.field and shared >= _ENOUGH * min(stop - start, span.end - span.start):
            marks[label] = 1
    return marks
