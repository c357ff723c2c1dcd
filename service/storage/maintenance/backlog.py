"""What waits: cases for a reviewer, webhooks for Gateway. Numbers for the metrics."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.storage.tables.review import CaseRow
from service.storage.tables.screenings import OutboxRow


def backlog(session: Session, now: datetime, *, webhooks: bool) -> dict[str, float]:
    """Counts, and the age of the oldest in seconds (0 where nothing waits). `webhooks`: whether any are sent."""
    waiting = select(func.count(), func.min(CaseRow.created_at)).where(CaseRow.state != "decided")
    cases, oldest_case = session.execute(waiting).one()
    gauges = {"cases_open": float(cases), "cases_oldest_seconds": _age(oldest_case, now)}
    if not webhooks:
        return gauges
    undelivered = select(func.count(), func.min(OutboxRow.created_at)).where(OutboxRow.delivered_at.is_(None))
    hooks, oldest_hook = session.execute(undelivered).one()
    return gauges | {
        "webhooks_waiting": float(hooks),
        "webhooks_oldest_seconds": _age(oldest_hook, now),
    }


def _age(oldest: datetime | None, now: datetime) -> float:
    return max(0.0, (now - oldest).total_seconds()) if oldest else 0.0
