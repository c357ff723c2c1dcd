"""People of OpenID Connect providers in the store: who each of them is here."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.storage.tables.review import IdentityRow, UserRow
from service.storage.users import UserError, Users


class Identities:
    """The identities that a session sees."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def row_of(self, issuer: str, subject: str) -> UserRow | None:
        """The user whom an identity was linked to, locked until the transaction ends."""
        query = select(UserRow).join(IdentityRow, IdentityRow.user_id == UserRow.id)
        found = query.where(IdentityRow.issuer == issuer, IdentityRow.subject == subject)
        return self._session.scalar(found.with_for_update(of=UserRow))

    def add(self, issuer: str, subject: str, name: str, role: str, at: datetime) -> UserRow:
        """Make a user of an identity. Raises UserError where the name is taken: an identity never gets an account that
        somebody else may have."""
        user = Users(self._session).add_without_password(name, role, at)
        self._session.add(IdentityRow(issuer=issuer, subject=subject, user_id=user.id, created_at=at))
        self._session.flush()
        return self._session.get_one(UserRow, user.id)

    def link(self, issuer: str, subject: str, name: str, at: datetime) -> None:
        """Let an identity sign in as a user who is there. Raises UserError."""
        user = Users(self._session).get(name)
        if user is None:
            raise UserError(f"there is no user {name!r}")
        if self.row_of(issuer, subject) is not None:
            raise UserError("this identity belongs to a user already")
        self._session.add(IdentityRow(issuer=issuer, subject=subject, user_id=user.id, created_at=at))
        self._session.flush()
