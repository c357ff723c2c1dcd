"""Which line ends close a sentence: mail programs wrap lines by width, people end them at bullets and greetings."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from classifier.reading.greetings import greets, signs_off

_CLOSING_MARKS = frozenset(".!?;:…")
_BULLETS = frozenset("-*•·>#+=~_|/\\")
_NARROWEST, _WIDEST = 45, 110
"""Line widths, in characters, at which mail programs and people wrap."""


def closing_breaks(
    text: str, tokens: Sequence[str], starts: Sequence[int], ends: Sequence[int], breaks: AbstractSet[int], first: int
) -> set[int]:
    """The numbers of those tokens among `breaks` (each begins a line of `text`) before which a sentence ends.

    A wrapped line goes on in the next one: the next begins in lower case, or its first word did not fit the width.
    Linear in the length of the text.
    """
    inside = [b for b in sorted(breaks) if first < b < len(tokens)]
    if not inside:
        return {b for b in breaks if b <= first or b >= len(tokens)}
    begins = [first, *inside]
    lengths = [ends[b - 1] - starts[a] for a, b in zip(begins, inside, strict=False)]
    width = max((length for length in lengths if length <= _WIDEST), default=0)
    capitals = any(text[starts[b]].isupper() for b in begins)
    closed = {b for b in breaks if b <= first or b >= len(tokens)}
    for number, b in enumerate(inside):
        line = range(begins[number], b)
        after = inside[number + 1] if number + 1 < len(inside) else len(tokens)
        if _closes(text, tokens, starts, ends, line, range(b, after), lengths[number], width, capitals=capitals):
            closed.add(b)
    return closed


def _closes(
    text: str, tokens: Sequence[str], starts: Sequence[int], ends: Sequence[int], line: range, following: range,
    length: int, width: int, *, capitals: bool,
) -> bool:  # fmt: skip
    b = following.start
    gap = text[ends[b - 1] : starts[b]]
    if gap.count("\n") + gap.count("\r") - gap.count("\r\n") != 1 or tokens[b - 1] in _CLOSING_MARKS:
        return True
    if tokens[b] in _BULLETS or (tokens[b][0].isdigit() and tokens[b + 1 : b + 2] in (["."], [")"])):
        return True
    if greets([tokens[i] for i in line[:8]], len(line)) or any(
        signs_off([tokens[i] for i in part[:13]]) for part in (line, following)
    ):
        return True
    begin = text[starts[b]]
    if begin.islower() and (capitals or length >= _NARROWEST):
        return False
    word = ends[b] - starts[b]
    return not (_NARROWEST <= width <= _WIDEST and length <= width and length + 1 + word > width)
