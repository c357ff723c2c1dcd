"""Saved views: a filter under a name, one's own, everyone's, or one that a lead routes to a colleague."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.http.errors import ServiceError
from service.review.auth.roles import Reviewer
from service.review.queue.filters import QueueFilter
from service.storage.audit import note
from service.storage.tables.review import SavedViewRow, UserRow

MOST = 40


@dataclass(frozen=True, slots=True)
class SavedView:
    """A kept filter; `query` is a page's query. `mine`: this reviewer may remove it. `routed_by`: the lead who routes
    what it finds to a colleague; `routed_to`: that colleague, where the lead looks."""

    id: int
    name: str
    query: str
    shared: bool
    mine: bool
    routed_by: str = ""
    routed_to: str = ""


def views_of(session: Session, me: Reviewer) -> list[SavedView]:
    """The views that a reviewer sees, by name: those kept, those routed to them, and those that they route."""
    rows = session.execute(
        select(SavedViewRow, UserRow.name)
        .outerjoin(UserRow, UserRow.id == SavedViewRow.user_id)
        .order_by(SavedViewRow.name)
    ).all()
    seen = [(row, to) for row, to in rows if row.user_id in (me.id, None) or row.query.get("by") == me.name]
    return [_view(row, to, me) for row, to in seen[:MOST]]


def _view(row: SavedViewRow, owner: str | None, me: Reviewer) -> SavedView:
    by = str(row.query.get("by", ""))
    to = owner or "" if by and row.user_id != me.id else ""
    return SavedView(
        row.id, row.name, str(row.query.get("text", "")), row.user_id is None, _may_drop(row, me),
        by if by and row.user_id == me.id else "", to,
    )  # fmt: skip


def keep_view(
    session: Session, me: Reviewer, name: str, asked: QueueFilter, *, shared: bool = False, to: int = 0
) -> int:
    """Keep a view, for oneself, for everyone, or routed to the colleague whose id is `to`; its id. Raises 422 without a
    name, 403 where a reviewer shares or routes, 404 for no such colleague."""
    if not name:
        raise ServiceError(422, "name: give the view a name.")
    if (shared or to) and not me.may("lead"):
        raise ServiceError(403, "Only a lead keeps a view for everyone, or routes one to a colleague.")
    query: dict[str, object] = {"text": asked.text}
    if to:
        colleague = session.get(UserRow, to)
        if colleague is None or colleague.disabled_at or colleague.role == "auditor":
            raise ServiceError(404, "to: no such colleague.")
        query["by"] = me.name
        note(session, me.name, "routed", f"user:{colleague.name}", after={"view": name, "filter": asked.text})
    now = datetime.now(UTC)
    row = SavedViewRow(user_id=None if shared else to or me.id, name=name, query=query, created_at=now)
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
    by = row.query.get("by")
    return by == me.name or (row.user_id == me.id and not by) or (row.user_id is None and me.may("lead"))
