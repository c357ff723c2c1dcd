"""The notice after a decision: what was done, and for how long the reviewer may undo it."""

from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import Request
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.review.auth.roles import Reviewer
from service.review.cases.rules import OUTCOMES
from service.review.web.wording import ACTION
from service.storage.outbox import UNDO_TIME
from service.storage.tables.review import CaseDecisionRow


@dataclass(frozen=True, slots=True)
class UndoNotice:
    """`decisions` is the range of ids `first-last`; `left` in seconds; `back` is where undo returns to."""

    words: str
    decisions: str
    left: int
    back: str


def id_range(text: str) -> tuple[int, int] | None:
    """`first-last` as numbers; None for anything else."""
    first, _, last = text.partition("-")
    if first.isdigit() and last.isdigit() and len(text) < 40:
        return int(first), int(last)
    return None


def undo_notice(session: Session, request: Request, me: Reviewer, *, back: str) -> UndoNotice | None:
    """The notice for the acts that the address names, while they can be taken back."""
    ids = id_range(request.query_params.get("undo", ""))
    if ids is None:
        return None
    acts = session.execute(
        select(CaseDecisionRow.action, func.count(), func.min(CaseDecisionRow.at))
        .where(
            CaseDecisionRow.id.between(*ids), CaseDecisionRow.actor_id == me.id, CaseDecisionRow.action.in_(OUTCOMES)
        )
        .group_by(CaseDecisionRow.action)
    ).all()
    if not acts:
        return None
    left = int((min(at for _, _, at in acts) + UNDO_TIME - datetime.now(UTC)).total_seconds())
    return UndoNotice(_words(acts), f"{ids[0]}-{ids[1]}", left, back) if left > 0 else None


def _words(acts: object) -> str:
    parts = [f"{ACTION[action]} {count}" if count > 1 else ACTION[action] for action, count, _ in acts]  # type: ignore[attr-defined]
    return ", ".join(parts).capitalize() + "."
