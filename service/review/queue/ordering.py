"""The order of a queue, and where a case stands in it."""

from typing import Any, Protocol

from sqlalchemy import tuple_

from service.review.queue.filters import Place
from service.storage.tables.review import CaseRow


class Placed(Protocol):
    """What has a place in a queue: a case, or its row."""

    id: Any
    due_at: Any
    decided_at: Any


def ordered(query: Any, queue: str, after: Place | None, *, backwards: bool = False) -> Any:
    """A select of cases in the order of the queue, from a place on: due first; decided ones newest first."""
    moment = CaseRow.decided_at if queue == "decided" else CaseRow.due_at
    down = (queue == "decided") != backwards
    if after:
        key, place = tuple_(moment, CaseRow.id), tuple_(*after)
        query = query.where(key < place if down else key > place)
    # decided_at is NULL for all that waits; PostgreSQL follows the index only if the order names it too
    keys = (moment, CaseRow.id) if queue == "decided" else (CaseRow.decided_at, moment, CaseRow.id)
    return query.order_by(*(key.desc() if down else key for key in keys))


def place_of(case: Placed, queue: str) -> Place:
    """Where a case stands in the order of a queue."""
    return (case.decided_at or case.due_at) if queue == "decided" else case.due_at, case.id
