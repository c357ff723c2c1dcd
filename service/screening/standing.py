"""The passes that a stored screening gives now, and whether a pass that was issued once still stands.

A pass is a function of what is stored: an allowed draft gives one from its start, a warned one from its
acknowledgement, an overturned appeal from the moment when the reviewer can no longer undo it. A withdrawn draft gives
none, nor does one that a reviewer found prohibited. A pass that the screening does not give (any more) is revoked.
"""

import hashlib
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from service.passes import PassTerms, PassVerification
from service.review.cases.rules import decision_of
from service.review.cases.state import has_outcome, labels_of
from service.storage.encryption import Encryptor
from service.storage.outbox import UNDO_TIME
from service.storage.screenings.records import StoredScreening
from service.storage.screenings.repository import Screenings
from service.storage.tables.review import CaseDecisionRow, CaseRow

REVOKED = "This pass was revoked: the draft was withdrawn, or its review was decided differently or taken back."
UNKNOWN = "This pass was revoked: the service holds no screening for it."
SPENT = "This pass has been spent. Screen the draft again to send it once more."


def found_prohibited(session: Session, screening_id: str) -> bool:
    """Whether the final decision of the newest review of a screening says that the draft is prohibited. Of a case that
    waits again (an appeal), what was decided before holds until it is decided again."""
    labels = session.scalar(
        select(CaseDecisionRow.labels)
        .join(CaseRow, CaseRow.id == CaseDecisionRow.case_id)
        .where(CaseRow.screening_id == screening_id, _is_over(), has_outcome())
        .order_by(CaseDecisionRow.id.desc())
        .limit(1)
    )
    return labels is not None and decision_of(labels_of(labels)) == "block"


def _is_over() -> ColumnElement[bool]:
    return or_(CaseRow.decided_at.is_not(None), CaseDecisionRow.id <= CaseRow.earlier_round)


def standing_terms(session: Session, stored: StoredScreening) -> list[PassTerms]:
    """The passes that a screening gives now, the newest last."""
    after = stored.after
    if after["withdrawn_at"] or found_prohibited(session, stored.id):
        return []
    terms: list[PassTerms] = []
    if stored.decision == "allow":
        terms.append(PassTerms(stored.id, stored.text_hash, "allow", stored.created_at))
    if stored.decision == "warn" and after["acknowledged_at"]:
        terms.append(PassTerms(stored.id, stored.text_hash, "warn", after["acknowledged_at"], acknowledged=True))
    appeal = after["appeal"] or {}
    if appeal.get("state") == "overturned":
        terms.append(PassTerms(stored.id, stored.text_hash, "allow", appeal["decided_at"] + UNDO_TIME))
    return terms


def checked_standing(session: Session, encryptor: Encryptor, checked: PassVerification) -> PassVerification:
    """A valid pass, if it still stands and has not been spent; otherwise why not."""
    stored = Screenings(session, encryptor).get(checked.screening_id or "")
    if stored is None:
        return PassVerification(False, "revoked", UNKNOWN)
    if not any(_stands_for(checked, terms) for terms in standing_terms(session, stored)):
        return PassVerification(False, "revoked", REVOKED)
    if stored.after["redeemed_at"]:
        return PassVerification(False, "spent", SPENT)
    return checked


def redeemed(
    session: Session, encryptor: Encryptor, checked: PassVerification, caller: str, key: str | None, at: datetime
) -> PassVerification:
    """Spend a valid pass, once: the same caller with the same Idempotency-Key gets the same answer again."""
    screenings, screening_id = Screenings(session, encryptor), checked.screening_id or ""
    screenings.get(screening_id, alone=True)
    standing = checked_standing(session, encryptor, checked)
    if not standing.valid and standing.reason != "spent":
        return standing
    hashed = hashlib.sha256(key.encode()).hexdigest() if key else None
    return checked if screenings.redeem(screening_id, at, caller, hashed) else PassVerification(False, "spent", SPENT)


def _stands_for(checked: PassVerification, terms: PassTerms) -> bool:
    """Whether a pass is the one that the terms give, or that one renewed: issued some whole lives later."""
    assert checked.stamp is not None
    assert checked.expires_at is not None
    decision, acknowledged, issued = checked.stamp
    later = issued - int(terms.issued_at.timestamp())
    life = int(checked.expires_at.timestamp()) - issued
    return (decision, acknowledged) == (terms.decision, terms.acknowledged) and later >= 0 and later % life == 0
