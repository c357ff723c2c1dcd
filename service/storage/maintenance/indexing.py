"""Drafts that somebody else has put into the search index, put in as the search looks for them.

The workbench adds the drafts of the cases that it opens as they were typed, and so did the service before it knew the
other spellings (sharp s as ss, ü as ue): they are found only as they are written. The first run of a service that knows
a further spelling goes through all cases, each later one through what the workbench has opened since.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.orm import Session

from classifier import Draft
from service.storage.database import Database
from service.storage.encryption import EncryptionError, Encryptor
from service.storage.maintenance.clock import moment_of, note_moment
from service.storage.screenings.search import index_drafts
from service.storage.tables.review import CaseRow
from service.storage.tables.screenings import ScreeningRow

FROM_THE_WORKBENCH = ("suggested", "shadow")
_SPELLINGS = 1
"""One more, whenever `search.py` learns a spelling: then all cases are gone through again."""
_DONE = f"search-spellings-{_SPELLINGS}"
_LATE = timedelta(minutes=10)
"""How long a case may take from its moment to its commit, and how far two machines' clocks may be apart."""
_GROUP = 500


def renew_index(database: Database, encryptor: Encryptor, now: datetime) -> int:
    """Put in again what may lack a spelling; how many drafts. None where text is encrypted: it is not searched."""
    if encryptor.encrypts:
        return 0
    with database.reading() as session:
        since = moment_of(session, _DONE)
    count, last = 0, ""
    while True:
        with database.writing() as session:
            drafts = _next(session, since, last)
            opened = ((name, _open(encryptor, raw)) for name, raw in drafts)
            index_drafts(session.connection(), [(name, draft) for name, draft in opened if draft])
            if len(drafts) < _GROUP and (since is None or count + len(drafts)):
                note_moment(session, _DONE, now)
        count += len(drafts)
        if len(drafts) < _GROUP:
            return count
        last = drafts[-1][0]


def _next(session: Session, since: datetime | None, last: str) -> list[tuple[str, bytes]]:
    """The next drafts after the screening `last`; kept from a purge that runs at the same time."""
    has_case = select(CaseRow.screening_id).where(_wanted(since))
    query = select(ScreeningRow.id, ScreeningRow.draft).where(
        ScreeningRow.draft.is_not(None), ScreeningRow.id.in_(has_case), ScreeningRow.id > last
    )
    found = session.execute(query.order_by(ScreeningRow.id).limit(_GROUP).with_for_update())
    return [(screening_id, draft) for screening_id, draft in found if draft]


def _wanted(since: datetime | None) -> ColumnElement[bool]:
    if since is None:
        return true()
    return CaseRow.kind.in_(FROM_THE_WORKBENCH) & (CaseRow.created_at >= since - _LATE)


def _open(encryptor: Encryptor, raw: bytes) -> Draft | None:
    try:
        return encryptor.decrypt_draft(raw)
    except EncryptionError:
        return None  # from the time when text was encrypted
