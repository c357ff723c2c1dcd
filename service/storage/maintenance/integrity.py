"""Checks that what the store holds can still be read and proven."""

from collections.abc import Callable, Iterator

from sqlalchemy import func, select, text

from service.storage.database import Database
from service.storage.encryption import Encryptor
from service.storage.screenings.documents import read_document
from service.storage.screenings.records import draft_hash
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
        total = session.scalar(select(func.count()).select_from(ScreeningRow)) or 0
        shown = 0
        rows = session.scalars(select(ScreeningRow).execution_options(yield_per=_GROUP))
        for done, row in enumerate(rows, 1):
            if fault := _fault(row, encryptor):
                shown += 1
                if shown <= _SHOWN:
                    yield fault
            if done % _GROUP == 0 or done == total:
                progress(done, total)
        if shown > _SHOWN:
            yield f"and {shown - _SHOWN} screenings more"


def _fault(row: ScreeningRow, encryptor: Encryptor) -> str | None:
    try:
        read_document(row.verdict)
        read_document(row.evidence)
        if row.draft is not None and draft_hash(encryptor.decrypt_draft(row.draft)) != row.text_hash:
            return f"screening {row.id}: the text is not the one that was screened"
    except (ValueError, TypeError) as error:
        return f"screening {row.id}: {error}"
    return None
