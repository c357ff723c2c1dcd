"""Users of the console in the store: argon2 password hashes, roles."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.storage.tables.review import ROLES, UserRow

_HASHER = PasswordHasher()


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


class Users:
    """The users that a session sees."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, name: str, role: str, password: str, at: datetime) -> User:
        """Make a user. Raises UserError for an unknown role, a name in use, or a password of under 10 characters."""
        if role not in ROLES:
            raise UserError(f"role is one of {', '.join(ROLES)}")
        if len(password) < 10:
            raise UserError("a password has at least 10 characters")
        if self._row(name):
            raise UserError(f"the name {name!r} is taken")
        row = UserRow(name=name, role=role, password_hash=_HASHER.hash(password), created_at=at)
        self._session.add(row)
        self._session.flush()
        return _user(row)

    def get(self, name: str) -> User | None:
        """The user of that name."""
        row = self._row(name)
        return _user(row) if row else None

    def all(self) -> list[User]:
        """Every user, by name."""
        return [_user(row) for row in self._session.scalars(select(UserRow).order_by(UserRow.name))]

    def check(self, name: str, password: str) -> User | None:
        """The user, if the password is right and the user is not disabled; takes as long either way."""
        row, nobody = self._row(name), _nobody()
        try:
            _HASHER.verify(row.password_hash if row else nobody, password)
        except (VerificationError, InvalidHashError):
            return None
        return _user(row) if row and row.disabled_at is None else None

    def set_password(self, name: str, password: str) -> bool:
        """Replace a password; False if there is no such user."""
        row = self._row(name)
        if row:
            row.password_hash = _HASHER.hash(password)
        return row is not None

    def disable(self, name: str, at: datetime) -> bool:
        """Shut a user out; False if there is no such user."""
        row = self._row(name)
        if row:
            row.disabled_at = at
        return row is not None

    def _row(self, name: str) -> UserRow | None:
        return self._session.scalar(select(UserRow).where(UserRow.name == name))


def _user(row: UserRow) -> User:
    return User(row.id, row.name, row.role, row.created_at, row.disabled_at)


@cache
def _nobody() -> str:
    """A hash that an unknown name is checked against, so that it takes as long as a wrong password. Computed at the
    first sign-in: a hash costs a quarter of a second, too much for every start."""
    return _HASHER.hash("nobody has this password")
