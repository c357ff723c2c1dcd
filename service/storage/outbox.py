"""The outbox: what must reach Gateway is written with the decision, and stays until it was delivered.

A payload is JSON, sent as it stands: ids, outcomes and labels, and nothing that anyone typed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from service.storage.encryption import Sealer
from service.storage.screenings.records import new_id
from service.storage.tables.screenings import AppealRow, OutboxRow, ScreeningRow

UNDO = timedelta(seconds=30)
"""News of a decision waits so long, because a reviewer may take it back."""
LEASE = timedelta(seconds=60)
"""How long a process that took an event may try, before another takes it."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An event on its way. `body` is the JSON that is signed and sent; `attempts` counts those before."""

    id: str
    event: str
    body: bytes
    attempts: int


class Outbox:
    """The outbox that a session sees."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, event: str, payload: Mapping[str, Any], at: datetime, *, wait: timedelta = timedelta()) -> str:
        """Put an event in, in the transaction of what it tells of, to be sent after `wait`; its id."""
        event_id = new_id(at.timestamp())
        body = orjson.dumps({"event": event, **payload})
        self._session.add(
            OutboxRow(id=event_id, event=event, payload=body, created_at=at, next_attempt_at=at + wait, attempts=0)
        )
        return event_id

    def take_due(self, now: datetime, most: int = 20) -> list[Outgoing]:
        """Events that are due, leased to this process: nobody else takes them for a while."""
        due = select(OutboxRow).where(OutboxRow.delivered_at.is_(None), OutboxRow.next_attempt_at <= now)
        rows = self._session.scalars(due.order_by(OutboxRow.id).limit(most).with_for_update(skip_locked=True)).all()
        for row in rows:
            row.next_attempt_at = now + LEASE
            row.attempts += 1
        return [Outgoing(r.id, r.event, r.payload, r.attempts - 1) for r in rows]

    def delivered(self, event_id: str, at: datetime) -> None:
        """Arrived."""
        self._set(event_id, delivered_at=at, last_error=None)

    def failed(self, event_id: str, error: str, next_attempt_at: datetime) -> None:
        """Not arrived: when to try again."""
        self._set(event_id, last_error=error[:200], next_attempt_at=next_attempt_at)

    def _set(self, event_id: str, **values: Any) -> None:
        self._session.execute(update(OutboxRow).where(OutboxRow.id == event_id).values(**values))


def decide_appeal(
    session: Session, sealer: Sealer, screening_id: str, outcome: str, note: str | None, at: datetime
) -> bool:
    """Decide an open appeal (`upheld` or `overturned`) and put the news for Gateway in the outbox, in one transaction.

    False if there is no open appeal. `note` are the reviewer's words to the merchant, who sees them with the screening.
    """
    if outcome not in ("upheld", "overturned"):
        raise ValueError(f"outcome {outcome!r} is neither upheld nor overturned")
    appeal = session.get(AppealRow, screening_id, with_for_update=True)
    if appeal is None or appeal.state != "open":
        return False
    appeal.state, appeal.outcome, appeal.decided_at = "decided", outcome, at
    appeal.note = sealer.seal_maybe(note)
    screening = session.get_one(ScreeningRow, screening_id)
    news = {
        "screening_id": screening_id,
        "outcome": outcome,
        "decided_at": at,
        "caller": screening.caller,
        "merchant_id": screening.merchant_id,
    }
    appeal.event_id = Outbox(session).add("appeal.decided", news, at, wait=UNDO)
    return True


def reopen_appeal(session: Session, screening_id: str) -> bool:
    """Take a decision back (undo): the appeal is open again and its news is dropped.

    False, and nothing changes, if there is no decided appeal or its news has been sent.
    """
    appeal = session.get(AppealRow, screening_id, with_for_update=True)
    if appeal is None or appeal.state != "decided" or appeal.event_id is None:
        return False
    news = session.get(OutboxRow, appeal.event_id, with_for_update=True)
    if news is None or news.attempts:
        return False
    session.delete(news)
    appeal.state, appeal.outcome, appeal.decided_at, appeal.note, appeal.event_id = "open", None, None, None, None
    return True
