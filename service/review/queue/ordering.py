"""The order of a queue, and where a case stands in it."""

from typing import Any, Protocol

from sqlalchemy import ColumnElement, tuple_

from service.review.queue.filters import Place
from service.storage.tables.review import CaseRow


class Placed(Protocol):
    """What has a place in a queue: a case, or its row."""

    id: Any
    due_at: Any
    decided_at: Any


DOWNWARDS = ("decided", "any")
"""Queues with the newest on top; the others have what is due first."""


def ordered(query: Any, queue: str, after: Place | None, *, backwards: bool = False) -> Any:
    """A select of cases in the order of the queue, from a place on."""
    down = (queue in DOWNWARDS) != backwards
    if after:
        query = query.where(beyond(queue, after, before=backwards))
    # decided_at is NULL for all that waits; PostgreSQL follows the index only if the order names it too
    keys = _columns(queue) if queue in DOWNWARDS else (CaseRow.decided_at, *_columns(queue))
    return query.order_by(*(key.desc() if down else key for key in keys))


def beyond(queue: str, place: Place, *, before: bool = False) -> ColumnElement[bool]:
    """That a case stands after a place in the order of the queue, or before it."""
    key, at = tuple_(*_columns(queue)), tuple_(*place[-len(_columns(queue)) :])
    return key < at if (queue in DOWNWARDS) != before else key > at


def _columns(queue: str) -> tuple[Any, ...]:
    """What a queue is ordered by. An id begins with the time of its case."""
    if queue == "any":
        return (CaseRow.id,)
    return (CaseRow.decided_at if queue == "decided" else CaseRow.due_at), CaseRow.id


def place_of(case: Placed, queue: str) -> Place:
    """Where a case stands in the order of a queue."""
    return (case.decided_at or case.due_at) if queue == "decided" else case.due_at, case.id
