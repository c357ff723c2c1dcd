"""Second factors of passwords in the store: time-based codes (RFC 6238), each taken once, and recovery codes."""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime

import pyotp
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.storage.encryption import Encryptor
from service.storage.tables.review import SecondFactorRow

RECOVERY_CODES = 10
_STEP = 30
_DRIFT = 1
"""Steps by which the clock of somebody's phone may be early or late."""


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """Somebody's second factor, as they see it."""

    confirmed_at: datetime
    recovery_left: int


class SecondFactors:
    """The second factors that a session sees. What reads a secret raises EncryptionError where no key opens it."""

    def __init__(self, session: Session, encryptor: Encryptor) -> None:
        self._session = session
        self._encryptor = encryptor

    def of(self, user_id: int) -> SecondFactor | None:
        """The factor that is asked for at each sign-in, if the user has one."""
        row = self._session.get(SecondFactorRow, user_id)
        if row is None or row.confirmed_at is None:
            return None
        return SecondFactor(row.confirmed_at, len(row.recovery))

    def users(self) -> frozenset[int]:
        """The ids of all who have one."""
        query = select(SecondFactorRow.user_id).where(SecondFactorRow.confirmed_at.is_not(None))
        return frozenset(self._session.scalars(query))

    def begin(self, user_id: int, at: datetime) -> str:
        """A new secret in base32. It counts from `confirm` on; one that counts already is not touched: ValueError."""
        row = self._locked(user_id)
        if row is not None and row.confirmed_at is not None:
            raise ValueError("there is a second factor already")
        secret = pyotp.random_base32()
        if row is None:
            row = SecondFactorRow(user_id=user_id, recovery=[], last_step=0)
            self._session.add(row)
        row.secret, row.created_at = self._encryptor.encrypt(secret), at
        self._session.flush()
        return secret

    def begun(self, user_id: int) -> str | None:
        """The secret that waits to be confirmed."""
        row = self._session.get(SecondFactorRow, user_id)
        return self._encryptor.decrypt(row.secret) if row and row.confirmed_at is None else None

    def confirm(self, user_id: int, code: str, at: datetime) -> tuple[str, ...] | None:
        """Let the factor count: the recovery codes, which nobody can see again. None where the code is not right."""
        row = self._locked(user_id)
        if row is None or row.confirmed_at is not None or not self._takes(row, code, at):
            return None
        row.confirmed_at = at
        return _renew_recovery(row)

    def accept(self, user_id: int, code: str, at: datetime) -> str | None:
        """Take a code, once: `totp` or `recovery`, or None where it is not right or was taken before."""
        row = self._locked(user_id)
        if row is None or row.confirmed_at is None:
            return None
        hashed = _hash(code)
        if any(hmac.compare_digest(hashed, known) for known in row.recovery):
            row.recovery = [known for known in row.recovery if known != hashed]
            return "recovery"
        return "totp" if self._takes(row, code, at) else None

    def new_recovery(self, user_id: int) -> tuple[str, ...] | None:
        """Other recovery codes in the place of those that are left; None without a factor that counts."""
        row = self._locked(user_id)
        return None if row is None or row.confirmed_at is None else _renew_recovery(row)

    def remove(self, user_id: int) -> bool:
        """Take the factor away; False without one."""
        row = self._locked(user_id)
        if row is not None:
            self._session.delete(row)
        return row is not None

    def _locked(self, user_id: int) -> SecondFactorRow | None:
        """The row, for this transaction alone: of two that bring one code, the second one sees that it was taken."""
        return self._session.get(SecondFactorRow, user_id, with_for_update=True)

    def _takes(self, row: SecondFactorRow, code: str, at: datetime) -> bool:
        secret = self._encryptor.decrypt(row.secret)
        totp = pyotp.TOTP(secret)
        given, now = code.replace(" ", ""), int(at.timestamp()) // _STEP
        for step in range(now - _DRIFT, now + _DRIFT + 1):
            if hmac.compare_digest(totp.generate_otp(step).encode(), given.encode("utf-8", "replace")):
                if step <= row.last_step:
                    return False
                row.last_step = step
                row.secret = self._encryptor.encrypt(secret)  # with the newest key, so that older ones can be dropped
                return True
        return False


def _renew_recovery(row: SecondFactorRow) -> tuple[str, ...]:
    codes = tuple(base64.b32encode(secrets.token_bytes(10)).decode().lower() for _ in range(RECOVERY_CODES))
    row.recovery = [_hash(code) for code in codes]
    return tuple("-".join(code[at : at + 4] for at in range(0, len(code), 4)) for code in codes)


def _hash(code: str) -> str:
    """80 random bits need no slow hash."""
    plain = code.lower().replace("-", "").replace(" ", "")
    return hashlib.sha256(plain.encode("utf-8", "replace")).hexdigest()
