"""Full-text search over the drafts of cases: SQLite's FTS5, or PostgreSQL's tsvector. Not used where text is encrypted.

Both keep a table `search` with `screening_id` and the words of subject, body and Support ID.
"""

from collections.abc import Iterable

from sqlalchemy import Connection, text

from classifier import Draft

CREATE = {
    "sqlite": ["CREATE VIRTUAL TABLE search USING fts5(screening_id UNINDEXED, words, tokenize='unicode61')"],
    "postgresql": [
        "CREATE TABLE search (screening_id varchar(32) PRIMARY KEY, words tsvector NOT NULL)",
        "CREATE INDEX ix_search_words ON search USING gin (words)",
    ],
}
_ADD = {
    "sqlite": "INSERT INTO search (screening_id, words) VALUES (:id, :words)",
    "postgresql": "INSERT INTO search (screening_id, words) VALUES (:id, to_tsvector('simple', :words))"
    " ON CONFLICT DO NOTHING",
}
_FIND = {
    "sqlite": "SELECT screening_id FROM search WHERE search MATCH :query ORDER BY rank LIMIT :most",
    "postgresql": "SELECT screening_id FROM search WHERE words @@ plainto_tsquery('simple', :query) LIMIT :most",
}
_LONGEST = 200_000


def index_drafts(connection: Connection, drafts: Iterable[tuple[str, Draft]]) -> None:
    """Make drafts findable, each by its screening's id; one that is there already must not be given on SQLite."""
    rows = [{"id": screening_id, "words": _words(draft)} for screening_id, draft in drafts]
    if rows:
        connection.execute(text(_ADD[connection.dialect.name]), rows)


def find_drafts(connection: Connection, query: str, most: int = 1000) -> list[str]:
    """Ids of the screenings whose draft holds all words of the query; any string is a query."""
    words = [word for word in query.replace("\0", " ").replace('"', " ").split() if any(map(str.isalnum, word))]
    if not words:
        return []
    query = " ".join(f'"{word}"' for word in words) if connection.dialect.name == "sqlite" else " ".join(words)
    return list(connection.execute(text(_FIND[connection.dialect.name]), {"query": query, "most": most}).scalars())


def forget_drafts(connection: Connection, ids: Iterable[str]) -> None:
    """Take drafts out of the index."""
    rows = [{"id": screening_id} for screening_id in ids]
    if rows:
        connection.execute(text("DELETE FROM search WHERE screening_id = :id"), rows)


def _words(draft: Draft) -> str:
    whole = f"{draft.support_id}\n{draft.subject}\n{draft.body}"[:_LONGEST]
    return whole.replace("\0", " ").encode("utf-8", "replace").decode()
