"""A draft's text cut into pieces, each with the highlights that cover it. Reads no database."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

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

    @property
    def first(self) -> Highlight | None:
        """The gravest highlight, which gives the piece its style."""
        return min(self.marks, key=lambda m: (_WEIGHT.get(m.severity, 3), m.number), default=None)


_WEIGHT = {"block": 0, "warn": 1, "info": 2}


def pieces(text: str, marks: Iterable[Highlight]) -> list[TextPiece]:
    """The whole text in order, cut where a mark begins or ends; marks outside the text are clipped."""
    clipped = [m for m in marks if 0 <= m.start < m.end <= len(text)]
    cuts = sorted({0, len(text), *(m.start for m in clipped), *(m.end for m in clipped)})
    return [_piece(text, start, end, clipped) for start, end in pairwise(cuts)]


def _piece(text: str, start: int, end: int, marks: Sequence[Highlight]) -> TextPiece:
    return TextPiece(text[start:end], start, tuple(m for m in marks if m.start <= start and end <= m.end))
