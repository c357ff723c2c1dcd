"""One's own decisions, the newest first, and which of them can still be taken back."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.review.auth.roles import Reviewer
from service.review.cases.rules import OUTCOMES
from service.storage.tables.review import CaseDecisionRow

MOST = 2000


@dataclass(frozen=True, slots=True)
class OwnDecision:
    """A decision of one's own. Its rows (the outcome, and the rules called wrong with it) have ids from `first` to
    `last`. `stands`: nobody took it back."""

    case_id: str
    at: datetime
    action: str
    labels: str
    first: int
    last: int
    stands: bool


def own_decisions(session: Session, me: Reviewer, since: datetime, most: int = MOST) -> list[OwnDecision]:
    """What a reviewer has decided since then."""
    mine = CaseDecisionRow.actor_id == me.id, CaseDecisionRow.at > since
    rows = session.scalars(
        select(CaseDecisionRow)
        .where(*mine, CaseDecisionRow.action.in_((*OUTCOMES, "wrong_rule")))
        .order_by(CaseDecisionRow.id.desc())
        .limit(most)
    ).all()
    ids = [row.id for row in rows]
    undone: set[int | None] = set()
    for start in range(0, len(ids), 500):
        query = select(CaseDecisionRow.undoes).where(CaseDecisionRow.undoes.in_(ids[start : start + 500]))
        undone |= set(session.scalars(query))
    ends: dict[tuple[str, datetime], int] = {}
    for row in rows:
        ends.setdefault((row.case_id, row.at), row.id)
    return [
        OwnDecision(row.case_id, row.at, row.action, row.labels or "", row.id, ends[row.case_id, row.at],
                    row.id not in undone)
        for row in rows
        if row.action in OUTCOMES
    ]  # fmt: skip
