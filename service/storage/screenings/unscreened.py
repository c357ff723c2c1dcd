"""Drafts that were sent while screening could not be reached."""

from datetime import datetime

from sqlalchemy.orm import Session

from classifier import Draft
from service.storage.encryption import Encryptor
from service.storage.screenings.records import new_id, support_hash
from service.storage.tables.screenings import UnscreenedRow


def add_unscreened(
    session: Session, encryptor: Encryptor, draft: Draft, *, caller: str, merchant_id: str | None, reason: str,
    screening_id: str, at: datetime,
) -> str:  # fmt: skip
    """Note such a draft beside the screening that was made of it afterwards; its id."""
    row = UnscreenedRow(
        id=new_id(at.timestamp()), created_at=at, caller=caller, merchant_id=merchant_id,
        draft=encryptor.encrypt_draft(draft), reason=reason, support_hash=support_hash(draft.support_id),
        screening_id=screening_id,
    )  # fmt: skip
    session.add(row)
    return row.id
