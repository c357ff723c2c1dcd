"""Retention: text goes, hashes, labels, offsets and verdicts stay. A purge says what it removed and shows that it is
gone (`scrubbing.py` sees to what a deleted row leaves in the files)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import orjson
from sqlalchemy import ColumnElement, CursorResult, and_, delete, func, or_, select, text, update
from sqlalchemy.orm import Session

from service.storage.audit import note
from service.storage.database import Database
from service.storage.maintenance.scrubbing import Samples, scrub
from service.storage.screenings.records import support_hash
from service.storage.screenings.search import forget_drafts
from service.storage.tables.review import CaseDecisionRow, CaseRow, SavedViewRow, SessionRow
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

    @property
    def words(self) -> str:
        """What it is purged by, without naming anybody."""
        named = {"age": self.before, "merchant": self.merchant_id, "order": self.support_id}
        return " and ".join(name for name, value in named.items() if value is not None) or "nothing"


@dataclass(frozen=True, slots=True)
class PurgeReport:
    """What a purge removed, by kind; sentences on what was shown to be gone, what was found to be left, and what no
    purge reaches."""

    removed: Mapping[str, int]
    shown: tuple[str, ...]
    left: tuple[str, ...]
    unreached: tuple[str, ...]

    @property
    def screenings(self) -> int:
        """How many screenings lost their text."""
        return self.removed.get("drafts", 0)


def purge_text(
    database: Database, scope: PurgeScope, now: datetime, *, actor: str = "service", prove: bool = False,
    rewrite: bool = False,
) -> PurgeReport:  # fmt: skip
    """Remove the text of screenings, and what was typed about them. In small transactions: nobody waits long.

    `prove` also looks for pieces of the removed text in SQLite's files; `rewrite` writes the whole tables again,
    which locks them meanwhile, so that nothing is left between the rows.
    """
    removed: Counter[str] = Counter()
    samples = Samples()
    while True:
        with database.writing() as session:
            query = select(ScreeningRow.id, ScreeningRow.draft).where(*_conditions(scope)).limit(_GROUP)
            found = session.execute(query).all()
            if not found:
                break
            samples.take(row.draft for row in found)
            removed += _purge(session, [row.id for row in found], scope, now)
    with database.writing() as session:
        removed += _purge_rest(session, scope)
        if removed:
            if database.kind == "sqlite":
                session.execute(text("INSERT INTO search(search) VALUES('optimize')"))  # drops the words' remains
            note(session, actor, "purged", "text", after={"by": scope.words, **removed})
    with database.reading() as session:
        left = [sentence for kind, count in _remaining(session, scope).items() if count
                for sentence in [f"{count} {kind} in scope still have their text"]]  # fmt: skip
    shown = [] if left else ["no row in scope has text, and none of them is in the search index"]
    done = scrub(database, samples if prove else Samples(), rewrite=rewrite, anything=bool(removed))
    return PurgeReport(dict(removed), (*shown, *done.shown), (*left, *done.left), done.unreached)


def _conditions(scope: PurgeScope) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if scope.before is not None:
        conditions.append(ScreeningRow.created_at < scope.before)
    if scope.support_id is not None:
        conditions.append(ScreeningRow.support_hash == support_hash(scope.support_id))
    if scope.merchant_id is None:
        return [*conditions, ScreeningRow.draft.is_not(None)]
    return [*conditions, ScreeningRow.merchant_id == scope.merchant_id]  # which goes too, with the text or after it


def _purge(session: Session, ids: Sequence[str], scope: PurgeScope, now: datetime) -> Counter[str]:
    cases = select(CaseRow.id).where(CaseRow.screening_id.in_(ids))
    mine = ScreeningRow.id.in_(ids)
    moments = session.scalars(select(ScreeningRow.created_at).where(mine)).all()
    changes: list[tuple[str, Any]] = [
        ("drafts", update(ScreeningRow).where(mine, ScreeningRow.draft.is_not(None)).values(draft=None, purged_at=now)),
        ("acknowledgements", _acknowledgements(AcknowledgementRow.screening_id.in_(ids))),
        ("appeals", _appeals(AppealRow.screening_id.in_(ids))),
        ("reviewers' notes", update(CaseDecisionRow)
            .where(CaseDecisionRow.case_id.in_(cases), CaseDecisionRow.details.is_not(None)).values(details=None)),
        ("idempotency keys", delete(IdempotencyRow)
            .where(IdempotencyRow.created_at.in_(moments), IdempotencyRow.screening_id.in_(ids))),
    ]  # fmt: skip
    if scope.merchant_id is not None:
        changes += [
            ("merchant ids", update(ScreeningRow).where(mine).values(merchant_id=None)),
            ("", update(CaseRow).where(CaseRow.screening_id.in_(ids)).values(merchant_id=None)),
        ]
    counts = _run(session, changes)
    forget_drafts(session.connection(), ids)
    return counts


def _run(session: Session, changes: Sequence[tuple[str, Any]]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for kind, statement in changes:
        result = session.execute(statement.execution_options(synchronize_session=False))
        if kind and isinstance(result, CursorResult) and result.rowcount > 0:
            counts[kind] += result.rowcount
    return counts


def _acknowledgements(whose: ColumnElement[bool]) -> Any:
    said = or_(AcknowledgementRow.reason.is_not(None), AcknowledgementRow.acknowledged_by.is_not(None))
    return update(AcknowledgementRow).where(whose, said).values(reason=None, acknowledged_by=None)


def _appeals(whose: ColumnElement[bool]) -> Any:
    said = or_(AppealRow.words.is_not(None), AppealRow.note.is_not(None))
    return update(AppealRow).where(whose, said).values(words=None, note=None)


def _purge_rest(session: Session, scope: PurgeScope) -> Counter[str]:
    """What is not found by its screening, and what an older version's purge left."""
    without_text = select(ScreeningRow.id).where(ScreeningRow.draft.is_(None), ScreeningRow.purged_at.is_not(None))
    emptied: dict[str, Any] = {"draft": None, "reason": ""}
    if scope.merchant_id is not None:
        emptied["merchant_id"] = None
    counts = _run(
        session,
        [
            ("acknowledgements", _acknowledgements(AcknowledgementRow.screening_id.in_(without_text))),
            ("unscreened drafts", update(UnscreenedRow).where(*_unscreened(scope)).values(**emptied)),
        ],
    )
    if views := _views(session, scope):
        counts += _run(session, [("saved views", delete(SavedViewRow).where(SavedViewRow.id.in_(views)))])
    if scope.merchant_id is not None and (hooks := _without_merchant(session, scope)):
        counts["webhooks"] += hooks
    return counts


def _unscreened(scope: PurgeScope) -> list[ColumnElement[bool]]:
    """A draft that was sent unscreened is kept twice: as such, and as the screening made of it afterwards."""
    said = [UnscreenedRow.draft.is_not(None), UnscreenedRow.reason != ""]
    conditions: list[ColumnElement[bool]] = []
    if scope.before is not None:
        conditions.append(UnscreenedRow.created_at < scope.before)
    if scope.support_id is not None:
        conditions.append(UnscreenedRow.support_hash == support_hash(scope.support_id))
    if scope.merchant_id is None:
        return [*conditions, or_(*said)]
    return [*conditions, UnscreenedRow.merchant_id == scope.merchant_id]


def _views(session: Session, scope: PurgeScope) -> list[int]:
    """The saved views that are about this merchant or order; by age, old ones that look for words or a merchant."""
    return [row.id for row in session.scalars(select(SavedViewRow)) if _is_about(row, scope)]


def _is_about(view: SavedViewRow, scope: PurgeScope) -> bool:
    asked = parse_qs(str(view.query.get("text", "")))
    words, merchant = " ".join(asked.get("words", ())), " ".join(asked.get("merchant", ()))
    if scope.before is not None and (view.created_at is None or view.created_at >= scope.before):
        return False
    if scope.merchant_id is None and scope.support_id is None:
        return bool(words or merchant)
    said = f"{view.name}\n{words}\n{merchant}".casefold()
    names = [name.strip().casefold() for name in (scope.merchant_id, scope.support_id) if name]
    return bool(names) and all(name in said for name in names)


def _without_merchant(session: Session, scope: PurgeScope) -> int:
    """Take the merchant out of the webhooks that wait or were delivered; how many."""
    found = 0
    for row in session.scalars(select(OutboxRow)):
        said = orjson.loads(row.payload)
        if said.get("merchant_id") == scope.merchant_id and (scope.before is None or row.created_at < scope.before):
            row.payload = orjson.dumps({**said, "merchant_id": None})
            found += 1
    return found


def _remaining(session: Session, scope: PurgeScope) -> dict[str, int]:
    def count(row: Any, *conditions: ColumnElement[bool]) -> int:
        return session.scalar(select(func.count()).select_from(row).where(and_(*conditions))) or 0

    return {
        "screenings": count(ScreeningRow, *_conditions(scope)),
        "unscreened drafts": count(UnscreenedRow, *_unscreened(scope)),
    }


def purge_leftovers(database: Database, now: datetime) -> None:
    """Remove what nobody asks for any more: old Idempotency-Keys, delivered webhooks, ended sessions."""
    old = now - KEEP_KEYS
    with database.writing() as session:
        session.execute(delete(IdempotencyRow).where(IdempotencyRow.created_at < old))
        session.execute(delete(OutboxRow).where(OutboxRow.delivered_at < old))
        session.execute(delete(SessionRow).where(SessionRow.expires_at < now))
