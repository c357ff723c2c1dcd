"""API keys in the store."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from service.storage.tables.review import ApiKeyRow


@dataclass(frozen=True, slots=True)
class ApiKeyRecord:
    """A stored key, without the secret."""

    caller: str
    prefix: str
    key_hash: str
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    def is_good(self, now: datetime) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class ApiKeys:
    """The keys that a session sees."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find(self, prefix: str) -> ApiKeyRecord | None:
        """The key of that prefix."""
        row = self._session.scalar(select(ApiKeyRow).where(ApiKeyRow.prefix == prefix))
        return _known(row) if row else None

    def all(self) -> list[ApiKeyRecord]:
        """Every key, the newest last."""
        return [_known(row) for row in self._session.scalars(select(ApiKeyRow).order_by(ApiKeyRow.id))]

    def add(
        self, caller: str, prefix: str, key_hash: str, scopes: frozenset[str], at: datetime, expires: datetime | None
    ) -> None:
        """Store a new key."""
        row = ApiKeyRow(
            caller=caller, prefix=prefix, key_hash=key_hash, scopes=" ".join(sorted(scopes)), created_at=at,
            expires_at=expires,
        )  # fmt: skip
        self._session.add(row)

    def revoke(self, prefix: str, at: datetime) -> bool:
        """Revoke; False if there is no such key or it is revoked already."""
        row = self._session.scalar(select(ApiKeyRow).where(ApiKeyRow.prefix == prefix))
        if row is None or row.revoked_at is not None:
            return False
        row.revoked_at = at
        return True

    def note_used(self, used: Mapping[str, datetime]) -> None:
        """Remember when keys were last used."""
        for prefix, at in used.items():
            self._session.execute(update(ApiKeyRow).where(ApiKeyRow.prefix == prefix).values(last_used_at=at))


def _known(row: ApiKeyRow) -> ApiKeyRecord:
    return ApiKeyRecord(
        row.caller, row.prefix, row.key_hash, frozenset(row.scopes.split()), row.created_at, row.expires_at,
        row.revoked_at, row.last_used_at,
    )  # fmt: skip
