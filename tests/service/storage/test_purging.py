"""Purging: everything that was typed goes, from the files too, and the purge says and shows it."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select, text

from classifier import Draft, Screener
from service import background
from service.storage.database import Database
from service.storage.encryption import Encryptor
from service.storage.maintenance.clock import LEAP, PATIENCE, begin_run, held_purge
from service.storage.maintenance.integrity import faults
from service.storage.maintenance.retention import PurgeReport, PurgeScope, purge_text
from service.storage.outbox import Outbox
from service.storage.screenings.repository import Screenings
from service.storage.screenings.unscreened import add_unscreened
from service.storage.tables.review import AuditRow, CaseDecisionRow, CaseRow, SavedViewRow, UserRow
from service.storage.tables.screenings import (
    AcknowledgementRow,
    AppealRow,
    IdempotencyRow,
    OutboxRow,
    ScreeningRow,
    UnscreenedRow,
)
from tests.service.drafts import BLOCKED, drafts_with
from tests.service.storage.test_store import keep, new
from tests.service.storage.test_store import screener as screener  # the same rules

NOW = datetime.now(UTC)
MARK = "zanzibarite"
MERCHANT = f"m-{MARK}"
BODY = f"Hello {MARK}, the mug is sold out. Would you accept the green {MARK} instead? " + "We are sorry. " * 20


def fill(database: Database, screener: Screener, *, at: datetime = NOW) -> str:
    """One screening with everything that can be typed about it, each holding the mark; its id."""
    kept = new(
        screener, Draft(f"GG-{MARK}", f"Your {MARK}", BODY), merchant_id=MERCHANT, created_at=at,
        idempotency_key=f"key-{MARK}",
    )  # fmt: skip
    keep(database, kept, new(screener, Draft(**BLOCKED)))
    encryptor = Encryptor()
    with database.writing() as session:
        user = UserRow(name="ann", role="reviewer", password_hash="x", created_at=at)
        session.add(user)
        session.flush()
        case = session.scalars(select(CaseRow).where(CaseRow.screening_id == kept.id)).one()
        details = encryptor.encrypt(f"note on {MARK}")
        session.add(CaseDecisionRow(case_id=case.id, at=at, actor_id=user.id, action="uphold", details=details))
        screenings = Screenings(session, encryptor)
        screenings.acknowledge(kept.id, at, "gateway", f"Ann {MARK}", f"asked by {MARK}")
        screenings.appeal(kept.id, at, "gateway", f"it is {MARK}")
        draft = Draft(f"GG-{MARK}", f"Your {MARK}", BODY)
        add_unscreened(
            session, encryptor, draft, caller="gateway", merchant_id=MERCHANT, reason=f"timeout {MARK}",
            screening_id=kept.id, at=at,
        )  # fmt: skip
        views = (f"Drafts of {MERCHANT}", "queue=all"), ("Mine", f"words={MERCHANT}"), ("Swaps", "queue=blocked")
        for name, query in views:
            session.add(SavedViewRow(user_id=user.id, name=name, query={"text": query}, created_at=at))
        Outbox(session).add("appeal.decided", {"screening_id": kept.id, "merchant_id": MERCHANT}, at)
    return kept.id


def traces(database: Database) -> list[str]:
    """The columns of all tables that still hold the mark."""
    found = []
    with database.reading() as session:
        for table in ("screenings", "acknowledgements", "appeals", "unscreened", "idempotency", "saved_views", "outbox",
                      "cases", "case_decisions", "audit"):  # fmt: skip
            for row in session.execute(text(f"SELECT * FROM {table}")).mappings():
                found += [f"{table}.{name}" for name, value in row.items() if MARK.encode() in plain(value)]
        found += ["search"] * bool(drafts_with(session.connection(), MARK))
    return sorted(set(found))


def plain(value: Any) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()


def in_files(files: list[Path]) -> list[str]:
    return sorted(path.name for path in files if path.is_file() and MARK.encode() in path.read_bytes())


@pytest.mark.parametrize(
    ("scope", "kept"),
    [
        (PurgeScope(merchant_id=MERCHANT), []),
        (PurgeScope(support_id=f" gg-{MARK} "),
         ["cases.merchant_id", "outbox.payload", "saved_views.name", "saved_views.query", "screenings.merchant_id",
          "unscreened.merchant_id"]),
        (PurgeScope(before=NOW + timedelta(seconds=1)),
         ["cases.merchant_id", "outbox.payload", "saved_views.name", "screenings.merchant_id",
          "unscreened.merchant_id"]),
    ],
    ids=["merchant", "order", "age"],
)  # fmt: skip
def test_nothing_that_was_typed_outlives_its_purge(
    database: Database, screener: Screener, scope: PurgeScope, kept: list[str]
) -> None:
    """By order and by age the merchant's id stays, with what is named after it."""
    fill(database, screener)
    assert len(traces(database)) > 10
    report = purge_text(database, scope, NOW)
    assert traces(database) == kept
    kinds = {"drafts", "acknowledgements", "appeals", "reviewers' notes", "idempotency keys", "unscreened drafts"}
    assert kinds <= set(report.removed)
    assert report.left == ()
    assert "no row in scope has text" in report.shown[0]


def test_what_is_about_others_stays(database: Database, screener: Screener) -> None:
    fill(database, screener)
    purge_text(database, PurgeScope(merchant_id=MERCHANT), NOW)
    with database.reading() as session:
        assert session.scalars(select(SavedViewRow.name)).all() == ["Swaps"]
        other = session.scalars(select(ScreeningRow).where(ScreeningRow.draft.is_not(None))).one()
        assert other.merchant_id == "m-1"
        assert len(session.scalars(select(OutboxRow)).all()) == 1


def test_what_an_older_version_left_goes_with_the_next_purge(database: Database, screener: Screener) -> None:
    screening = fill(database, screener)
    with database.writing() as session:
        session.get_one(ScreeningRow, screening).draft = None
        session.get_one(ScreeningRow, screening).purged_at = NOW
    purge_text(database, PurgeScope(before=NOW - timedelta(days=90)), NOW)
    with database.reading() as session:
        assert session.get_one(AcknowledgementRow, screening).acknowledged_by is None


def test_the_purge_is_on_the_audit_without_naming_anybody(database: Database, screener: Screener) -> None:
    fill(database, screener)
    purge_text(database, PurgeScope(merchant_id=MERCHANT), NOW, actor="operator")
    with database.reading() as session:
        row = session.scalars(select(AuditRow).where(AuditRow.action == "purged")).one()
    assert row.actor == "operator"
    assert (row.after or {})["by"] == "merchant"
    assert (row.after or {})["drafts"] == 1
    assert MARK not in str(row.after)


def test_sqlites_files_hold_no_word_of_it_while_the_service_goes_on(tmp_path: Path, screener: Screener) -> None:
    database = Database(f"sqlite:///{tmp_path / 'files.db'}")
    database.migrate()
    service = database.engine.connect()  # as a running service: the last one to leave would tidy up by itself
    service.rollback()
    fill(database, screener)
    files = [tmp_path / "files.db", tmp_path / "files.db-wal"]
    assert in_files(files)
    report = purge_text(database, PurgeScope(merchant_id=MERCHANT), NOW, prove=True)
    assert in_files(files) == []
    assert (tmp_path / "files.db-wal").stat().st_size == 0
    assert any("nowhere in SQLite's files" in sentence for sentence in report.shown)
    assert any("backups" in sentence for sentence in report.unreached)
    service.close()
    database.close()


def test_a_reader_that_keeps_the_log_is_reported(
    tmp_path: Path, screener: Screener, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(f"sqlite:///{tmp_path / 'files.db'}")
    database.migrate()
    with database.engine.connect() as tidy:
        tidy.exec_driver_sql("PRAGMA busy_timeout = 0")
    fill(database, screener)
    with database.reading() as reading:
        reading.execute(select(ScreeningRow.id)).all()
        report = purge_text(database, PurgeScope(merchant_id=MERCHANT), NOW)
    assert any("write-ahead log could not be cut off" in sentence for sentence in report.left)
    database.close()


@pytest.mark.postgres
@pytest.mark.parametrize("rewrite", [False, True])
def test_postgresql_is_vacuumed_or_written_again(
    postgres: str, tmp_path: Path, request: pytest.FixtureRequest, screener: Screener, rewrite: bool
) -> None:
    from tests.service.conftest import fresh_url

    database = Database(fresh_url("postgresql", tmp_path, request))
    database.migrate()
    fill(database, screener)
    report = purge_text(database, PurgeScope(merchant_id=MERCHANT), NOW, rewrite=rewrite)
    with database.engine.connect() as connection:
        vacuums = text("SELECT vacuum_count FROM pg_stat_user_tables WHERE relname = 'screenings'")
        vacuumed = connection.scalar(vacuums)
        folder = Path(connection.scalar(text("SELECT current_setting('data_directory')")) or "")
        number = connection.scalar(text("SELECT oid FROM pg_database WHERE datname = current_database()"))
        connection.exec_driver_sql("CHECKPOINT")
    assert rewrite or vacuumed
    if rewrite:
        assert in_files(list((folder / "base" / str(number)).iterdir())) == []
    assert any("archive" in sentence for sentence in report.unreached)
    assert any("--rewrite" in sentence for sentence in report.unreached) is not rewrite
    database.close()


@pytest.fixture
def purging(database: Database, screener: Screener, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The hourly purge at a moment of one's choosing; the events that it logged."""
    fill(database, screener, at=NOW - timedelta(days=1))
    said: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(background, "event", lambda name, **more: said.append((name, more)))
    services = SimpleNamespace(database=database, settings=SimpleNamespace(keep_text_days=90))

    def run(at: datetime) -> list[str]:
        said.clear()
        monkeypatch.setattr(background, "datetime", SimpleNamespace(now=lambda _: at))
        background.purge(services)  # type: ignore[arg-type]
        return [name for name, _ in said]

    return run


def test_a_clock_far_ahead_purges_nothing_and_says_so(purging: Any, database: Database) -> None:
    assert "purged" in purging(NOW)
    ahead = NOW + timedelta(days=400)
    assert purging(ahead) == ["purge-held"]
    with database.reading() as session:
        assert held_purge(session) is not None
        assert session.scalar(select(ScreeningRow.draft).where(ScreeningRow.merchant_id == MERCHANT)) is not None
        assert session.scalar(select(IdempotencyRow.key)) is not None
    assert any("the purge is held" in fault for fault in faults(database, Encryptor(), lambda done, total: None))
    assert "purged" in purging(NOW + timedelta(hours=1))  # the clock was set right
    with database.reading() as session:
        assert held_purge(session) is None
        assert session.scalar(select(ScreeningRow.draft).where(ScreeningRow.merchant_id == MERCHANT)) is not None


def test_a_clock_that_goes_on_evenly_for_a_day_is_believed(purging: Any) -> None:
    purging(NOW)
    ahead = NOW + timedelta(days=400)
    for hours in range(24):
        assert purging(ahead + timedelta(hours=hours)) == ["purge-held"]
    assert "purged" in purging(ahead + PATIENCE)


def test_an_operator_vouches_for_the_clock(database: Database) -> None:
    with database.writing() as session:
        assert begin_run(session, NOW) is None
        assert begin_run(session, NOW + LEAP * 2) is not None
        assert begin_run(session, NOW + LEAP * 2, sure=True) is None
        assert begin_run(session, NOW + LEAP * 2 + timedelta(hours=1)) is None


def test_a_report_counts_drafts() -> None:
    assert PurgeReport({"drafts": 3}, (), (), ()).screenings == 3
    assert re.match("age and merchant", PurgeScope(before=NOW, merchant_id="m").words)


def test_rows_without_words_count_for_nothing(database: Database, screener: Screener) -> None:
    kept = new(screener, Draft(**BLOCKED))
    keep(database, kept)
    with database.writing() as session:
        session.add(AppealRow(screening_id=kept.id, at=NOW, caller="gateway", state="open"))
    report = purge_text(database, PurgeScope(merchant_id="m-1"), NOW)
    assert dict(report.removed) == {"drafts": 1, "merchant ids": 1}
    with database.reading() as session:
        assert session.scalars(select(UnscreenedRow)).all() == []
