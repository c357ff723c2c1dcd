"""Saved views: a filter under a name, one's own or everyone's."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from service.http.errors import ServiceError
from service.review.auth.roles import Reviewer
from service.review.queue.filters import QueueFilter
from service.storage.tables.review import SavedViewRow

MOST = 40


@dataclass(frozen=True, slots=True)
class SavedView:
    """A kept filter; `query` is a page's query."""

    id: int
    name: str
    query: str
    shared: bool
    mine: bool


def views_of(session: Session, me: Reviewer) -> list[SavedView]:
    """The views that a reviewer sees, by name."""
    rows = session.scalars(
        select(SavedViewRow)
        .where(or_(SavedViewRow.user_id == me.id, SavedViewRow.user_id.is_(None)))
        .order_by(SavedViewRow.name)
        .limit(MOST)
    )
    return [
        SavedView(row.id, row.name, str(row.query.get("text", "")), row.user_id is None, _may_drop(row, me))
        for row in rows
    ]


def keep_view(session: Session, me: Reviewer, name: str, asked: QueueFilter, *, shared: bool) -> int:
    """Keep a view; its id. Raises 422 without a name, 403 where a reviewer shares."""
    if not name:
        raise ServiceError(422, "name: give the view a name.")
    if shared and not me.may("lead"):
        raise ServiceError(403, "Only a lead keeps a view for everyone.")
    now = datetime.now(UTC)
    row = SavedViewRow(user_id=None if shared else me.id, name=name, query={"text": asked.text}, created_at=now)
    session.add(row)
    session.flush()
    return row.id


def drop_view(session: Session, me: Reviewer, view: int) -> None:
    """Remove a view. Raises the 404."""
    row = session.get(SavedViewRow, view)
    if row is None or not _may_drop(row, me):
        raise ServiceError(404, "No view of yours has this id.")
    session.delete(row)


def _may_drop(row: SavedViewRow, me: Reviewer) -> bool:
    return row.user_id == me.id or (row.user_id is None and me.may("lead"))
