"""The outbox: an event for Gateway is written in the transaction of the decision and stays until it is delivered.

A payload is JSON and is sent unchanged. It holds ids, outcomes and labels, and no text that a person typed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from service.storage.encryption import Encryptor
from service.storage.screenings.records import new_id
from service.storage.tables.screenings import AppealRow, OutboxRow, ScreeningRow

UNDO_TIME = timedelta(seconds=30)
"""How long a reviewer may undo a decision. The webhook about the decision waits for as long."""

LEASE = timedelta(seconds=60)
"""How long a process that took an event may try, before another takes it."""


@dataclass(frozen=True, slots=True)
class OutgoingEvent:
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
        """Add an event in the session's transaction, to be sent after `wait`. Returns its id."""
        event_id = new_id(at.timestamp())
        body = orjson.dumps({"event": event, **payload})
        self._session.add(
            OutboxRow(id=event_id, event=event, payload=body, created_at=at, next_attempt_at=at + wait, attempts=0)
        )
        return event_id

    def take_due(self, now: datetime, most: int = 20) -> list[OutgoingEvent]:
        """The events that are due, leased to this process: no other process takes them for LEASE."""
        due = select(OutboxRow).where(OutboxRow.delivered_at.is_(None), OutboxRow.next_attempt_at <= now)
        rows = self._session.scalars(due.order_by(OutboxRow.id).limit(most).with_for_update(skip_locked=True)).all()
        for row in rows:
            row.next_attempt_at = now + LEASE
            row.attempts += 1
        return [OutgoingEvent(r.id, r.event, r.payload, r.attempts - 1) for r in rows]

    def delivered(self, event_id: str, at: datetime) -> None:
        """Mark an event as delivered."""
        self._set(event_id, delivered_at=at, last_error=None)

    def failed(self, event_id: str, error: str, next_attempt_at: datetime) -> None:
        """Note a failed attempt and when to try again."""
        self._set(event_id, last_error=error[:200], next_attempt_at=next_attempt_at)

    def _set(self, event_id: str, **values: Any) -> None:
        self._session.execute(update(OutboxRow).where(OutboxRow.id == event_id).values(**values))


def is_settled(decided_at: datetime, now: datetime) -> bool:
    """Whether a decision can no longer be undone."""
    return now - decided_at > UNDO_TIME


def decide_appeal(
    session: Session, encryptor: Encryptor, screening_id: str, outcome: str, note: str | None, at: datetime
) -> bool:
    """Decide an open appeal (`upheld` or `overturned`) and add the event for Gateway, in one transaction.

    Returns False if no appeal is open. `note` is the reviewer's reply to the merchant, shown with the screening.
    """
    if outcome not in ("upheld", "overturned"):
        raise ValueError(f"outcome {outcome!r} is neither upheld nor overturned")
    appeal = session.get(AppealRow, screening_id, with_for_update=True)
    if appeal is None or appeal.state != "open":
        return False
    appeal.state, appeal.outcome, appeal.decided_at = "decided", outcome, at
    appeal.note = encryptor.encrypt_optional(note)
    screening = session.get_one(ScreeningRow, screening_id)
    news = {
        "screening_id": screening_id,
        "outcome": outcome,
        "decided_at": at,
        "caller": screening.caller,
        "merchant_id": screening.merchant_id,
    }
    appeal.event_id = Outbox(session).add("appeal.decided", news, at, wait=UNDO_TIME)
    return True


def reopen_appeal(session: Session, screening_id: str) -> bool:
    """Undo the decision on an appeal: reopen the appeal and delete its event.

    Returns False and changes nothing if the appeal is not decided or the event has been sent.
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
