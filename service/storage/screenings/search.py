"""Full-text search over the drafts of cases: SQLite's FTS5, or PostgreSQL's tsvector. Not used where text is encrypted.

Both keep a table `search` with `screening_id` and the words of subject, body and Support ID.
"""

from collections.abc import Iterable

from sqlalchemy import Connection, TextualSelect, column, text

from classifier import Draft

_ADD = {
    "sqlite": text("INSERT OR REPLACE INTO search (rowid, screening_id, words) VALUES (:row, :id, :words)"),
    "postgresql": text(
        "INSERT INTO search (screening_id, words) VALUES (:id, to_tsvector('simple', :words))"
        " ON CONFLICT (screening_id) DO UPDATE SET words = EXCLUDED.words"
    ),
}
_FIND = {
    "sqlite": "SELECT screening_id FROM search WHERE search MATCH :query",
    "postgresql": "SELECT screening_id FROM search WHERE words @@ plainto_tsquery('simple', :query)",
}
_FORGET = {
    "sqlite": "DELETE FROM search WHERE rowid = :row",
    "postgresql": "DELETE FROM search WHERE screening_id = :id",
}
_LONGEST = 200_000


def index_drafts(connection: Connection, drafts: Iterable[tuple[str, Draft]]) -> None:
    """Make drafts findable, each by its screening's id; one that is there already is renewed."""
    rows = [{"id": screening_id, "row": _row(screening_id), "words": _words(draft)} for screening_id, draft in drafts]
    if rows:
        connection.execute(_ADD[connection.dialect.name], rows)


def found_drafts(kind: str, query: str) -> TextualSelect | None:
    """The screenings whose draft holds all words of the query, as a select of their ids for one kind of database: all
    of them, for a query that narrows further. None where the query, which may be any string, has no word."""
    words = [word for word in query.replace("\0", " ").replace('"', " ").split() if any(map(str.isalnum, word))]
    if not words:
        return None
    wanted = " ".join(f'"{word}"' for word in words) if kind == "sqlite" else " ".join(words)
    return text(_FIND[kind]).bindparams(query=wanted).columns(column("screening_id"))


def forget_drafts(connection: Connection, ids: Iterable[str]) -> None:
    """Take drafts out of the index."""
    rows = [{"id": screening_id, "row": _row(screening_id)} for screening_id in ids]
    if rows:
        connection.execute(text(_FORGET[connection.dialect.name]), rows)


def _row(screening_id: str) -> int:
    """FTS5 finds a row fast by its number alone: the id's random half."""
    return int(screening_id[-15:], 16)


def _words(draft: Draft) -> str:
    whole = f"{draft.support_id}\n{draft.subject}\n{draft.body}"[:_LONGEST]
    return whole.replace("\0", " ").encode("utf-8", "replace").decode()
