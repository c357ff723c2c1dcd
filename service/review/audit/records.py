"""The record of who did what, searched: newest first, page by page. The database refuses to change a row of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from service.storage.audit import broken_rows, head
from service.storage.tables.review import AuditRow

PAGE = 100
MOST_EXPORTED = 100_000
SIGN_INS = ("signed_in", "signed_out", "sign_in_refused")
_NAMES = ("actor", "action", "subject", "since", "until", "sign_ins")


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """What is looked for. `before` is the id that a page ends before. Signing in and out is left out, unless
    `sign_ins` or the action asks for it."""

    actor: str = ""
    action: str = ""
    subject: str = ""
    since: str = ""
    until: str = ""
    sign_ins: str = ""
    before: int = 0

    @classmethod
    def read(cls, query: Mapping[str, str]) -> "AuditQuery":
        """From a page's query; what is not understood looks for everything."""
        before = query.get("before", "")
        texts = {name: query.get(name, "").strip()[:150] for name in _NAMES}
        return cls(**texts, before=int(before) if before.isdigit() and len(before) < 18 else 0)

    @property
    def text(self) -> str:
        """As a query, from the first page."""
        return urlencode({name: getattr(self, name) for name in _NAMES if getattr(self, name)})


def entries(session: Session, asked: AuditQuery, most: int = PAGE) -> list[AuditRow]:
    """Rows of the record, newest first."""
    return list(session.scalars(_query(asked).limit(most)))


def by_subject(rows: Iterable[AuditRow]) -> dict[str, list[AuditRow]]:
    """Rows by what they are about (a case, a rule, a user), in the order of the first of each."""
    found: dict[str, list[AuditRow]] = {}
    for row in rows:
        found.setdefault(row.subject, []).append(row)
    return found


def actions(session: Session) -> list[str]:
    """Every action that was ever recorded."""
    return list(session.scalars(select(AuditRow.action).distinct().order_by(AuditRow.action).limit(200)))


@dataclass(frozen=True, slots=True)
class ShownChain:
    """The chain of the audit as its page tells of it: how many hashes, the newest, and which rows shown break it."""

    hashes: int
    newest: str
    broken: frozenset[int]


def shown_chain(session: Session, rows: Sequence[AuditRow]) -> ShownChain:
    """The chain up to each of these rows from the hash before them; `python -m service check` goes through all."""
    connection = session.connection()
    hashes, newest = head(connection)
    return ShownChain(hashes, newest, frozenset(broken_rows(connection, rows, newest)))


def _query(asked: AuditQuery) -> Select[AuditRow]:
    query = select(AuditRow).order_by(AuditRow.id.desc())
    if asked.actor:
        query = query.where(AuditRow.actor == asked.actor)
    if asked.action:
        query = query.where(AuditRow.action == asked.action)
    elif not asked.sign_ins:
        query = query.where(AuditRow.action.not_in(SIGN_INS))
    if asked.subject:
        query = query.where(
            or_(AuditRow.subject == asked.subject, AuditRow.subject.endswith(f":{asked.subject}", autoescape=True))
        )
    if start := _day(asked.since):
        query = query.where(AuditRow.at >= start)
    if end := _day(asked.until):
        query = query.where(AuditRow.at < end + timedelta(days=1))
    return query.where(AuditRow.id < asked.before) if asked.before else query


def _day(text: str) -> datetime | None:
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError:
        return None
