"""How many cases wait, in which queue, and since when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from service.review.auth.roles import Reviewer
from service.review.queue.filters import QueueFilter
from service.review.queue.listing import MOST_COUNTED, conditions, offered
from service.review.web.wording import KIND, QUEUE
from service.storage.tables.review import CaseRow


@dataclass(frozen=True, slots=True)
class QueueCount:
    """How many cases wait in a queue, and since when the oldest does."""

    id: str
    title: str
    count: int
    oldest: datetime | None


def total(session: Session, asked: QueueFilter, me: Reviewer) -> int:
    """How many cases a filter finds; counting ends at MOST_COUNTED."""
    wanted = conditions(session, asked, me, datetime.now(UTC))
    within = select(CaseRow.id).where(*wanted).limit(MOST_COUNTED).subquery()
    return session.scalar(select(func.count()).select_from(within)) or 0


def counts(session: Session, me: Reviewer) -> list[QueueCount]:
    """Every queue with its count and oldest age; queues of kinds that have nothing are left out."""
    tally = _tally(session, me)
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


def _tally(session: Session, me: Reviewer) -> list[tuple[str, str, int, datetime]]:
    """(kind, state, how many, oldest) of what waits and is offered to this reviewer. Open cases, of which there may be
    very many, are counted in the index alone; the few others are asked one by one whether they are offered."""
    by = select(CaseRow.kind, CaseRow.state, func.count(), func.min(CaseRow.created_at)).where(
        CaseRow.decided_at.is_(None)
    )
    wanted = (
        CaseRow.state == "open",
        and_(CaseRow.state.in_(("second", "held", "disputed")), offered(me, datetime.now(UTC))),
    )
    return [
        (kind, state, count, oldest)
        for one in wanted
        for kind, state, count, oldest in session.execute(by.where(one).group_by(CaseRow.kind, CaseRow.state))
    ]


def _count(id: str, tally: Sequence[tuple[str, str, int, datetime]]) -> QueueCount:
    oldest = min((t[3] for t in tally), default=None)
    return QueueCount(id, QUEUE[id], sum(t[2] for t in tally), oldest)
