"""The queue as the store holds it: rows in order of what is due first, page by page.

Each page is one walk along an index (`ix_cases_waiting`, `ix_cases_kind`) from where the last page ended, so that
the hundred-thousandth case costs what the first one does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, false, func, not_, or_, select, true
from sqlalchemy.orm import Session

from service.review.auth.roles import Reviewer
from service.review.cases.state import has_outcome, in_this_round
from service.review.queue.filters import Place, QueueFilter
from service.review.queue.folding import fold, head_of_fold
from service.review.queue.ordering import beyond, ordered, place_of
from service.review.queue.snippets import Snippet, snippet
from service.review.web.wording import KIND, split, urgency
from service.storage.encryption import Encryptor
from service.storage.screenings.documents import read_document
from service.storage.screenings.search import found_drafts
from service.storage.tables.review import CaseDecisionRow, CaseRow, UserRow
from service.storage.tables.screenings import FindingRow, ScreeningRow

PAGE = 50
MOST_COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A case as the queue shows it."""

    id: str
    kind: str
    state: str
    decision: str
    labels: tuple[str, ...]
    subject: str
    snippet: Snippet
    merchant: str | None
    created_at: datetime
    due_at: datetime
    decided_at: datetime | None
    holder: str | None
    urgency: str
    template: str | None = None
    times: int = 1
    """How many cases of the queue have this template. Where the queue folds, this one stands for all of them."""


def conditions(session: Session, asked: QueueFilter, me: Reviewer, now: datetime) -> list[ColumnElement[bool]]:
    """What a case must be to be in a filtered queue."""
    start, end = asked.moments()
    found: list[ColumnElement[bool]] = [_queue(asked.queue, me, now)]
    if asked.label:
        found.append(CaseRow.labels.contains(asked.label, autoescape=True))
    for name, column in _EQUAL.items():
        if value := getattr(asked, name):
            found.append(column == value)
    if asked.rule:
        hits = select(FindingRow.screening_id).where(FindingRow.rule_id == asked.rule)
        found.append(CaseRow.screening_id.in_(hits))
    if start:
        found.append(CaseRow.created_at >= start)
    if end:
        found.append(CaseRow.created_at < end)
    if asked.words:
        wanted = found_drafts(session.get_bind().dialect.name, asked.words)
        found.append(CaseRow.screening_id.in_(wanted) if wanted is not None else false())
    return found


_EQUAL: dict[str, Any] = {
    "decision": CaseRow.decision,
    "merchant": CaseRow.merchant_id,
    "model": CaseRow.model_version,
    "language": CaseRow.language,
    "template": CaseRow.template_hash,
}


def _queue(queue: str, me: Reviewer, now: datetime) -> ColumnElement[bool]:
    if queue == "any":
        return true()
    if queue == "decided":
        return CaseRow.decided_at.is_not(None)
    waiting = CaseRow.decided_at.is_(None)
    if queue == "mine":
        return and_(waiting, CaseRow.claimed_by == me.id, CaseRow.state == "held")
    if queue in ("second", "disputed"):
        return and_(waiting, CaseRow.state == queue, _not_decided_by(me))
    free = and_(waiting, offered(me, now))
    return and_(CaseRow.kind == queue, free) if queue in KIND else free


def offered(me: Reviewer, now: datetime) -> ColumnElement[bool]:
    """Not what somebody else holds, nor disputes to a reviewer, nor what this reviewer has decided already."""
    held_elsewhere = and_(CaseRow.state == "held", CaseRow.claimed_by != me.id, CaseRow.lock_expires_at > now)
    disputed = CaseRow.state == "disputed" if not me.may("lead") else None
    parts = [not_(held_elsewhere), or_(CaseRow.state != "second", _not_decided_by(me))]
    return and_(*parts, not_(disputed)) if disputed is not None else and_(*parts)


def _not_decided_by(me: Reviewer) -> ColumnElement[bool]:
    """The case has no standing decision by this reviewer."""
    mine = exists().where(
        CaseDecisionRow.case_id == CaseRow.id,
        CaseDecisionRow.actor_id == me.id,
        has_outcome(),
        in_this_round(),
    )
    return not_(mine)


def page(
    session: Session, encryptor: Encryptor, asked: QueueFilter, me: Reviewer
) -> tuple[list[QueueRow], Place | None]:
    """One page of the queue and where the next one begins, None on the last."""
    now = datetime.now(UTC)
    wanted = conditions(session, asked, me, now)
    found = fold(session, asked, wanted, PAGE)
    query = _shown().where(CaseRow.id.in_(found.ids))
    lines = {
        case.id: _line(encryptor, case, draft, verdict, holder, now)
        for case, draft, verdict, holder in session.execute(query)
    }
    times = found.times
    rows = [replace(lines[i], times=times.get(lines[i].template or "", 1)) for i in found.ids if i in lines]
    return rows, found.following


def _shown() -> Any:
    """A select of what a row shows."""
    return (
        select(CaseRow, ScreeningRow.draft, ScreeningRow.verdict, UserRow.name)
        .join(ScreeningRow, ScreeningRow.id == CaseRow.screening_id)
        .outerjoin(UserRow, UserRow.id == CaseRow.claimed_by)
    )


def rows_of(session: Session, encryptor: Encryptor, ids: Sequence[str]) -> list[QueueRow]:
    """These cases as the queue shows them, in this order."""
    found = {
        case.id: _line(encryptor, case, draft, verdict, None, datetime.now(UTC))
        for case, draft, verdict, _ in session.execute(_shown().where(CaseRow.id.in_(ids)))
    }
    return [found[case_id] for case_id in ids if case_id in found]


def _line(
    encryptor: Encryptor, case: CaseRow, encrypted: bytes | None, verdict: bytes, holder: str | None, now: datetime
) -> QueueRow:
    draft = encryptor.decrypt_draft(encrypted) if encrypted else None
    held = case.lock_expires_at is not None and case.lock_expires_at > now
    return QueueRow(
        id=case.id, kind=case.kind, state=case.state, decision=case.decision, labels=tuple(split(case.labels)),
        subject=draft.subject.strip()[:200] if draft else "(text removed)",
        snippet=snippet(draft, read_document(verdict)), template=case.template_hash,
        merchant=case.merchant_id, created_at=case.created_at, due_at=case.due_at, decided_at=case.decided_at,
        holder=holder if held else None, urgency=urgency(case.due_at, now),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Position:
    """Where a case stands in its queue: the `number`-th of `total`; both end at MOST_COUNTED."""

    number: int
    total: int


def position(session: Session, asked: QueueFilter, me: Reviewer, case: CaseRow) -> Position:
    """Where a case stands in a filtered queue."""
    wanted = conditions(session, asked, me, datetime.now(UTC))
    before = _count(session, [*wanted, beyond(asked.queue, place_of(case, asked.queue), before=True)])
    return Position(before + 1, max(_count(session, wanted), before + 1))


def _count(session: Session, wanted: list[ColumnElement[bool]]) -> int:
    within = select(CaseRow.id).where(*wanted).limit(MOST_COUNTED).subquery()
    return session.scalar(select(func.count()).select_from(within)) or 0


def page_around(session: Session, asked: QueueFilter, me: Reviewer, case_id: str) -> tuple[QueueFilter, str]:
    """The page of a queue on which a case stands, with some cases before it, and the id of the row that shows it: where
    a reviewer comes back to."""
    case = session.get(CaseRow, case_id)
    if case is None:
        return asked, case_id
    wanted = conditions(session, asked, me, datetime.now(UTC))
    case = head_of_fold(session, asked, wanted, case)
    query = ordered(select(CaseRow).where(*wanted), asked.queue, place_of(case, asked.queue), backwards=True)
    before = session.scalars(query.limit(PAGE // 2)).all()
    there = replace(asked, after=place_of(before[-1], asked.queue)) if len(before) == PAGE // 2 else asked
    return there, case.id


def step(session: Session, asked: QueueFilter, me: Reviewer, case: CaseRow, by: int) -> str | None:
    """The id of the next (or, `by` -1, the previous) case in the queue's order; None at its end."""
    query = select(CaseRow.id).where(*conditions(session, asked, me, datetime.now(UTC)))
    place = place_of(case, asked.queue)
    found: str | None = session.scalar(ordered(query, asked.queue, place, backwards=by < 0).limit(1))
    return found


def first_free(session: Session, asked: QueueFilter, me: Reviewer, after: Place | None = None) -> str | None:
    """The id of the first case of the queue that nobody works on, from a place on, then from the beginning."""
    now = datetime.now(UTC)
    free = or_(CaseRow.claimed_by.is_(None), CaseRow.claimed_by == me.id, CaseRow.lock_expires_at <= now)
    query = select(CaseRow.id).where(*conditions(session, asked, me, now), free, offered(me, now))
    query = query.where(CaseRow.decided_at.is_(None))
    for place in (after, None) if after else (None,):
        found: str | None = session.scalar(ordered(query, asked.queue, place).limit(1))
        if found:
            return found
    return None
