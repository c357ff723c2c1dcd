"""How many cases wait, in which queue, and since when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.review.filters import Filter
from service.review.listing import conditions
from service.review.people import Reviewer
from service.review.words import KIND, QUEUE
from service.storage.review_tables import CaseRow

MOST_COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class QueueCount:
    """How many cases wait in a queue, and since when the oldest does."""

    id: str
    title: str
    count: int
    oldest: datetime | None


def total(session: Session, asked: Filter, me: Reviewer) -> int:
    """How many cases a filter finds; counting ends at MOST_COUNTED."""
    wanted = conditions(session, asked, me, datetime.now(UTC))
    within = select(CaseRow.id).where(*wanted).limit(MOST_COUNTED).subquery()
    return session.scalar(select(func.count()).select_from(within)) or 0


def counts(session: Session, me: Reviewer) -> list[QueueCount]:
    """Every queue with its count and oldest age; queues of kinds that have nothing are left out."""
    grouped = session.execute(
        select(CaseRow.kind, CaseRow.state, func.count(), func.min(CaseRow.created_at))
        .where(CaseRow.decided_at.is_(None))
        .group_by(CaseRow.kind, CaseRow.state)
    ).all()
    tally = [(kind, state, count, oldest) for kind, state, count, oldest in grouped]
    mine = session.execute(
        select(func.count(), func.min(CaseRow.created_at)).where(
            CaseRow.claimed_by == me.id, CaseRow.state == "held", CaseRow.decided_at.is_(None)
        )
    ).one()
    found = [_count("all", tally)]
    found += [_count(kind, [t for t in tally if t[0] == kind]) for kind in KIND]
    found += [_count(state, [t for t in tally if t[1] == state]) for state in ("second", "disputed")]
    found.append(QueueCount("mine", QUEUE["mine"], mine[0], mine[1]))
    return [q for q in found if q.count or q.id in ("all", "blocked", "warned_sent", "appealed")]


def _count(id: str, tally: Sequence[tuple[str, str, int, datetime]]) -> QueueCount:
    oldest = min((t[3] for t in tally), default=None)
    return QueueCount(id, QUEUE[id], sum(t[2] for t in tally), oldest)
