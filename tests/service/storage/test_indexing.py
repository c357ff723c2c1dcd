"""Rows of the search index that were written without the other spellings get them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text, update

from classifier import Draft, Screener
from classifier.matching.rulebook import RuleBook
from classifier.policy.policy import Policy
from service.storage.database import Database
from service.storage.encryption import Encryptor
from service.storage.maintenance import indexing
from service.storage.maintenance.indexing import renew_index
from service.storage.maintenance.retention import PurgeScope, purge_text
from service.storage.screenings.search import forget_drafts
from service.storage.tables.review import CaseRow
from tests.service.conftest import KINDS, fresh_url
from tests.service.drafts import drafts_with
from tests.service.storage.test_store import keep, new

OLD = {
    "sqlite": "INSERT OR REPLACE INTO search (rowid, screening_id, words) VALUES (:row, :id, :words)",
    "postgresql": "INSERT INTO search (screening_id, words) VALUES (:id, to_tsvector('simple', :words))"
    " ON CONFLICT (screening_id) DO UPDATE SET words = EXCLUDED.words",
}
"""As the workbench writes, and as the service wrote once: the words as they were typed."""
TYPED = Draft("GG-AB12", "Größe", "Die Stühle kommen über Köln.")
SPELLINGS = ("Größe", "grosse", "groesse", "stuehle", "ueber koeln")


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    opened = Database(fresh_url(request.param, tmp_path, request))
    opened.migrate()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def screener() -> Screener:
    return Screener(policy=Policy.load(), book=RuleBook.load(), artifact=None)


def old_row(database: Database, screening_id: str, draft: Draft = TYPED) -> None:
    words = f"{draft.support_id}\n{draft.subject}\n{draft.body}"
    with database.writing() as session:
        forget_drafts(session.connection(), [screening_id])
        row = {"row": int(screening_id[-15:], 16), "id": screening_id, "words": words}
        session.execute(text(OLD[session.get_bind().dialect.name]), row)


def found_by(database: Database, *queries: str) -> list[list[str]]:
    with database.reading() as session:
        return [drafts_with(session.connection(), query) for query in queries]


def test_an_old_row_is_found_by_every_spelling_after_the_pass(database: Database, screener: Screener) -> None:
    screening = new(screener, TYPED)
    keep(database, screening)
    old_row(database, screening.id)
    assert found_by(database, "Stühle", *SPELLINGS) == [[screening.id]] + [[]] * len(SPELLINGS)
    assert renew_index(database, Encryptor(), datetime.now(UTC)) == 1
    assert found_by(database, "Stühle", "stuhle", *SPELLINGS) == [[screening.id]] * (2 + len(SPELLINGS))


def test_later_passes_take_what_the_workbench_has_opened_since(
    database: Database, screener: Screener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "_GROUP", 2)
    kept = [new(screener, Draft("GG-AB12", f"Größe {number}", "Sie kommt spät.")) for number in range(5)]
    keep(database, *kept)
    began = datetime.now(UTC)
    assert renew_index(database, Encryptor(), began) == 5
    assert renew_index(database, Encryptor(), began) == 0
    late = new(screener, TYPED)
    keep(database, late)
    old_row(database, late.id)
    with database.writing() as session:
        session.execute(update(CaseRow).where(CaseRow.screening_id == late.id).values(kind="suggested"))
    assert renew_index(database, Encryptor(), began + timedelta(hours=1)) == 1
    assert found_by(database, "groesse koeln") == [[late.id]]
    assert renew_index(database, Encryptor(), began + timedelta(hours=2)) == 0


def test_what_was_purged_does_not_come_back(database: Database, screener: Screener) -> None:
    screening = new(screener, TYPED)
    keep(database, screening)
    now = datetime.now(UTC) + timedelta(seconds=1)
    purge_text(database, PurgeScope(before=now), now)
    assert renew_index(database, Encryptor(), now) == 0
    assert found_by(database, "größe") == [[]]


def test_encrypted_text_is_not_indexed(database: Database, screener: Screener) -> None:
    encryptor = Encryptor(Fernet.generate_key().decode())
    keep(database, new(screener, TYPED), encryptor=encryptor)
    assert renew_index(database, encryptor, datetime.now(UTC)) == 0
    assert renew_index(database, Encryptor(), datetime.now(UTC)) == 1  # the key is gone: nothing can be read
    assert found_by(database, "größe") == [[]]
