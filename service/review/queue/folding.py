"""Cases of one template stand in the queue as one row, the one that is due first, with how many they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, not_, select
from sqlalchemy.orm import Session

from service.review.queue.filters import Place, QueueFilter
from service.review.queue.ordering import beyond, ordered, place_of
from service.storage.tables.review import CaseRow

SCANNED = 1000
"""So many cases at most are read for one page."""


@dataclass(frozen=True, slots=True)
class Fold:
    """One page of a queue: the cases that it shows, how many each template has, and where the next page begins."""

    ids: list[str]
    times: Mapping[str, int]
    following: Place | None


def fold(session: Session, asked: QueueFilter, wanted: Sequence[ColumnElement[bool]], most: int) -> Fold:
    """The first `most` rows of a queue from the filter's place on; `wanted` is what its cases must be."""
    limit = SCANNED if asked.folds else most
    query = select(CaseRow.id, CaseRow.due_at, CaseRow.decided_at, CaseRow.template_hash).where(*wanted)
    found = session.execute(ordered(query, asked.queue, asked.after).limit(limit + 1)).all()
    templates = {row.template_hash for row in found if row.template_hash} if asked.folds else set()
    seen = _shown_before(session, asked, wanted, templates)
    shown: list[Any] = []
    last = None
    for row in found[:limit]:
        if asked.folds and row.template_hash in seen:
            last = row
            continue
        if len(shown) == most:
            break
        shown.append(row)
        last = row
        if row.template_hash:
            seen.add(row.template_hash)
    more = last is not None and last is not found[-1]
    times = _times(session, wanted, [row.template_hash for row in shown if row.template_hash]) if asked.folds else {}
    return Fold([row.id for row in shown], times, place_of(last, asked.queue) if more else None)  # type: ignore[arg-type]


def _shown_before(
    session: Session, asked: QueueFilter, wanted: Sequence[ColumnElement[bool]], templates: set[str]
) -> set[str]:
    """The templates that stood on a page before this one."""
    if not asked.after or not templates:
        return set()
    before = not_(beyond(asked.queue, asked.after))
    query = select(CaseRow.template_hash).where(*wanted, before, CaseRow.template_hash.in_(templates)).distinct()
    return {str(template) for template in session.scalars(query)}


def _times(session: Session, wanted: Sequence[ColumnElement[bool]], templates: Sequence[str]) -> Mapping[str, int]:
    query = select(CaseRow.template_hash, func.count()).where(*wanted, CaseRow.template_hash.in_(templates))
    return {str(template): count for template, count in session.execute(query.group_by(CaseRow.template_hash))}


def head_of_fold(session: Session, asked: QueueFilter, wanted: Sequence[ColumnElement[bool]], case: CaseRow) -> CaseRow:
    """The case whose row stands for this one."""
    if not asked.folds or not case.template_hash or case.decided_at:
        return case
    query = select(CaseRow).where(*wanted, CaseRow.template_hash == case.template_hash)
    head: CaseRow | None = session.scalar(ordered(query, asked.queue, None).limit(1))
    return head if head and place_of(head, asked.queue) < place_of(case, asked.queue) else case
