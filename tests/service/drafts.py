"""Drafts whose decision is plain, for tests of the service rather than of the judgement."""

from sqlalchemy import Connection

from service.conformance.deployment import ALLOWED, BLOCKED, WARNED
from service.storage.screenings.search import found_drafts

__all__ = ["ALLOWED", "BLOCKED", "WARNED", "drafts_with"]


def drafts_with(connection: Connection, query: str) -> list[str]:
    """The ids of the screenings whose draft holds all words of the query."""
    wanted = found_drafts(connection.dialect.name, query)
    return [] if wanted is None else list(connection.scalars(wanted))
