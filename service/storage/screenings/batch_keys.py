"""The Idempotency-Key of a whole batch: which drafts it was first used for."""

from datetime import datetime

from sqlalchemy.orm import Session

from service.storage.screenings.insert_statements import insert_into
from service.storage.tables.screenings import IdempotencyRow


def first_use(session: Session, caller: str, key: str, drafts_hash: str, at: datetime) -> str:
    """The hash of the drafts that a batch key stands for: these, where it is new. Its row ages out like the others.
    Keys of callers hold no space, so none is mistaken for it."""
    name = f"{key} all"
    session.execute(
        insert_into(IdempotencyRow, session.get_bind().dialect)
        .values(caller=caller, key=name, text_hash=drafts_hash, screening_id="", created_at=at)
        .on_conflict_do_nothing()
    )
    return session.get_one(IdempotencyRow, (caller, name)).text_hash
