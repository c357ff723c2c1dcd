"""Retention: text goes, hashes, labels, offsets and verdicts stay."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, select, text, update
from sqlalchemy.orm import Session

from service.storage.database import Database
from service.storage.screenings.records import support_hash
from service.storage.screenings.search import forget_drafts
from service.storage.tables.review import CaseDecisionRow, CaseRow, SessionRow
from service.storage.tables.screenings import (
    AcknowledgementRow,
    AppealRow,
    IdempotencyRow,
    OutboxRow,
    ScreeningRow,
    UnscreenedRow,
)

KEEP_KEYS = timedelta(days=7)
"""How long an Idempotency-Key is remembered, and a delivered webhook."""
_GROUP = 500


@dataclass(frozen=True, slots=True)
class PurgeScope:
    """Whose text is to go: that older than a moment, one merchant's, one order's, or what fits all that are given."""

    before: datetime | None = None
    merchant_id: str | None = None
    support_id: str | None = None


def purge_text(database: Database, scope: PurgeScope, now: datetime) -> int:
    """Remove the text of screenings, and words typed about them; how many. In small transactions: nobody waits long."""
    total = 0
    while True:
        with database.writing() as session:
            ids = session.scalars(select(ScreeningRow.id).where(*_conditions(scope)).limit(_GROUP)).all()
            if not ids:
                break
            _purge(session, ids, now)
            total += len(ids)
    with database.writing() as session:
        session.execute(update(UnscreenedRow).where(*_unscreened(scope)).values(draft=None))
        if total and database.kind == "sqlite":
            session.execute(text("INSERT INTO search(search) VALUES('optimize')"))  # drops the words' remains
    return total


def _conditions(scope: PurgeScope) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [ScreeningRow.draft.is_not(None)]
    if scope.before is not None:
        conditions.append(ScreeningRow.created_at < scope.before)
    if scope.merchant_id is not None:
        conditions.append(ScreeningRow.merchant_id == scope.merchant_id)
    if scope.support_id is not None:
        conditions.append(ScreeningRow.support_hash == support_hash(scope.support_id))
    return conditions


def _unscreened(scope: PurgeScope) -> list[ColumnElement[bool]]:
    """A draft that was sent unscreened is kept twice: as such, and as the screening made of it afterwards."""
    conditions: list[ColumnElement[bool]] = [UnscreenedRow.draft.is_not(None)]
    if scope.before is not None:
        conditions.append(UnscreenedRow.created_at < scope.before)
    if scope.merchant_id is not None:
        conditions.append(UnscreenedRow.merchant_id == scope.merchant_id)
    if scope.support_id is not None:
        conditions.append(UnscreenedRow.support_hash == support_hash(scope.support_id))
    return conditions


def _purge(session: Session, ids: Sequence[str], now: datetime) -> None:
    cases = select(CaseRow.id).where(CaseRow.screening_id.in_(ids))
    changes: list[Any] = [
        update(ScreeningRow).where(ScreeningRow.id.in_(ids)).values(draft=None, purged_at=now),
        update(AcknowledgementRow).where(AcknowledgementRow.screening_id.in_(ids)).values(reason=None),
        update(AppealRow).where(AppealRow.screening_id.in_(ids)).values(words=None, note=None),
        update(CaseDecisionRow).where(CaseDecisionRow.case_id.in_(cases)).values(details=None),
    ]
    for change in changes:
        session.execute(change.execution_options(synchronize_session=False))
    forget_drafts(session.connection(), ids)


def purge_leftovers(database: Database, now: datetime) -> None:
    """Remove what nobody asks for any more: old Idempotency-Keys, delivered webhooks, ended sessions."""
    old = now - KEEP_KEYS
    with database.writing() as session:
        session.execute(delete(IdempotencyRow).where(IdempotencyRow.created_at < old))
        session.execute(delete(OutboxRow).where(OutboxRow.delivered_at < old))
        session.execute(delete(SessionRow).where(SessionRow.expires_at < now))
