"""Users of the console in the store: argon2 password hashes, roles."""

import threading
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from service.storage.tables.review import ROLES, SessionRow, UserRow

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 200
NO_PASSWORD = ""
"""In the place of a hash: no password is right."""
_HASHER = PasswordHasher(parallelism=1)
_HASHING = threading.Lock()
"""A hash takes 64 MiB and a core: one at a time in a process, however many ask."""


class UserError(ValueError):
    """A user that cannot be made as asked; the text says why."""


@dataclass(frozen=True, slots=True)
class User:
    """Someone who may sign in."""

    id: int
    name: str
    role: str
    created_at: datetime
    disabled_at: datetime | None
    has_password: bool = True


class Users:
    """The users that a session sees."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, name: str, role: str, password: str, at: datetime) -> User:
        """Make a user. Raises UserError for an unknown role, a name in use or that cannot be stored, or a password that
        is too short or too long."""
        self._check_new(name, role)
        return self._added(name, role, hash_password(password), at)

    def add_without_password(self, name: str, role: str, at: datetime) -> User:
        """Make a user who signs in elsewhere. Raises UserError as `add` does."""
        self._check_new(name, role)
        return self._added(name, role, NO_PASSWORD, at)

    def get(self, name: str) -> User | None:
        """The user of that name."""
        row = self._row(name)
        return _user(row) if row else None

    def all(self) -> list[User]:
        """Every user, by name."""
        return [_user(row) for row in self._session.scalars(select(UserRow).order_by(UserRow.name))]

    def check(self, name: str, password: str) -> User | None:
        """The user, if the password is right and the user is not disabled; takes as long either way."""
        row = self._row(name)
        with _HASHING:
            try:
                hashed = row.password_hash if row and row.password_hash != NO_PASSWORD else _nobody()
                _HASHER.verify(hashed, password.encode("utf-8", "surrogatepass"))
            except (VerificationError, InvalidHashError):
                return None
        return _user(row) if row and row.disabled_at is None else None

    def set_password(self, name: str, password: str) -> bool:
        """Replace a password and end the user's sessions; False if there is no such user. Raises UserError for a
        password that is too short or too long."""
        return self.set_password_hash(name, hash_password(password))

    def set_password_hash(self, name: str, hashed: str) -> bool:
        """As `set_password`, hashed before the transaction began."""
        row = self._row(name)
        if row:
            row.password_hash = hashed
            self.end_sessions(row.id)
        return row is not None

    def disable(self, name: str, at: datetime) -> bool:
        """Shut a user out and end the user's sessions; False if there is no such user."""
        row = self._row(name)
        if row:
            row.disabled_at = at
            self.end_sessions(row.id)
        return row is not None

    def end_sessions(self, user_id: int) -> None:
        """End all sessions of a user."""
        self._session.execute(delete(SessionRow).where(SessionRow.user_id == user_id))

    def _check_new(self, name: str, role: str) -> None:
        if role not in ROLES:
            raise UserError(f"role is one of {', '.join(ROLES)}")
        if not _storable(name):
            raise UserError("a name holds no control characters")

    def _added(self, name: str, role: str, hashed: str, at: datetime) -> User:
        if self._row(name):
            raise UserError(f"the name {name!r} is taken")
        row = UserRow(name=name, role=role, password_hash=hashed, created_at=at)
        self._session.add(row)
        self._session.flush()
        return _user(row)

    def _row(self, name: str) -> UserRow | None:
        return self._session.scalar(select(UserRow).where(UserRow.name == name)) if _storable(name) else None


def hash_password(password: str) -> str:
    """A password as it is stored. Raises UserError for one that is too short or too long."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise UserError(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters")
    with _HASHING:
        return _HASHER.hash(password.encode("utf-8", "surrogatepass"))


def _storable(name: str) -> bool:
    """Whether a database can hold it: PostgreSQL takes no NUL, and neither kind a lone surrogate."""
    return "\0" not in name and not any("\ud800" <= letter <= "\udfff" for letter in name)


def _user(row: UserRow) -> User:
    return User(row.id, row.name, row.role, row.created_at, row.disabled_at, row.password_hash != NO_PASSWORD)


@cache
def _nobody() -> str:
    """A hash that an unknown name is checked against, so that it takes as long as a wrong password. Computed at the
    first sign-in: a hash costs a quarter of a second, too much for every start."""
    return _HASHER.hash("nobody has this password")
