"""Sessions at the desk: an opaque cookie, an end after some hours and after a while of nobody being there."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from service.review.auth.roles import Reviewer
from service.storage.audit import note
from service.storage.tables.review import SessionRow, UserRow

COOKIE = "review_session"
_UNPRINTED = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class SessionLife:
    """How long a session lasts: from its start at most, and without anybody there."""

    whole: timedelta
    idle: timedelta

    def end(self, started: datetime, now: datetime) -> datetime:
        """When a session ends that is used now."""
        return min(started + self.whole, now + self.idle)

    @property
    def renewed_each(self) -> timedelta:
        """A use is written down no more often than this: a page is no reason for a write each time."""
        return min(self.idle / 10, timedelta(minutes=1))


@dataclass(frozen=True, slots=True)
class SignedInSession:
    """A session as its owner sees it. `id` names it and opens nothing; `last_used` is None where the session's end
    does not depend on its use any more."""

    id: str
    started: datetime
    last_used: datetime | None
    ends: datetime
    here: bool


def refused(session: Session, name: str) -> None:
    """Note on the audit that a burst of wrong passwords has begun."""
    note(session, "console", "sign_in_refused", _subject(name))


def start(
    session: Session, user_id: int, name: str, life: SessionLife, *, refused_before: int = 0, by: str = ""
) -> str:
    """Begin a session: the secret for the cookie. `by`: how, where that is not a password alone."""
    now = datetime.now(UTC)
    session.execute(delete(SessionRow).where(SessionRow.expires_at < now))
    secret = _begin(session, user_id, life, now)
    known = {"refused_before": refused_before, "by": by}
    note(
        session, name, "signed_in", _subject(name), after={key: value for key, value in known.items() if value} or None
    )
    return secret


def start_again(session: Session, me: Reviewer, life: SessionLife) -> str:
    """Begin a session in the place of those that a new password has ended."""
    note(session, me.name, "own_password_changed", _subject(me.name))
    return _begin(session, me.id, life, datetime.now(UTC))


def _begin(session: Session, user_id: int, life: SessionLife, now: datetime) -> str:
    secret = secrets.token_urlsafe(32)
    session.add(
        SessionRow(
            token_hash=_hash(secret), user_id=user_id, csrf=secrets.token_hex(32), created_at=now,
            expires_at=life.end(now, now),
        )
    )  # fmt: skip
    return secret


def is_renewal_due(session: Session, secret: str, life: SessionLife) -> bool:
    """Whether the use of this session is to be written down now."""
    row = session.get(SessionRow, _hash(secret))
    if row is None:
        return False
    now = datetime.now(UTC)
    return now < row.expires_at < life.end(row.created_at, now) - life.renewed_each


def renew(session: Session, secret: str, life: SessionLife) -> None:
    """Write down that a session is in use; one that has ended stays so."""
    row = session.get(SessionRow, _hash(secret), with_for_update=True)
    now = datetime.now(UTC)
    if row is not None and row.expires_at > now:
        row.expires_at = max(row.expires_at, life.end(row.created_at, now))


def sessions_of(session: Session, me: Reviewer, secret: str, life: SessionLife) -> list[SignedInSession]:
    """The person's own sessions, the newest first."""
    query = select(SessionRow).where(SessionRow.user_id == me.id, SessionRow.expires_at > datetime.now(UTC))
    return [
        SignedInSession(
            id=_name_of(row), started=row.created_at, last_used=_last_used(row, life), ends=row.expires_at,
            here=row.token_hash == _hash(secret),
        )
        for row in session.scalars(query.order_by(SessionRow.created_at.desc()))
    ]  # fmt: skip


def end_own(session: Session, me: Reviewer, id: str) -> bool:
    """End one of the person's own sessions; False if none of them has this id."""
    for row in session.scalars(select(SessionRow).where(SessionRow.user_id == me.id)):
        if _name_of(row) == id:
            session.delete(row)
            note(session, me.name, "session_ended", _subject(me.name))
            return True
    return False


def signed_in_reviewer(session: Session, secret: str | None) -> Reviewer | None:
    """Whose cookie this is; None once the session has ended or the user is shut out."""
    if not secret:
        return None
    found = session.execute(
        select(SessionRow, UserRow)
        .join(UserRow, UserRow.id == SessionRow.user_id)
        .where(SessionRow.token_hash == _hash(secret))
    ).first()
    if not found:
        return None
    held, user = found
    if held.expires_at <= datetime.now(UTC) or user.disabled_at is not None:
        return None
    return Reviewer(user.id, user.name, user.role, held.csrf)


def sign_out(session: Session, secret: str, me: Reviewer) -> None:
    """End a session."""
    session.execute(delete(SessionRow).where(SessionRow.token_hash == _hash(secret)))
    note(session, me.name, "signed_out", _subject(me.name))


def _subject(name: str) -> str:
    return f"user:{_UNPRINTED.sub('?', name[:100])}"


def _last_used(row: SessionRow, life: SessionLife) -> datetime | None:
    return row.expires_at - life.idle if row.expires_at < row.created_at + life.whole else None


def _name_of(row: SessionRow) -> str:
    return row.token_hash[:16]


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
