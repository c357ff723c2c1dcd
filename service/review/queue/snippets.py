"""The words of a draft that the queue shows: the gravest finding with what stands around it. Reads no database."""

from collections.abc import Iterable
from dataclasses import dataclass

from classifier import Draft
from service.storage.screenings.documents import Document

BEFORE, AFTER = 34, 150
_WEIGHT = {"block": 0, "warn": 1, "info": 2}


@dataclass(frozen=True, slots=True)
class Snippet:
    """Words of a draft, the marked ones between others. `marked` is empty where no finding has a place in the text."""

    before: str
    marked: str
    after: str


def snippet(draft: Draft | None, verdict: Document) -> Snippet:
    """The evidence of the gravest finding in its sentence; the beginning of the details where there is no such."""
    if draft is None:
        return Snippet("", "", "")
    found = min(_placed(verdict), default=None)
    if found is None:
        return Snippet("", "", _plain(draft.body[: BEFORE + AFTER]))
    _, start, end = found
    head = draft.body[max(0, start - BEFORE) : start]
    if start > BEFORE:
        head = "… " + head.partition(" ")[2]  # no word is cut
    return Snippet(_plain(head), _plain(draft.body[start:end]), _plain(draft.body[end : end + AFTER]))


def _placed(verdict: Document) -> Iterable[tuple[int, int, int]]:
    """The findings in the details, as (gravity, start, end)."""
    for finding in verdict["findings"]:
        if finding["field"] == "body" and finding["start"] is not None:
            yield _WEIGHT.get(finding["severity"], 3), finding["start"], finding["end"]


def _plain(text: str) -> str:
    """Text in one line. A space at either end is kept as one: it parts words."""
    inner = " ".join(text.split())
    return f"{' ' if text[:1].isspace() else ''}{inner}{' ' if inner and text[-1:].isspace() else ''}"
