"""What a person likes at the desk: their keys, and the queues that they starred."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from service.review.auth.roles import Reviewer
from service.storage.tables.review import PreferenceRow

MOST_STARRED = 12


def preferences(session: Session, me: Reviewer) -> Mapping[str, Any]:
    """Everything that a reviewer has chosen, by name; what was never chosen is not there."""
    row = session.get(PreferenceRow, me.id)
    return row.chosen if row else {}


def keep_preferences(session: Session, me: Reviewer, chosen: Mapping[str, Any]) -> None:
    """Keep some choices; the others stay as they are."""
    row = session.get(PreferenceRow, me.id)
    if row is None:
        session.add(PreferenceRow(user_id=me.id, chosen=dict(chosen)))
    else:
        row.chosen = {**row.chosen, **chosen}


def starred(session: Session, me: Reviewer) -> dict[str, str]:
    """The queues that a reviewer starred: the query of each, and the name that it had."""
    found = preferences(session, me).get("starred", {})
    return dict(found) if isinstance(found, dict) else {}


def star(session: Session, me: Reviewer, query: str, name: str, *, on: bool) -> None:
    """Star a queue or take its star; the oldest star goes where there are too many."""
    found = {key: kept for key, kept in starred(session, me).items() if key != query}
    if on:
        found[query] = name[:60] or "Queue"
    keep_preferences(session, me, {"starred": dict(list(found.items())[-MOST_STARRED:])})
