"""Signing in: names and passwords against the store, a session behind an opaque cookie, sessions that end."""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from service.review.auth.roles import Reviewer
from service.storage.audit import note
from service.storage.tables.review import AuditRow, SessionRow, UserRow
from service.storage.users import User, Users

COOKIE = "review_session"
MOST_FAILURES = 10
FAILURE_TIME = timedelta(minutes=10)


class SignInRefusedError(Exception):
    """The password of this name was wrong too often; the text is for the page."""


def check(session: Session, name: str, password: str) -> User | None:
    """The user of this name and password; None if they do not go together. Raises SignInRefusedError after too many
    failures. Only reads: hashing takes a while, and no writer should wait for it."""
    if _failures(session, _subject(name), datetime.now(UTC)) >= MOST_FAILURES:
        raise SignInRefusedError("Too many attempts for this name. Wait ten minutes.")
    return Users(session).check(name, password)


def refused(session: Session, name: str) -> None:
    """Note a failure on the audit."""
    note(session, "console", "sign_in_refused", _subject(name))


def start(session: Session, user: User, hours: int) -> str:
    """Begin a session: the secret for the cookie."""
    now = datetime.now(UTC)
    secret = secrets.token_urlsafe(32)
    session.execute(delete(SessionRow).where(SessionRow.expires_at < now))
    session.add(
        SessionRow(
            token_hash=_hash(secret),
            user_id=user.id,
            csrf=secrets.token_hex(32),
            created_at=now,
            expires_at=now + timedelta(hours=hours),
        )
    )
    note(session, user.name, "signed_in", _subject(user.name))
    return secret


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
    return f"user:{name[:100]}"


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _failures(session: Session, subject: str, now: datetime) -> int:
    query = select(func.count()).where(
        AuditRow.subject == subject, AuditRow.action == "sign_in_refused", AuditRow.at > now - FAILURE_TIME
    )
    return session.scalar(query) or 0
