"""What people do with their own second factor, each on the audit."""

from datetime import UTC, datetime

from sqlalchemy.orm import Session

from service.dependencies import Services
from service.http.errors import ServiceError
from service.review.auth.roles import Reviewer
from service.storage.audit import note
from service.storage.encryption import Encryptor
from service.storage.second_factors import SecondFactors


def begin(services: Services, me: Reviewer) -> str:
    """A new secret. Raises the 409 where there is a factor already."""
    with services.database.writing() as session:
        try:
            return SecondFactors(session, services.encryptor).begin(me.id, datetime.now(UTC))
        except ValueError:
            raise ServiceError(409, "You have a second factor. Remove it first.") from None


def confirm(services: Services, me: Reviewer, code: str) -> tuple[str, ...] | str:
    """The recovery codes, once the code is right; the secret again where it is not. Raises the 409."""
    with services.database.writing() as session:
        factors = SecondFactors(session, services.encryptor)
        secret = factors.begun(me.id)
        if secret is None:
            raise ServiceError(409, "There is nothing to confirm. Begin again.")
        codes = factors.confirm(me.id, code, datetime.now(UTC))
        if codes is None:
            return secret
        note(session, me.name, "second_factor_added", f"user:{me.name}")
        return codes


def renew_recovery(services: Services, me: Reviewer) -> tuple[str, ...]:
    """Other recovery codes. Raises the 409 without a factor."""
    with services.database.writing() as session:
        codes = SecondFactors(session, services.encryptor).new_recovery(me.id)
        if codes is None:
            raise ServiceError(409, "You have no second factor.")
        note(session, me.name, "recovery_codes_renewed", f"user:{me.name}")
        return codes


def remove(session: Session, encryptor: Encryptor, by: str, user_id: int, name: str) -> bool:
    """Take somebody's second factor away; False without one."""
    removed = SecondFactors(session, encryptor).remove(user_id)
    if removed:
        note(session, by, "second_factor_removed", f"user:{name}")
    return removed
