"""The store, on SQLite and PostgreSQL: what is kept, what is only added, what goes, what comes back."""

import asyncio
import base64
import io
import json
import tarfile
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import DBAPIError

from classifier import Draft, Order, Screener
from classifier.matching.rulebook import RuleBook
from classifier.policy.policy import Policy
from service import storage
from service.storage import audit
from service.storage.database import Database
from service.storage.encryption import EncryptionError, Encryptor
from service.storage.maintenance.backup import write_backup
from service.storage.maintenance.integrity import faults
from service.storage.maintenance.restore import BackupError, restore_backup
from service.storage.maintenance.retention import PurgeScope, purge_leftovers, purge_text
from service.storage.screenings.documents import evidence_document, read_document, verdict_document
from service.storage.screenings.group_commit import ScreeningWriter, StoreUnavailableError
from service.storage.screenings.records import NewScreening, WriteResult, draft_hash, new_id
from service.storage.screenings.repository import Screenings
from service.storage.tables.review import AuditRow, CaseDecisionRow, CaseRow, RuleVersionRow, UserRow
from service.storage.tables.screenings import FindingRow, IdempotencyRow, ScreeningRow
from tests.service.conftest import KINDS, fresh_url
from tests.service.drafts import BLOCKED, drafts_with

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def screener() -> Screener:
    return Screener(policy=Policy.load(), book=RuleBook.load(), artifact=None)


def new(screener: Screener, draft: Draft, **changed: object) -> NewScreening:
    evidence = screener.evidence(draft, Order())
    verdict = screener.policy.decide(evidence, Order())
    made = NewScreening(
        id=new_id(),
        created_at=datetime.now(UTC),
        caller="gateway",
        merchant_id="m-1",
        draft=draft,
        text_hash=draft_hash(draft),
        order_state={"state": "not_asked"},
        evidence=evidence_document(evidence),
        verdict=verdict_document(verdict, screener.policy),
        rule_hits=tuple((hit.rule_id, hit.label) for hit in evidence.rules.hits),
        cases=("blocked",),
        case_due=NOW,
    )
    return replace(made, **changed)  # type: ignore[arg-type]


def keep(database: Database, *screenings: NewScreening, encryptor: Encryptor | None = None) -> list[WriteResult]:
    async def all_at_once() -> list[WriteResult]:
        return await asyncio.gather(*(writer.submit(screening) for screening in screenings))

    writer = ScreeningWriter(database, encryptor or Encryptor())
    try:
        return asyncio.run(all_at_once())
    finally:
        writer.close()


def count(database: Database, row: type) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(row)) or 0


DRAFTS = [
    Draft(**BLOCKED),
    Draft("GG-\0", "Nul \0 in it", "a\0b " + BLOCKED["body"]),
    Draft("", "", ""),
    Draft("GG-1", "\ud800 lone", "surrogate \udfff"),
    Draft("GG-1", "emoji 👩‍🎨", "ligature ﬁ, right-to-left \u202e" + "x" * 50_000),
]


@pytest.mark.parametrize("draft", DRAFTS, ids=range(len(DRAFTS)))
def test_what_was_seen_comes_back_as_it_was(database: Database, screener: Screener, draft: Draft) -> None:
    kept = new(screener, draft)
    keep(database, kept)
    with database.reading() as session:
        stored = Screenings(session, Encryptor()).get(kept.id, "gateway")
        assert stored is not None
        assert (stored.draft, stored.verdict, stored.text_hash) == (draft, kept.verdict, kept.text_hash)
        assert stored.created_at == kept.created_at
        row = session.get_one(ScreeningRow, kept.id)
        assert read_document(row.evidence)["rules"]["version"] == screener.book.version


def test_a_screening_brings_its_findings_and_its_case(database: Database, screener: Screener) -> None:
    kept = new(screener, Draft(**BLOCKED), shadow_rules=("substitute.trial", "substitute.trial"))
    keep(database, kept)
    with database.reading() as session:
        rules = session.execute(select(FindingRow.rule_id, FindingRow.severity)).all()
        assert ("substitute.trial", "shadow") in [tuple(row) for row in rules]
        findings = {f["id"] for f in kept.verdict["findings"]}
        quiet = {hit["rule_id"] for hit in json.loads(kept.evidence)["rules"]["hits"]} - findings
        assert quiet
        assert {rule for rule, severity in rules if severity == "hit"} == quiet
        assert len(rules) == len(kept.verdict["findings"]) + 1 + len(quiet)
        case = session.scalars(select(CaseRow)).one()
        assert (case.kind, case.state, case.due_at) == ("blocked", "open", NOW)


def test_a_case_that_the_service_opens_is_on_the_audit(database: Database, screener: Screener) -> None:
    both = new(screener, Draft(**BLOCKED), cases=("blocked", "shadow"))
    keep(database, both, new(screener, Draft(**BLOCKED), cases=(), case_due=None))
    with database.writing() as session:
        stored = Screenings(session, Encryptor()).get(both.id)
        assert stored is not None
        opened = [Screenings(session, Encryptor()).open_case(stored, "appealed", NOW, NOW, second=False) for _ in "ab"]
    with database.reading() as session:
        cases = {f"case:{case.id}": case.kind for case in session.scalars(select(CaseRow))}
        rows = session.scalars(select(AuditRow)).all()
    assert f"case:{opened[0]}" in cases
    assert {row.subject for row in rows} == set(cases)
    told = [(row.action, (row.after or {})["kind"]) for row in rows]
    assert told == [("created", "blocked"), ("created", "shadow"), ("reason_added", "appealed")]
    assert (rows[-1].subject, cases[rows[-1].subject]) == (f"case:{opened[0]}", "appealed")
    for row in rows:
        assert row.actor == "caller:gateway"
        assert (row.after or {})["screening"] == both.id


def test_identical_requests_at_the_same_moment_are_one_screening(database: Database, screener: Screener) -> None:
    same = [new(screener, Draft(**BLOCKED), idempotency_key="k") for _ in range(20)]
    assert len({kept.id for kept in keep(database, *same)}) == 1
    assert count(database, ScreeningRow) == 1


def test_two_processes_agree_on_an_idempotency_key(database_url: str, screener: Screener) -> None:
    first, second = Database(database_url), Database(database_url)
    first.migrate()
    answers: list[list[WriteResult]] = []
    work = [[new(screener, Draft(**BLOCKED), idempotency_key=f"k{n % 5}") for n in range(25)] for _ in range(2)]

    def run(database: Database, screenings: list[NewScreening]) -> None:
        answers.append(keep(database, *screenings))

    threads = [threading.Thread(target=run, args=pair) for pair in zip((first, second), work, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len({kept.id for answer in answers for kept in answer}) == 5
    assert count(first, ScreeningRow) == 5
    first.close()
    second.close()


def test_the_key_of_another_draft_is_told_by_its_hash(database: Database, screener: Screener) -> None:
    first, other = Draft(**BLOCKED), Draft("GG-1", "Other", "Other words entirely.")
    keep(database, new(screener, first, idempotency_key="k"))
    (kept,) = keep(database, new(screener, other, idempotency_key="k"))
    assert kept.text_hash == draft_hash(first)
    assert count(database, ScreeningRow) == 1


def test_a_row_that_is_refused_fails_alone(database: Database, screener: Screener) -> None:
    good = new(screener, Draft(**BLOCKED))
    bad = replace(new(screener, Draft(**BLOCKED)), id=good.id)

    async def both() -> list[object]:
        return list(await asyncio.gather(writer.submit(good), writer.submit(bad), return_exceptions=True))

    writer = ScreeningWriter(database, Encryptor())
    outcomes = asyncio.run(both())
    writer.close()
    assert isinstance(outcomes[0], WriteResult)
    assert isinstance(outcomes[1], DBAPIError)
    assert count(database, ScreeningRow) == 1


def test_a_database_that_is_gone_is_said_to_be_gone(tmp_path: Path, screener: Screener) -> None:
    database = Database(f"sqlite:///{tmp_path / 'gone.db'}")  # never migrated: it has no tables
    with pytest.raises(StoreUnavailableError):
        keep(database, new(screener, Draft(**BLOCKED)))
    database.close()


@pytest.mark.parametrize("statement", [update(AuditRow).values(actor="x"), delete(AuditRow)], ids=["update", "delete"])
def test_the_audit_only_grows(database: Database, statement: object) -> None:
    with database.writing() as session:
        audit.note(session, "ann", "claimed", "case:1", after={"state": "held"})
    with pytest.raises(DBAPIError, match="only grows"), database.writing() as session:
        session.execute(statement)  # type: ignore[call-overload]
    assert count(database, AuditRow) == 1


def _decided(database: Database, screening_id: str) -> None:
    with database.writing() as session:
        user = UserRow(name="ann", role="reviewer", password_hash="x", created_at=NOW)
        session.add(user)
        session.flush()
        case = session.scalars(select(CaseRow).where(CaseRow.screening_id == screening_id)).one()
        session.add(CaseDecisionRow(case_id=case.id, at=NOW, actor_id=user.id, action="uphold", details=b"pnote"))


@pytest.mark.parametrize("change", [{"action": "overturn"}, {"labels": "x"}, {"details": b"pother"}])
def test_a_decision_is_never_changed(database: Database, screener: Screener, change: dict[str, object]) -> None:
    kept = new(screener, Draft(**BLOCKED))
    keep(database, kept)
    _decided(database, kept.id)
    for statement in (update(CaseDecisionRow).values(**change), delete(CaseDecisionRow)):
        with pytest.raises(DBAPIError, match="only grows"), database.writing() as session:
            session.execute(statement)


def test_words_are_found_whatever_is_asked(database: Database, screener: Screener) -> None:
    kept = new(screener, Draft(**BLOCKED))
    keep(database, kept)
    with database.reading() as session:
        connection = session.connection()
        assert drafts_with(connection, "blue MUG") == [kept.id]
        assert drafts_with(connection, BLOCKED["support_id"]) == [kept.id]
        assert drafts_with(connection, "teapot") == []
        for strange in ("", '"', "AND OR NOT", "a* (b", "'; DROP TABLE", "\0", "NEAR(", "-", "col:x", "日本"):
            drafts_with(connection, strange)


def test_purged_text_leaves_hashes_labels_and_verdicts(database: Database, screener: Screener) -> None:
    old = new(screener, Draft(**BLOCKED), created_at=NOW - timedelta(days=100))
    young = new(screener, Draft(**BLOCKED))
    keep(database, old, young)
    _decided(database, old.id)
    assert purge_text(database, PurgeScope(before=NOW - timedelta(days=90)), NOW).screenings == 1
    with database.reading() as session:
        gone, there = (Screenings(session, Encryptor()).get(screening.id) for screening in (old, young))
        assert gone is not None
        assert there is not None
        assert (gone.draft, gone.verdict, gone.text_hash) == (None, old.verdict, old.text_hash)
        assert there.draft == young.draft
        assert drafts_with(session.connection(), "mug") == [young.id]
        assert session.scalars(select(CaseDecisionRow.details)).all() == [None]
        row = session.get_one(ScreeningRow, old.id)
        assert row.purged_at is not None
        for word in (b"mug", b"green", b"GG-8K2P"):
            assert word not in row.verdict + row.evidence


@pytest.mark.parametrize(
    "whose", [PurgeScope(merchant_id="m-2"), PurgeScope(support_id=" gg-2 ")], ids=["merchant", "order"]
)
def test_one_merchant_or_order_is_purged_on_request(database: Database, screener: Screener, whose: PurgeScope) -> None:
    mine = new(screener, Draft("GG-2", "Mine", BLOCKED["body"]), merchant_id="m-2")
    other = new(screener, Draft(**BLOCKED))
    keep(database, mine, other)
    assert purge_text(database, whose, NOW).screenings == 1
    with database.reading() as session:
        assert [row.id for row in session.scalars(select(ScreeningRow)) if row.draft is None] == [mine.id]


def test_old_idempotency_keys_are_forgotten(database: Database, screener: Screener) -> None:
    keep(database, new(screener, Draft(**BLOCKED), idempotency_key="k", created_at=NOW - timedelta(days=30)))
    purge_leftovers(database, NOW)
    assert count(database, IdempotencyRow) == 0


def test_encrypted_text_is_unreadable_without_the_key_and_is_not_indexed(
    database: Database, screener: Screener
) -> None:
    old, fresh = (Fernet.generate_key().decode() for _ in range(2))
    kept = new(screener, Draft(**BLOCKED))
    keep(database, kept, encryptor=Encryptor(old))
    with database.reading() as session:
        raw = session.get_one(ScreeningRow, kept.id).draft
        assert raw is not None
        assert b"mug" not in raw
        assert drafts_with(session.connection(), "mug") == []
        rotated = Screenings(session, Encryptor(f"{fresh},{old}")).get(kept.id)
        assert rotated is not None
        assert rotated.draft == kept.draft
        for wrong in (Encryptor(), Encryptor(fresh)):
            with pytest.raises(EncryptionError):
                Screenings(session, wrong).get(kept.id)
    assert list(faults(database, Encryptor(old), lambda done, total: None)) == []
    assert "none of the keys" in next(iter(faults(database, Encryptor(fresh), lambda done, total: None)))


def test_a_check_finds_text_that_was_changed(database: Database, screener: Screener) -> None:
    kept = new(screener, Draft(**BLOCKED))
    keep(database, kept)
    assert list(faults(database, Encryptor(), lambda done, total: None)) == []
    forged = Encryptor().encrypt_draft(Draft("GG-1", "Forged", "Forged"))
    with database.writing() as session:
        session.execute(update(ScreeningRow).values(draft=forged))
    assert list(faults(database, Encryptor(), lambda done, total: None)) == [
        f"screening {kept.id}: the text is not the one that was screened"
    ]


@pytest.mark.timeout(60, method="signal")
def test_a_token_of_any_length_is_kept_and_found(database: Database, screener: Screener) -> None:
    """Looking for umlauts in it took time with the square of its length: three minutes for this one."""
    kept = new(screener, Draft("GG-1", "Über", "é" + "x" * 190_000 + " blue mug"))
    keep(database, kept)
    with database.reading() as session:
        assert kept.id in drafts_with(session.connection(), "ueber blue mug")


@pytest.mark.parametrize("target", KINDS)
def test_a_backup_restores_into_either_database(
    database: Database, screener: Screener, target: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    kept = [new(screener, draft, idempotency_key=f"k{n}") for n, draft in enumerate(DRAFTS)]
    keep(database, *kept)
    _decided(database, kept[0].id)
    counts = write_backup(database, tmp_path / "b.tar.gz", lambda table, done: None)
    assert counts["screenings"] == len(kept)
    restored = Database(fresh_url(target, tmp_path, request))
    assert restore_backup(restored, tmp_path / "b.tar.gz", Encryptor(), lambda table, done: None) == counts
    with restored.reading() as session:
        for screening in kept:
            stored = Screenings(session, Encryptor()).get(screening.id)
            assert stored is not None
            assert (stored.draft, stored.verdict) == (screening.draft, screening.verdict)
        assert kept[0].id in drafts_with(session.connection(), "blue mug")
    with restored.writing() as session:  # numbers go on where they stopped
        session.add(UserRow(name="bob", role="lead", password_hash="x", created_at=NOW))
    with pytest.raises(BackupError, match="not empty"):
        restore_backup(restored, tmp_path / "b.tar.gz", Encryptor(), lambda table, done: None)
    restored.close()


LATER_TABLES = ("audit_head", "redemptions", "upkeep", "preferences", "identities", "second_factors")
LATER_COLUMNS = {
    "rule_versions": ("signature",), "audit": ("hash",), "screenings": ("verdict_hash",),
    "cases": ("template_hash", "earlier_round"),
}  # fmt: skip


def _as_schema_1_wrote_it(backup: Path, schema: str = "0001") -> Path:
    """The same backup as it would be without what later schemas added."""
    older = backup.with_name(f"schema-{schema}.tar.gz")
    with tarfile.open(backup) as read, tarfile.open(older, "w:gz") as written:
        for member in read.getmembers():
            if member.name.removesuffix(".jsonl") in LATER_TABLES:
                continue
            lines = [json.loads(line) for line in read.extractfile(member) or ()]
            for line in lines:
                for column in LATER_COLUMNS.get(member.name.removesuffix(".jsonl"), ()):
                    line.pop(column, None)
                if member.name == "manifest.json":
                    line |= {"schema": schema, "rows": {k: v for k, v in line["rows"].items() if k not in LATER_TABLES}}
                    del line["sha256"]
            content = "".join(json.dumps(line) + "\n" for line in lines).encode()
            member.size = len(content)
            written.addfile(member, io.BytesIO(content))
    return older


def test_a_backup_of_an_older_schema_is_brought_to_this_one(
    database_url: str, screener: Screener, tmp_path: Path
) -> None:
    kept = new(screener, Draft(**BLOCKED))
    source = Database(f"sqlite:///{tmp_path / 'older.db'}")
    source.migrate()
    keep(source, kept)
    with source.writing() as session:
        session.add(RuleVersionRow(rule_id="r", version="1", status="draft", source="x", author="ann", created_at=NOW))
    write_backup(source, tmp_path / "b.tar.gz", lambda table, done: None)
    source.close()
    restored = Database(database_url)
    older = _as_schema_1_wrote_it(tmp_path / "b.tar.gz")
    assert restore_backup(restored, older, Encryptor(), lambda table, done: None)["rule_versions"] == 1
    assert restored.schema()[0] == restored.schema()[1]
    with restored.reading() as session:
        version = session.scalars(select(RuleVersionRow)).one()
        assert (version.rule_id, version.created_at, version.signature) == ("r", NOW, None)
        stored = Screenings(session, Encryptor()).get(kept.id)
        assert stored is not None
        assert stored.draft == kept.draft
    assert list(faults(restored, Encryptor(), lambda done, total: None)) == []
    restored.close()


@pytest.mark.parametrize("harm", ["garbage", "cut", "schema"])
def test_a_backup_that_cannot_be_taken_back_is_refused_and_nothing_is_written(
    database: Database, tmp_path: Path, harm: str
) -> None:
    backup, empty = tmp_path / "b.tar.gz", Database(f"sqlite:///{tmp_path / 'empty.db'}")
    with database.writing() as session:
        session.add_all(UserRow(name=f"u{n}", role="lead", password_hash="x" * 99, created_at=NOW) for n in range(50))
    write_backup(database, backup, lambda table, done: None)
    if harm == "garbage":
        backup.write_bytes(b"garbage")
    elif harm == "cut":
        backup.write_bytes(backup.read_bytes()[:-300])
    else:
        backup = _as_schema_1_wrote_it(backup, "9999")
    with pytest.raises(BackupError, match=backup.name):
        restore_backup(empty, backup, Encryptor(), lambda table, done: None)
    assert count(empty, UserRow) == 0
    assert empty.schema()[0] == empty.schema()[1]
    empty.close()


def _altered(backup: Path, table: str, old: bytes, new: bytes, *, digests: bool = False) -> Path:
    """The same backup with other bytes in one table; without its digests, as a careful forger would leave it."""
    forged = backup.with_name("forged.tar.gz")
    with tarfile.open(backup) as read, tarfile.open(forged, "w:gz") as written:
        for member in read.getmembers():
            content = (read.extractfile(member) or io.BytesIO()).read()
            if member.name == f"{table}.jsonl":
                assert old in content
                content = content.replace(old, new)
            if member.name == "manifest.json" and not digests:
                content = json.dumps({k: v for k, v in json.loads(content).items() if k != "sha256"}).encode()
            member.size = len(content)
            written.addfile(member, io.BytesIO(content))
    return forged


@pytest.mark.parametrize("what", ["verdict", "decision", "text", "audit", "digest"])
def test_a_restored_backup_is_verified(database: Database, screener: Screener, tmp_path: Path, what: str) -> None:
    kept = new(screener, Draft(**BLOCKED))
    keep(database, kept)
    write_backup(database, tmp_path / "b.tar.gz", lambda table, done: None)
    verdict = orjson.dumps(kept.verdict)
    forged = {
        "verdict": ("screenings", base64.b64encode(verdict), base64.b64encode(verdict.replace(b"0.", b"1.", 1))),
        "decision": ("screenings", b'"decision": "block"', b'"decision": "allow"'),
        "text": ("screenings", kept.text_hash.encode(), b"0" * 64),
        "audit": ("audit", b"caller:gateway", b"caller:nobody"),
        "digest": ("screenings", b'"caller": "gateway"', b'"caller": "nobody"'),
    }[what]
    empty = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    backup = _altered(tmp_path / "b.tar.gz", *forged, digests=what == "digest")
    with pytest.raises(BackupError, match=r"not what was backed up|not those that were backed up"):
        restore_backup(empty, backup, Encryptor(), lambda table, done: None)
    assert count(empty, ScreeningRow) == 0
    empty.close()


def test_a_backup_whose_text_no_key_opens_is_restored_all_the_same(
    database: Database, screener: Screener, tmp_path: Path
) -> None:
    keep(database, new(screener, Draft(**BLOCKED)), encryptor=Encryptor(Fernet.generate_key().decode()))
    write_backup(database, tmp_path / "b.tar.gz", lambda table, done: None)
    empty = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    other = Encryptor(Fernet.generate_key().decode())
    assert restore_backup(empty, tmp_path / "b.tar.gz", other, lambda table, done: None)["screenings"] == 1
    empty.close()


def test_a_check_finds_a_verdict_that_was_changed(database: Database, screener: Screener) -> None:
    kept = new(screener, Draft(**BLOCKED))
    keep(database, kept)
    forged = orjson.dumps({**kept.verdict, "complete": False})
    with database.writing() as session:
        session.execute(update(ScreeningRow).values(verdict=forged))
    assert list(faults(database, Encryptor(), lambda done, total: None)) == [
        f"screening {kept.id}: the verdict is not the one that was given"
    ]


def test_a_document_of_a_newer_format_is_refused_and_one_of_an_older_is_read() -> None:
    with pytest.raises(ValueError, match="format 2"):
        read_document(orjson.dumps({"format": 2}))
    assert read_document(orjson.dumps({"decision": "allow"})) == {"decision": "allow"}


def test_several_processes_may_migrate_at_once(database_url: str) -> None:
    opened = [Database(database_url) for _ in range(3)]
    errors: list[Exception] = []

    def migrate(database: Database) -> None:
        try:
            database.migrate()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=migrate, args=(database,)) for database in opened]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not errors
    assert opened[0].schema()[0] == opened[0].schema()[1] is not None
    opened[0].migrate()  # a schema that stands is left alone
    for database in opened:
        database.close()


def test_a_migration_waits_for_the_one_that_another_process_is_at(tmp_path: Path) -> None:
    first, second = (Database(f"sqlite:///{tmp_path / 'shared.db'}") for _ in range(2))
    waiting = threading.Thread(target=second.migrate)
    with first.migrating_alone():
        waiting.start()
        waiting.join(1)
        assert waiting.is_alive()
        assert first.file is not None
        assert first.file.stat().st_size == 0  # nor has it touched the file, which SQLite would have refused the first
    waiting.join(60)
    assert second.schema()[0] == second.schema()[1]
    first.close()
    second.close()


@pytest.mark.long
def test_many_that_open_a_new_file_at_the_same_moment_are_never_told_that_it_is_locked(tmp_path: Path) -> None:
    for number in range(12):
        test_several_processes_may_migrate_at_once(f"sqlite:///{tmp_path / f'{number}.db'}")


def test_the_files_of_the_migrations_bear_their_revisions_and_are_in_one_line(database: Database) -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(storage.__file__).with_name("migrations")))
    scripts = list(ScriptDirectory.from_config(config).walk_revisions())
    assert all(Path(script.path).name.startswith(f"{script.revision}_") for script in scripts)
    assert database.schema() == (scripts[0].revision, scripts[0].revision)


def test_the_models_and_the_migrations_tell_of_the_same_schema(database: Database) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from service.storage.tables.columns import Base

    with database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_name": lambda name, kind, _: kind != "table" or not name.startswith("search")}
        )
        assert compare_metadata(context, Base.metadata) == []
