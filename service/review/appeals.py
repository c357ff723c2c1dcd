"""An appeal that is decided with its case: noted, and announced to Gateway once it cannot be taken back any more."""

from datetime import datetime

import orjson
from sqlalchemy import delete
from sqlalchemy.orm import Session

from classifier import Label
from service.review.cases import UNDO
from service.storage.records import new_id
from service.storage.tables import AppealRow, OutboxRow

EVENT = "appeal.decided"


def settle_appeal(
    session: Session, screening_id: str, *, upheld: bool, labels: frozenset[Label], now: datetime
) -> None:
    """Close an open appeal of a screening, if there is one."""
    appeal = session.get(AppealRow, screening_id)
    if appeal is None or appeal.state != "open":
        return
    appeal.state, appeal.outcome, appeal.decided_at = "decided", "upheld" if upheld else "overturned", now
    payload = {
        "event": EVENT,
        "screening_id": screening_id,
        "outcome": appeal.outcome,
        "labels": sorted(label.value for label in labels),
        "decided_at": now.isoformat(),
    }
    session.add(
        OutboxRow(
            id=_announcement(screening_id),
            event=EVENT,
            payload=orjson.dumps(payload),
            created_at=now,
            next_attempt_at=now + UNDO,
        )
    )


def reopen_appeal(session: Session, screening_id: str) -> None:
    """Open an appeal again whose decision was taken back; what was not announced yet never will be."""
    appeal = session.get(AppealRow, screening_id)
    if appeal is None or appeal.state == "open":
        return
    appeal.state, appeal.outcome, appeal.decided_at = "open", None, None
    session.execute(delete(OutboxRow).where(OutboxRow.id == _announcement(screening_id)))


def _announcement(screening_id: str) -> str:
    return screening_id if len(screening_id) == 32 else new_id()
