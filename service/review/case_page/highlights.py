"""A draft's text cut into pieces, each with the highlights that cover it. Reads no database."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import Literal

from service.review.web.wording import LABEL

Kind = Literal["rule", "model", "form", "merchant", "person"]


@dataclass(frozen=True, slots=True)
class Highlight:
    """A passage [start, end) of one field, in code points, and why it is marked, as a sentence."""

    start: int
    end: int
    kind: Kind
    label: str | None
    severity: str
    why: str
    number: int
    """Which finding of the page's list it belongs to, from 1."""


PlacedHighlight = tuple[str, Highlight]
"""A field of the draft and a highlight in it."""


@dataclass(frozen=True, slots=True)
class TextPiece:
    """A stretch of text under the same marks; no marks means plain text."""

    text: str
    start: int
    marks: tuple[Highlight, ...]
    run: tuple[Highlight, ...] = ()
    """At the first piece of a run of marked text: every highlight of the run. One stop of the Tab key."""
    folded: bool = False

    @property
    def first(self) -> Highlight | None:
        """The gravest highlight, which gives the piece its style."""
        return min(self.marks, key=lambda m: (_WEIGHT.get(m.severity, 3), m.number), default=None)

    @property
    def spoken(self) -> str:
        """What a screen reader says after the run's words: each label once, with the numbers of its findings."""
        by_label: dict[str, dict[int, None]] = {}
        for mark in sorted(self.run, key=lambda m: _WEIGHT.get(m.severity, 3)):
            said = mark.why if mark.label is None or mark.kind == "person" else LABEL[mark.label]
            by_label.setdefault(said, {}).update({mark.number: None} if mark.label and mark.number else {})
        return "; ".join(_with_numbers(said, list(numbers)) for said, numbers in by_label.items())


def _with_numbers(said: str, numbers: Sequence[int]) -> str:
    if not numbers:
        return said
    return f"{said}, finding{'s' if len(numbers) > 1 else ''} {', '.join(map(str, sorted(numbers)))}"


LONG, FOLDED, BESIDE = 1500, 600, 200
"""A text of so many characters is folded, where so many in a row bear no mark, but for so many beside a mark."""
_WEIGHT = {"block": 0, "warn": 1, "info": 2}


def pieces(text: str, marks: Iterable[Highlight]) -> list[TextPiece]:
    """The whole text in order, cut where a mark begins or ends; marks outside the text are clipped. In a long text the
    stretches far from any mark are folded."""
    clipped = [m for m in marks if 0 <= m.start < m.end <= len(text)]
    cuts = sorted({0, len(text), *(m.start for m in clipped), *(m.end for m in clipped)})
    found = [_piece(text, start, end, clipped) for start, end in pairwise(cuts)]
    return _with_runs(found) if len(text) < LONG else [part for piece in _with_runs(found) for part in _fold(piece)]


def _with_runs(found: Sequence[TextPiece]) -> list[TextPiece]:
    stops: list[TextPiece] = []
    for marked, group in groupby(found, key=lambda piece: bool(piece.marks)):
        first, *rest = group
        run = dict.fromkeys(mark for piece in (first, *rest) for mark in piece.marks) if marked else {}
        stops += [replace(first, run=tuple(run)), *rest]
    return stops


def _fold(piece: TextPiece) -> list[TextPiece]:
    """A plain stretch in three: what stands beside its neighbours, and the middle, folded."""
    size = len(piece.text)
    if piece.marks or size < FOLDED:
        return [piece]
    head, tail = piece.text.find(" ", BESIDE), piece.text.rfind(" ", 0, size - BESIDE)
    if not 0 < head < tail:
        return [piece]
    cut = ((0, head, False), (head, tail, True), (tail, size, False))
    return [TextPiece(piece.text[a:b], piece.start + a, (), folded=folded) for a, b, folded in cut]


def _piece(text: str, start: int, end: int, marks: Sequence[Highlight]) -> TextPiece:
    return TextPiece(text[start:end], start, tuple(m for m in marks if m.start <= start and end <= m.end))
