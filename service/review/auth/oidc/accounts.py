"""From a person of the provider to somebody at the desk: made at the first sign-in, their role as the provider says."""

from datetime import UTC, datetime

from sqlalchemy.orm import Session

from service.review.auth.oidc.claims import OidcIdentity
from service.storage.audit import note
from service.storage.identities import Identities
from service.storage.tables.review import UserRow
from service.storage.users import UserError, Users


def account_of(session: Session, identity: OidcIdentity) -> UserRow | str:
    """The user of an identity, with the role that the provider gives; or a sentence that says why not."""
    row = Identities(session).row_of(identity.issuer, identity.subject)
    if identity.role is None:
        if row is not None:
            Users(session).end_sessions(row.id)
        note(session, "oidc", "sign_in_refused", f"user:{identity.name}", after={"reason": "no role"})
        return "Your organisation's sign-in gives you no role at this desk. Ask those who run it."
    if row is None:
        return _made(session, identity, identity.role)
    if row.disabled_at is not None:
        note(session, "oidc", "sign_in_refused", f"user:{row.name}", after={"reason": "shut out"})
        return "This account is shut out. Ask those who run the desk."
    if row.role != identity.role:
        change = {"before": {"role": row.role}, "after": {"role": identity.role}}
        row.role = identity.role
        note(session, "oidc", "user_changed", f"user:{row.name}", **change)
    return row


def _made(session: Session, identity: OidcIdentity, role: str) -> UserRow | str:
    try:
        row = Identities(session).add(identity.issuer, identity.subject, identity.name, role, datetime.now(UTC))
    except UserError:
        after = {"reason": "name taken", "oidc_subject": identity.subject}
        note(session, "oidc", "sign_in_refused", f"user:{identity.name}", after=after)
        return "Somebody at this desk has your name already. Those who run it can link the two."
    note(session, "oidc", "user_added", f"user:{row.name}", after={"role": role, "oidc_subject": identity.subject})
    return row
