"""Screenings and what became of them, read and added to within a session."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.storage.audit import case_opened_row, note_row
from service.storage.encryption import Encryptor
from service.storage.outbox import is_settled
from service.storage.screenings.documents import read_document
from service.storage.screenings.records import StoredScreening, new_id
from service.storage.screenings.search import index_drafts
from service.storage.tables.review import CaseDecisionRow, CaseRow
from service.storage.tables.screenings import (
    AcknowledgementRow,
    AppealRow,
    RedemptionRow,
    ScreeningRow,
    WithdrawalRow,
)

LONGEST_APPEAL = 20_000
"""Characters of an appeal with all that was added to it."""
_AGAIN = "\n\n"


class Screenings:
    """The screenings that a session sees."""

    def __init__(self, session: Session, encryptor: Encryptor) -> None:
        self._session = session
        self._encryptor = encryptor

    def get(self, id: str, caller: str | None = None, *, alone: bool = False) -> StoredScreening | None:
        """One screening with what followed it; None if it does not exist or belongs to another caller.

        `alone`: others who ask so for the same one wait until this transaction ends.
        """
        known = id.isalnum() and len(id) <= 32
        row = self._session.get(ScreeningRow, id, with_for_update=alone or None) if known else None
        if row is None or (caller is not None and row.caller != caller):
            return None
        return self._stored(row)

    def _stored(self, row: ScreeningRow) -> StoredScreening:
        return StoredScreening(
            id=row.id,
            created_at=row.created_at,
            caller=row.caller,
            merchant_id=row.merchant_id,
            draft=self._encryptor.decrypt_draft(row.draft) if row.draft else None,
            text_hash=row.text_hash,
            order_state=row.order_state,
            verdict=read_document(row.verdict),
            previous_id=row.previous_id,
            after=self._after(row.id),
        )

    def _after(self, id: str) -> Mapping[str, Any]:
        acknowledged = self._session.get(AcknowledgementRow, id)
        appeal = self._session.get(AppealRow, id)
        withdrawn = self._session.get(WithdrawalRow, id)
        redeemed = self._session.get(RedemptionRow, id)
        return {
            "acknowledged_at": acknowledged.at if acknowledged else None,
            "acknowledged_by": acknowledged.acknowledged_by if acknowledged else None,
            "appeal": self._appeal_state(appeal) if appeal else None,
            "withdrawn_at": withdrawn.at if withdrawn else None,
            "redeemed_at": redeemed.at if redeemed else None,
        }

    def _appeal_state(self, row: AppealRow) -> dict[str, Any]:
        """While the reviewer may still undo the decision, the appeal is open to everybody else."""
        if row.decided_at and not is_settled(row.decided_at, datetime.now(UTC)):
            return {"state": "open", "at": row.at, "decided_at": None, "note": None}
        return {
            "state": row.outcome or row.state,
            "at": row.at,
            "decided_at": row.decided_at,
            "note": self._encryptor.decrypt_optional(row.note),
        }

    def acknowledge(self, id: str, at: datetime, caller: str, by: str | None, reason: str | None) -> None:
        """Note that a warned draft is sent all the same."""
        encrypted = self._encryptor.encrypt_optional(reason)
        self._session.add(
            AcknowledgementRow(screening_id=id, at=at, caller=caller, acknowledged_by=by, reason=encrypted)
        )

    def appeal(self, id: str, at: datetime, caller: str, words: str | None) -> None:
        """Note that a verdict is contested."""
        encrypted = self._encryptor.encrypt_optional(words)
        self._session.add(AppealRow(screening_id=id, at=at, caller=caller, words=encrypted, state="open"))

    def add_to_appeal(self, id: str, words: str) -> bool:
        """Add the words of a second appeal to the first; the same words are there already. False if it is decided, or
        would grow too long."""
        row = self._session.get_one(AppealRow, id)
        before = self._encryptor.decrypt_optional(row.words) or ""
        if f"{_AGAIN}{words}{_AGAIN}" in f"{_AGAIN}{before}{_AGAIN}":
            return True
        if row.state != "open" or len(before) + len(words) > LONGEST_APPEAL:
            return False
        row.words = self._encryptor.encrypt_optional(f"{before}{_AGAIN}{words}" if before else words)
        return True

    def withdraw(self, id: str, at: datetime, caller: str) -> None:
        """Note that a draft will not be sent."""
        self._session.add(WithdrawalRow(screening_id=id, at=at, caller=caller))

    def redeem(self, id: str, at: datetime, caller: str, key_hash: str | None) -> bool:
        """Spend the pass of a screening; False if it was spent before, unless under the same key."""
        row = self._session.get(RedemptionRow, id)
        if row is not None:
            return key_hash is not None and (row.caller, row.key_hash) == (caller, key_hash)
        self._session.add(RedemptionRow(screening_id=id, at=at, caller=caller, key_hash=key_hash))
        return True

    def open_case(self, stored: StoredScreening, kind: str, at: datetime, due: datetime, *, second: bool) -> str:
        """Put a screening before the reviewers; the id of its case. A draft has one case: where there is one, this is a
        further reason for it, and if it was decided, it waits again."""
        known = self._session.scalars(
            select(CaseRow).where(CaseRow.screening_id == stored.id).order_by(CaseRow.id).with_for_update()
        ).all()
        for case in known:
            if case.kind == kind:
                return case.id
        waiting = [case for case in known if case.decided_at is None]
        if waiting:
            _join(waiting[0], kind, due, second=second)
            row = case_opened_row(stored.caller, waiting[0].id, kind, stored.id, at)
            note_row(self._session, {**row, "action": "reason_added"})
            return waiting[0].id
        if known:
            return self._again(max(known, key=_decided_at), kind, at, due, second=second, caller=stored.caller)
        verdict = stored.verdict
        case = CaseRow(
            id=new_id(at.timestamp()), screening_id=stored.id, kind=kind, state="open", created_at=at, due_at=due,
            second_review=second, decision=verdict["decision"],
            labels=" ".join(entry["label"] for entry in verdict["labels"] if entry["asserted"]),
            merchant_id=stored.merchant_id, model_version=verdict["model_version"],
            language=verdict["language"]["code"],
            template_hash=self._session.get_one(ScreeningRow, stored.id).template_hash,
        )  # fmt: skip
        self._session.add(case)
        note_row(self._session, case_opened_row(stored.caller, case.id, kind, stored.id, at))
        if stored.draft and not self._encryptor.encrypts:
            index_drafts(self._session.connection(), [(stored.id, stored.draft)])
        return case.id

    def _again(self, case: CaseRow, kind: str, at: datetime, due: datetime, *, second: bool, caller: str) -> str:
        """Let a decided case wait once more for a new reason; what was decided before stays on the record."""
        newest = select(func.max(CaseDecisionRow.id)).where(CaseDecisionRow.case_id == case.id)
        case.earlier_round = self._session.scalar(newest)
        case.state, case.decided_at, case.claimed_by, case.lock_expires_at = "open", None, None, None
        case.created_at, case.due_at = at, due
        _join(case, kind, due, second=second)
        row = case_opened_row(caller, case.id, kind, case.screening_id, at)
        note_row(self._session, {**row, "action": "reopened", "before": {"state": "decided"}})
        return case.id


def _decided_at(case: CaseRow) -> datetime:
    assert case.decided_at is not None
    return case.decided_at


_FIRST = ("appealed", "unscreened", "warned_sent", "blocked")
"""Of the reasons for one case, the first of these names its queue."""


def _join(case: CaseRow, kind: str, due: datetime, *, second: bool) -> None:
    """Give a waiting case a further reason: due when the first of them is, read twice if one of them is."""
    case.kind = min(case.kind, kind, key=lambda one: _FIRST.index(one) if one in _FIRST else len(_FIRST))
    case.due_at = min(case.due_at, due)
    case.second_review = case.second_review or second
