"""The notice after a decision: what was done, and for how long the reviewer may undo it."""

from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import Request
from sqlalchemy.orm import Session

from service.review.auth.roles import Reviewer
from service.review.cases.own_decisions import OwnDecision, own_decisions
from service.review.cases.rules import OUTCOMES
from service.review.web.wording import ACTION
from service.storage.outbox import UNDO_TIME


@dataclass(frozen=True, slots=True)
class UndoNotice:
    """`decisions` is the range of ids `first-last`; `left` in seconds; `back` is where undo returns to; `others` counts
    further decisions of one's own that can be taken back."""

    words: str
    decisions: str
    left: int
    back: str
    others: int


def id_range(text: str) -> tuple[int, int] | None:
    """`first-last` as numbers; None for anything else."""
    first, _, last = text.partition("-")
    if first.isdigit() and last.isdigit() and len(text) < 40:
        return int(first), int(last)
    return None


def undo_notice(session: Session, request: Request, me: Reviewer, *, back: str) -> UndoNotice | None:
    """The notice for the decisions that the address names (those of a selection), else for the last one, while they can
    be taken back."""
    now = datetime.now(UTC)
    recent = [one for one in own_decisions(session, me, now - UNDO_TIME) if one.stands]
    ids = id_range(request.query_params.get("undo", ""))
    named = [one for one in recent if ids and ids[0] <= one.first <= ids[1]]
    acts = named if len(named) > 1 else recent[:1]
    if not acts:
        return None
    left = int((min(one.at for one in acts) + UNDO_TIME - now).total_seconds())
    span = f"{min(one.first for one in acts)}-{max(one.last for one in acts)}"
    return UndoNotice(_words(acts), span, left, back, len(recent) - len(acts)) if left > 0 else None


def _words(acts: list[OwnDecision]) -> str:
    counted = {action: sum(one.action == action for one in acts) for action in OUTCOMES}
    parts = [f"{ACTION[action]} {count}" if count > 1 else ACTION[action] for action, count in counted.items() if count]
    return ", ".join(parts).capitalize() + "."
