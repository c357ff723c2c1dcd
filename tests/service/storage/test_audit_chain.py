"""The audit's chain of hashes, on SQLite and PostgreSQL: what is changed, removed or put in shows."""

import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError

from classifier import Draft, Screener
from service.storage import audit
from service.storage.audit import broken_rows, chain_faults, head
from service.storage.database import Database, downgrade, upgrade
from service.storage.encryption import Encryptor
from service.storage.maintenance.integrity import faults
from service.storage.tables.review import AuditRow
from tests.service.drafts import BLOCKED
from tests.service.storage.test_store import keep, new
from tests.service.storage.test_store import screener as screener  # the same rules


def add(database: Database, *actions: str) -> None:
    for action in actions:
        with database.writing() as session:
            audit.note(session, "ann", action, "case:1", before=None, after={"é": [1, 0.1, None], "by": action})


def found(database: Database) -> list[str]:
    with database.reading() as session:
        return list(chain_faults(session.connection()))


def without_triggers(database: Database, statement: str) -> None:
    """As somebody who owns the database."""
    with database.engine.begin() as connection:
        if database.kind == "sqlite":
            for name in connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
                connection.execute(text(f"DROP TRIGGER {name}"))
        else:
            connection.execute(text("ALTER TABLE audit DISABLE TRIGGER ALL"))
        connection.execute(text(statement))


def test_every_row_has_its_hash_and_the_chain_holds(database: Database, screener: Screener) -> None:
    add(database, "claimed", "decided")
    keep(database, new(screener, Draft(**BLOCKED)), new(screener, Draft(**BLOCKED)))
    add(database, "released")
    with database.reading() as session:
        rows = list(session.scalars(select(AuditRow).order_by(AuditRow.id)))
        assert len({row.hash for row in rows}) == len(rows) == 5
        assert head(session.connection()) == (5, rows[-1].hash)
    assert found(database) == []
    assert list(faults(database, Encryptor(), lambda done, total: None)) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'bob' WHERE action = 'second'",
        "UPDATE audit SET at = '2020-01-01 00:00:00' WHERE action = 'third'",
        "DELETE FROM audit WHERE action = 'second'",
        "DELETE FROM audit WHERE action = 'fourth'",
        "INSERT INTO audit (id, at, actor, action, subject, hash)"
        " VALUES (99, '2020-01-01 00:00:00', 'x', 'y', 'z', 'h')",
    ],
    ids=["changed", "back-dated", "removed", "removed-at-the-end", "put-in"],
)
def test_what_the_owner_of_the_database_does_to_it_shows(database: Database, statement: str) -> None:
    add(database, "first", "second", "third", "fourth")
    without_triggers(database, statement)
    assert found(database)
    told = list(faults(database, Encryptor(), lambda done, total: None))
    assert any("audit" in fault for fault in told)
    with database.reading() as session:
        rows = list(session.scalars(select(AuditRow).order_by(AuditRow.id.desc())))
        connection = session.connection()
        assert broken_rows(connection, rows, head(connection)[1])


def test_a_row_cannot_be_replaced(database: Database) -> None:
    add(database, "first")
    values = "(id, at, actor, action, subject) VALUES (1, '2020-01-01 00:00:00', 'x', 'y', 'z')"
    statements = (
        [f"INSERT OR REPLACE INTO audit {values}", f"REPLACE INTO audit {values}"]
        if database.kind == "sqlite"
        else [f"INSERT INTO audit {values} ON CONFLICT (id) DO UPDATE SET actor = 'x'", "TRUNCATE audit"]
    )
    for statement in statements:
        with pytest.raises(DBAPIError, match="only grows"), database.writing() as session:
            session.execute(text(statement))
    with database.reading() as session:
        assert session.scalars(select(AuditRow.actor)).all() == ["ann"]


def test_another_programs_connection_cannot_replace_one_either(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    database.migrate()
    add(database, "first")
    database.close()
    other = sqlite3.connect(tmp_path / "a.db")
    with pytest.raises(sqlite3.IntegrityError, match="only grows"):
        other.execute("INSERT OR REPLACE INTO audit (id, at, actor, action, subject) VALUES (1, '2020', 'x', 'y', 'z')")
    other.close()


def test_many_at_once_make_one_chain(database_url: str) -> None:
    databases = [Database(database_url) for _ in range(3)]
    databases[0].migrate()
    threads = [threading.Thread(target=add, args=(one, *map(str, range(10)))) for one in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert found(databases[0]) == []
    with databases[0].reading() as session:
        assert head(session.connection())[0] == 30
    for one in databases:
        one.close()


def test_rows_of_another_program_are_covered_by_the_next_hash(database: Database) -> None:
    add(database, "first")
    row = {"at": datetime.now(UTC), "actor": "workbench", "action": "created", "subject": "case:2"}
    with database.engine.begin() as connection:
        connection.execute(insert(AuditRow), [row, row])
    assert found(database) == []
    add(database, "second")
    assert found(database) == []
    without_triggers(database, "DELETE FROM audit WHERE id = 2")
    assert found(database)


def test_rows_older_than_the_chain_are_sealed(database: Database) -> None:
    row = {"actor": "ann", "action": "decided", "subject": "case:2", "at": "2026-11-02 10:00:00"}
    added = text("INSERT INTO audit (at, actor, action, subject) VALUES (:at, :actor, :action, :subject)")
    with database.engine.begin() as connection:
        downgrade(connection, "0003")
        for _ in range(3):
            connection.execute(added, row)
        upgrade(connection)
    assert found(database) == []
    with database.reading() as session:
        rows = session.execute(select(AuditRow.action, AuditRow.hash).order_by(AuditRow.id)).all()
    assert [action for action, digest in rows if digest] == ["sealed"]
    without_triggers(database, "UPDATE audit SET actor = 'bob' WHERE id = 2")
    assert found(database)


def test_what_is_rolled_back_is_not_noted(database: Database) -> None:
    def fail() -> None:
        with database.writing() as session:
            audit.note(session, "ann", "claimed", "case:1")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    add(database, "second")
    with database.reading() as session:
        assert session.scalars(select(AuditRow.action)).all() == ["second"]


def test_a_nul_in_a_name_is_kept_visibly(database: Database) -> None:
    with database.writing() as session:
        audit.note(session, "console", "sign_in_refused", "user:a\0b")
    with database.reading() as session:
        assert session.scalars(select(AuditRow.subject)).all() == ["user:a␀b"]
