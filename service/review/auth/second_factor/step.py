"""The step between a right password and a session: who is in it, and one guess at a code."""

from dataclasses import dataclass
from datetime import UTC, datetime

from service.dependencies import Services
from service.review.auth.access import session_life
from service.review.auth.sessions import start
from service.review.auth.sign_in import SignIn, SignInOutcome
from service.storage.audit import note
from service.storage.second_factors import SecondFactors
from service.storage.tables.review import UserRow
from service.storage.users import User

STEP_COOKIE = "review_step"
STEP_LIFE = 300
"""Seconds for which a right password waits for its code."""


@dataclass(frozen=True, slots=True)
class HalfSignedIn:
    """Somebody whose password was right. `refused_before`: after so many wrong ones."""

    id: int
    name: str
    refused_before: int


def needs_code(services: Services, user: User) -> bool:
    """Whether a password alone does not sign this person in."""
    with services.database.reading() as session:
        return SecondFactors(session, services.encryptor).of(user.id) is not None


def step_token(services: Services, sign_in: SignIn, outcome: SignInOutcome) -> str:
    """The cookie of the step, after a right password. A new password makes it void, like the end of its time."""
    user_id, refused_before = outcome.user.id if outcome.user else 0, outcome.refused_before
    return f"{user_id}.{refused_before}.{sign_in.sealed(_purpose(services, user_id, refused_before), STEP_LIFE)}"


def in_step(services: Services, sign_in: SignIn, token: str) -> HalfSignedIn | None:
    """Whose cookie this is."""
    user, _, rest = token.partition(".")
    refused, _, seal = rest.partition(".")
    if not (token.isascii() and user.isdigit() and refused.isdigit() and len(user) < 10 and len(refused) < 10):
        return None
    if not sign_in.opens(_purpose(services, int(user), int(refused)), seal):
        return None
    with services.database.reading() as session:
        row = session.get(UserRow, int(user))
        return HalfSignedIn(row.id, row.name, int(refused)) if row and row.disabled_at is None else None


def start_by_code(services: Services, who: HalfSignedIn, code: str, refused_before: int) -> str | None:
    """Take a code: the secret of a new session, or None. Raises EncryptionError."""
    with services.database.writing() as session:
        factors = SecondFactors(session, services.encryptor)
        kind = factors.accept(who.id, code, datetime.now(UTC))
        if kind is None:
            return None
        if kind == "recovery":
            left = factors.of(who.id)
            after = {"left": left.recovery_left if left else 0}
            note(session, who.name, "recovery_code_used", f"user:{who.name}", after=after)
        life, before = session_life(services.settings), who.refused_before + refused_before
        return start(session, who.id, who.name, life, refused_before=before, by=f"password and {kind}")


def note_refused_code(services: Services, who: HalfSignedIn) -> None:
    """Note on the audit that a burst of wrong codes has begun: somebody has the password."""
    with services.database.writing() as session:
        note(session, "console", "second_factor_refused", f"user:{who.name}")


def _purpose(services: Services, user_id: int, refused_before: int) -> bytes:
    with services.database.reading() as session:
        row = session.get(UserRow, user_id)
        return f"step\0{user_id}\0{refused_before}\0{row.password_hash if row else ''}".encode()
