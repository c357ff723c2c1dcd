"""Full-text search over the drafts of cases: SQLite's FTS5, or PostgreSQL's tsvector. Not used where text is encrypted.

Both keep a table `search` with `screening_id` and the words of subject, body and Support ID, without case and accents,
sharp s as ss, and words with an umlaut a second time as they are written without one (ueber). The workbench puts drafts
in as they were typed, until `maintenance/indexing.py` puts them in again, so that a query asks for both.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

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
    "postgresql": "SELECT screening_id FROM search WHERE words @@ ({query})",
}
_FORGET = {
    "sqlite": "DELETE FROM search WHERE rowid = :row",
    "postgresql": "DELETE FROM search WHERE screening_id = :id",
}
_LONGEST = 200_000
_TERM = re.compile(r'"([^"]*)"|([^\s"]+)')
_WORD = re.compile(r"\w+")
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
_WITH_DOTS = frozenset("äöü")


def index_drafts(connection: Connection, drafts: Iterable[tuple[str, Draft]]) -> None:
    """Make drafts findable, each by its screening's id; one that is there already is renewed."""
    rows = [{"id": screening_id, "row": _row(screening_id), "words": _words(draft)} for screening_id, draft in drafts]
    if rows:
        connection.execute(_ADD[connection.dialect.name], rows)


def found_drafts(kind: str, query: str) -> TextualSelect | None:
    """The screenings whose draft holds all words of the query, as a select of their ids for one kind of database: all
    of them, for a query that narrows further. None where the query, which may be any string, has no word."""
    terms = search_terms(query)
    if not terms:
        return None
    if kind == "sqlite":
        wanted = " AND ".join(term.for_sqlite() for term in terms)
        return text(_FIND[kind]).bindparams(query=wanted).columns(column("screening_id"))
    parts: list[str] = []
    values: dict[str, str] = {}
    for number, term in enumerate(terms):
        part, bound = term.for_postgresql(f"t{number}")
        parts.append(part)
        values |= bound
    return text(_FIND[kind].format(query=" && ".join(parts))).bindparams(**values).columns(column("screening_id"))


@dataclass(frozen=True, slots=True)
class SearchTerm:
    """Words that stand one after another; the last one may be the beginning of a longer one (`prefix`)."""

    words: tuple[str, ...]
    prefix: bool = False

    def _ways(self) -> list[tuple[str, ...]]:
        """As the index keeps them, and as typed, where that differs."""
        kept = tuple(words_without_accents(word) for word in self.words)
        return list(dict.fromkeys((kept, self.words)))

    def for_sqlite(self) -> str:
        """As FTS5 reads it."""
        star = " *" if self.prefix else ""
        return "(" + " OR ".join(f'"{" ".join(way)}"{star}' for way in self._ways()) + ")"

    def for_postgresql(self, name: str) -> tuple[str, dict[str, str]]:
        """As an expression of type tsquery, with its parameters, whose names begin with `name`."""
        values = {f"{name}_{n}": self._tsquery(way) for n, way in enumerate(self._ways())}
        return "(" + " || ".join(f"to_tsquery('simple', :{key})" for key in values) + ")", values

    def _tsquery(self, way: tuple[str, ...]) -> str:
        return " <-> ".join(f"'{word}'" for word in way) + (":*" if self.prefix else "")


def search_terms(query: str) -> list[SearchTerm]:
    """What a person asks for: words, "words in this order", and beginnings of words*. Anything else parts words."""
    found = []
    for phrase, single in _TERM.findall(query.replace("\0", " ")):
        words = tuple(_WORD.findall((phrase or single).casefold().replace("_", " ")))
        if words:
            found.append(SearchTerm(words, prefix=single.endswith("*")))
    return found


def words_without_accents(text: str) -> str:
    """Text in lower case without accents; sharp s is ss."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize("NFKC", "".join(letter for letter in apart if not unicodedata.combining(letter)))


def forget_drafts(connection: Connection, ids: Iterable[str]) -> None:
    """Take drafts out of the index."""
    rows = [{"id": screening_id, "row": _row(screening_id)} for screening_id in ids]
    if rows:
        connection.execute(text(_FORGET[connection.dialect.name]), rows)


def _row(screening_id: str) -> int:
    """FTS5 finds a row fast by its number alone: the id's random half."""
    return int(screening_id[-15:], 16)


def _words(draft: Draft) -> str:
    whole = f"{draft.support_id}\n{draft.subject}\n{draft.body}"[:_LONGEST].replace("\0", " ")
    spelled = "" if whole.isascii() else unicodedata.normalize("NFC", whole).casefold()
    other = dict.fromkeys(
        word.translate(_UMLAUTS) for word in _WORD.findall(spelled) if not _WITH_DOTS.isdisjoint(word)
    )
    words = words_without_accents(" ".join((whole, *other))).replace("_", " ")
    return " ".join(_WORD.findall(words)).encode("utf-8", "replace").decode()
