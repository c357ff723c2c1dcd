"""Checks that what the store holds can still be read and proven."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from service.storage.audit import chain_faults
from service.storage.database import Database
from service.storage.encryption import EncryptionError, Encryptor
from service.storage.maintenance.clock import held_purge
from service.storage.screenings.documents import read_document
from service.storage.screenings.records import draft_hash, verdict_hash
from service.storage.tables.screenings import ScreeningRow

_GROUP = 500
_SHOWN = 20


def faults(database: Database, encryptor: Encryptor, progress: Callable[[int, int], None]) -> Iterator[str]:
    """What is wrong, one sentence each, naming the screening; nothing if all is well. `progress`: done, of how many."""
    at, wanted = database.schema()
    if at != wanted:
        yield f"the database is at schema {at}, this version wants {wanted}"
        return
    with database.reading() as session:
        if database.kind == "sqlite":
            found = session.scalars(text("PRAGMA integrity_check")).all()
            yield from (f"SQLite: {line}" for line in found if line != "ok")
        if leap := held_purge(session):
            yield f"the purge is held: {leap.sentence(datetime.now(UTC))}"
        yield from _first(chain_faults(session.connection()), "places in the audit")
        yield from _first(screening_faults(session, encryptor, progress), "screenings")


def _first(found: Iterator[str], what: str) -> Iterator[str]:
    count = 0
    for count, fault in enumerate(found, 1):
        if count <= _SHOWN:
            yield fault
    if count > _SHOWN:
        yield f"and {count - _SHOWN} {what} more"


def screening_faults(
    session: Session, encryptor: Encryptor, progress: Callable[[int, int], None], *, without_key: bool = False
) -> Iterator[str]:
    """Each stored screening that is not what was written. `without_key`: text that no key opens is no fault."""
    total = session.scalar(select(func.count()).select_from(ScreeningRow)) or 0
    rows = session.scalars(select(ScreeningRow).execution_options(yield_per=_GROUP))
    for done, row in enumerate(rows, 1):
        if fault := _fault(row, encryptor, without_key=without_key):
            yield fault
        if done % _GROUP == 0 or done == total:
            progress(done, total)


def _fault(row: ScreeningRow, encryptor: Encryptor, *, without_key: bool) -> str | None:
    try:
        decision = read_document(row.verdict)["decision"]
        read_document(row.evidence)
        made = verdict_hash(row.id, row.text_hash, row.verdict, row.evidence)
        if decision != row.decision or made != (row.verdict_hash or made):
            return f"screening {row.id}: the verdict is not the one that was given"
        if row.draft is not None and draft_hash(encryptor.decrypt_draft(row.draft)) != row.text_hash:
            return f"screening {row.id}: the text is not the one that was screened"
    except EncryptionError as error:
        return None if without_key else f"screening {row.id}: {error}"
    except (ValueError, TypeError, KeyError) as error:
        return f"screening {row.id}: {error}"
    return None
