"""Killed at every step of a publication, a promotion, a backup, a restore, a migration and an import: after each, what
stands is the old or the new, and the same work can be done again.
"""

import hashlib
import json
import shutil
import tarfile
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import func, select, text

from classifier import Draft, Screener
from classifier.matching.rulebook import RuleBook
from classifier.model.artifact import MANIFEST, SHIPPED, digest
from service.judging.live_models import UNFINISHED, Screeners
from service.passes import new_key, signing_keys
from service.review.rules.files import entry_of, shipped, toml_of, with_rules
from service.review.rules.live_rule_book import RuleBookFollower
from service.review.rules.signatures import VersionSigner
from service.review.rules.versions import add_version, changes
from service.storage.audit import chain_faults
from service.storage.database import Database, downgrade
from service.storage.encryption import Encryptor
from service.storage.maintenance.backup import MANIFEST as BACKUP_MANIFEST
from service.storage.maintenance.backup import write_backup
from service.storage.maintenance.integrity import faults
from service.storage.maintenance.restore import BackupError, restore_backup
from service.storage.tables.review import AuditRow, RuleVersionRow, UserRow
from service.storage.tables.screenings import ScreeningRow
from tests.service.conftest import KINDS, fresh_url
from tests.service.drafts import ALLOWED, BLOCKED
from tests.service.judging.test_refused_rules import ADA, GOOD
from tests.service.killing import every_step, random_moments
from tests.service.storage.test_store import keep, new
from training.registry.model_registry import ModelRegistry
from training.tickets.importing import read_records, store

MOMENTS = 10
STRIDE = 5
"""Of the many steps of a migration, after each of which all is migrated again, each fifth."""
NOW = datetime(2026, 11, 2, tzinfo=UTC)


def nothing(*_: object) -> None:
    """Progress that nobody follows."""


@pytest.fixture(scope="module")
def screener() -> Screener:
    return Screener.load()


def copied(path: Path, place: Path) -> Path:
    """An SQLite file, with what stands in its log, in a folder of its own."""
    place.mkdir(parents=True)
    for one in path.parent.glob(path.name + "*"):
        shutil.copy(one, place)
    return place / path.name


def filled(path: Path, screener: Screener, screenings: int = 12) -> str:
    """A database with screenings and people; its URL."""
    database = Database(f"sqlite:///{path}")
    database.migrate()
    drafts = [{**(ALLOWED, BLOCKED)[n % 2], "body": f"{ALLOWED['body']} {n}"} for n in range(screenings)]
    keep(database, *(new(screener, Draft(**draft), idempotency_key=f"k{n}") for n, draft in enumerate(drafts)))
    with database.writing() as session:
        session.add_all(UserRow(name=f"u{n}", role="lead", password_hash="x", created_at=NOW) for n in range(5))
    database.close()
    return f"sqlite:///{path}"


# publish


class Quiet:
    """Stands for the screeners: what is judged with the rules is not asked here."""

    model_version = "none"

    def try_book(self, book: RuleBook) -> None:
        """It judges well."""

    def rules_refused(self, reason: str) -> None:
        """Nothing is refused."""
        assert reason == ""

    def refresh(self) -> bool:
        """It follows."""
        return True


def version_of(files: dict[str, str]) -> str:
    """The version of a book that loads. Raises RuleError."""
    return _version_of(tuple(sorted(files.items())))


@cache
def _version_of(files: tuple[tuple[str, str], ...]) -> str:
    return RuleBook.from_texts(dict(files)).version


@pytest.mark.long
def test_killed_while_rules_are_published(tmp_path: Path) -> None:
    """Two changed rules in two files and a new one: the book on the disk is the old, the new, or marked as no whole."""
    signer = VersionSigner(signing_keys(new_key()))
    url, home = f"sqlite:///{tmp_path / 'rules.db'}", tmp_path / "home"
    home.mkdir()
    changed = [entry_of_shipped(name) for name in sorted(shipped()) if name != "lexicon.toml"][:2]
    together = len(changed) + 1
    turn = 0

    def publish() -> None:
        database = Database(url)
        status, own = ("live", "shadow")[turn % 2], GOOD.replace("..3", f"..{3 + turn % 2}")
        with database.writing() as session:
            for entry in changed:
                add_version(session, signer, ADA, entry["id"], toml_of(entry), status, "")
            add_version(session, signer, ADA, "substitute.llama-lamp", own, "live", "")
        following(database).follow()
        database.close()

    def following(database: Database) -> RuleBookFollower:
        return RuleBookFollower(database, signer, cast(Screeners, Quiet()), home)

    def book() -> str | None:
        """What a process that starts now would judge by; None: the shipped rules, until the desk's are whole."""
        if (home / "rules" / UNFINISHED).exists():
            return None
        return version_of({path.name: path.read_text("utf-8") for path in (home / "rules").glob("*.toml")})

    Database(url).migrate()
    publish()
    database = Database(url)
    before, versions, audited = book(), together, together
    seen: Counter[str] = Counter()
    turn = 1
    for step in every_step(publish):
        with database.reading() as session:
            now = session.scalar(select(func.count()).select_from(RuleVersionRow)) or 0
            assert now in (versions, versions + together)
            noted = session.scalar(select(func.count()).select_from(AuditRow)) or 0
            assert noted - audited == now - versions
            assert list(chain_faults(session.connection())) == []
            wanted = version_of(with_rules(shipped(), changes(session, signer)))
        found = book()
        assert found in (None, before, wanted), step
        seen["no whole" if found is None else "new" if now > versions and found == wanted else "old"] += 1
        following(database).follow()
        assert book() == wanted
        before, versions, audited, turn = wanted, now, noted, turn + (now > versions)
    assert seen["old"] > 20
    assert seen["no whole"] >= 3
    assert seen["new"] >= 1
    database.close()


def entry_of_shipped(name: str) -> dict[str, Any]:
    """The first rule of a shipped file, with a note of the desk's in its examples."""
    entry: dict[str, Any] = tomllib.loads(shipped()[name])["rule"][0]
    return entry_of(toml_of({**entry, "status": "live"}))


# promote


@pytest.fixture(scope="module")
def two_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with two versions, the first of them live."""
    home = tmp_path_factory.mktemp("registry")
    registry = ModelRegistry(home)
    for name in ("one", "two"):
        folder = home / name
        shutil.copytree(SHIPPED, folder)
        manifest = {**json.loads((folder / MANIFEST).read_text("utf-8")), "published_as": name}
        (folder / MANIFEST).write_text(json.dumps({**manifest, "version": digest(manifest)}), "utf-8")
        version = registry.publish(folder, who="ann")
        (home / f"{name}.version").write_text(version, "utf-8")
        if name == "one":
            registry.promote(version, who="ann", why="the first")
    registry.set_shadow((home / "two.version").read_text("utf-8"), who="ann", why="watch")
    return home


@pytest.mark.long
def test_killed_while_a_model_is_promoted(two_models: Path, tmp_path: Path) -> None:
    one, two = ((two_models / f"{name}.version").read_text("utf-8") for name in ("one", "two"))
    home = tmp_path / "home"
    seen = set[str]()
    steps = 0

    def fresh() -> None:
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        (home / "registry").mkdir()
        for path in (two_models / "registry").iterdir():
            if path.name == "versions":
                (home / "registry" / "versions").symlink_to(path)
            elif path.is_file():
                shutil.copy(path, home / "registry")

    def promote() -> None:
        ModelRegistry(home).promote(two, who="bea", why="better")

    fresh()
    for step in every_step(promote):
        steps = step
        named = (home / "registry" / "live").read_text("utf-8").strip()  # what a service that runs finds
        assert named in (one, two)
        opened = ModelRegistry(home)
        live, last = opened.live(), opened.history.last_move()
        seen.add(live)
        assert last is not None
        assert live in (one, two)
        assert last.version == live
        if live == one:
            opened.promote(two, who="bea", why="again")
        assert ModelRegistry(home).live() == two
        assert len([e for e in opened.history.events() if e.action == "promote"]) == 2
        fresh()
    assert steps >= 5
    assert seen == {one, two}


# backup


def whole(backup: Path) -> int:
    """The screenings in a backup whose every file is the one that its manifest names."""
    with tarfile.open(backup) as tar:
        manifest = json.load(tar.extractfile(BACKUP_MANIFEST) or pytest.fail("no manifest"))
        for table, wanted in manifest["sha256"].items():
            rows = tar.extractfile(f"{table}.jsonl")
            assert rows is not None
            assert hashlib.sha256(rows.read()).hexdigest() == wanted
    return int(manifest["rows"]["screenings"])


@pytest.mark.long
def test_killed_while_a_backup_is_written(screener: Screener, tmp_path: Path) -> None:
    """Over a backup that stands: it is the old one, or the new one."""
    url, target = filled(tmp_path / "full.db", screener), tmp_path / "nightly.tar.gz"
    database = Database(url)
    write_backup(database, target, nothing)
    keep(database, new(screener, Draft(**BLOCKED)))
    database.close()
    old = target.read_bytes()

    def backup() -> None:
        opened = Database(url)
        write_backup(opened, target, nothing)
        opened.close()

    seen = set[int]()
    steps = 0
    for step in every_step(backup):
        steps = step
        seen.add(whole(target))
        target.write_bytes(old)
    for _ in random_moments(backup, MOMENTS, seed=7):
        seen.add(whole(target))
        target.write_bytes(old)
    assert steps > 20
    assert seen == {12, 13}
    backup()
    assert whole(target) == 13


# restore and migrate


def is_whole(database: Database, screenings: int) -> bool:
    """True where everything is there, False where nothing is; anything between fails."""
    database.migrate()
    with database.reading() as session:
        counts = [session.scalar(select(func.count()).select_from(one)) for one in (ScreeningRow, UserRow)]
    assert counts in ([0, 0], [screenings, 5])
    assert list(faults(database, Encryptor(), nothing)) == []
    return counts == [screenings, 5]


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_killed_while_a_backup_is_restored(
    kind: str, screener: Screener, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    backup = tmp_path / "b.tar.gz"
    source = Database(filled(tmp_path / "full.db", screener))
    write_backup(source, backup, nothing)
    source.close()
    url = fresh_url(kind, tmp_path, request)

    def restore() -> None:
        database = Database(url)
        restore_backup(database, backup, Encryptor(), nothing)
        database.close()

    steps = 0
    seen = set[bool]()
    for step in every_step(restore, stride=1 if kind == "sqlite" else 7):
        steps = step
        database = Database(url)
        seen.add(is_whole(database, 12))
        database.close()
        if True in seen:  # killed after its commit: from here on there is nothing to do
            break
    assert steps > 30
    assert False in seen
    assert True in seen or kind == "postgresql"  # there the last of the steps that were tried is not after the commit
    database = Database(url)
    with pytest.raises(BackupError, match="not empty"):
        restore_backup(database, backup, Encryptor(), nothing)
    assert is_whole(database, 12)
    database.close()


@pytest.fixture(scope="module")
def of_schema_1(screener: Screener, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with rows, as the first version of the schema holds them."""
    path = tmp_path_factory.mktemp("old") / "old.db"
    database = Database(filled(path, screener))
    with database.engine.begin() as connection:
        downgrade(connection, "0001")
    with database.engine.connect() as connection:
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return path


@pytest.mark.long
@pytest.mark.parametrize("start", ["nothing", "an older schema"])
def test_killed_while_the_schema_is_migrated(start: str, of_schema_1: Path, tmp_path: Path) -> None:
    rows, at = (0, None) if start == "nothing" else (12, "0001")
    path = tmp_path / "first" / "m.db"
    number = 0

    def fresh() -> None:
        nonlocal path, number
        number += 1
        path = copied(of_schema_1, tmp_path / f"n{number}") if rows else tmp_path / f"n{number}" / "m.db"

    def migrate() -> None:
        database = Database(f"sqlite:///{path}")
        database.migrate()
        database.close()

    def check() -> str | None:
        database = Database(f"sqlite:///{path}")
        found, wanted = database.schema()
        assert found in (at, wanted)
        database.migrate()
        assert database.schema() == (wanted, wanted)
        with database.reading() as session:
            assert session.scalar(select(func.count()).select_from(ScreeningRow)) == rows
            assert session.scalar(text("PRAGMA integrity_check")) == "ok"
        assert list(faults(database, Encryptor(), nothing)) == []
        database.close()
        return found

    def one_after_another(kills: Iterator[object]) -> tuple[int, set[str | None]]:
        count, seen = 0, set[str | None]()
        for _ in kills:
            count += 1
            seen.add(check())
            fresh()
        return count, seen

    fresh()
    count, seen = one_after_another(every_step(migrate, stride=STRIDE))
    assert count > 15
    assert at in seen
    fresh()
    one_after_another(random_moments(migrate, MOMENTS, seed=14))


# import


@pytest.mark.long
def test_killed_while_tickets_are_imported(tmp_path: Path) -> None:
    target = tmp_path / "imported" / "set.jsonl"

    def record(number: int, body: str) -> dict[str, Any]:
        return {
            "id": f"t{number}", "writer": "w", "scenario": f"t{number}", "support_id": "GG-1", "subject": "s",
            "body": body, "labels": [], "evidence": {}, "provenance": "a.csv",
        }  # fmt: skip

    old = [record(n, "Hello you.") for n in range(400)]
    fresh = [record(n, "Good morning to you.") for n in range(600)]
    store(old, target)

    def take_in() -> None:
        store(fresh, target, files=["a.csv"])

    def kept() -> set[str]:
        return {f"{len(records)} {body}" for records in [read_records(target)] for body in {r["body"] for r in records}}

    seen = set[str]()
    steps = 0
    kills: Callable[[], Iterator[object]]
    for kills in (lambda: every_step(take_in), lambda: random_moments(take_in, MOMENTS, seed=3)):
        for _ in kills():
            steps += 1
            (one,) = kept()
            seen.add(one)
            target.unlink()
            store(old, target)
    assert steps > MOMENTS + 3
    assert seen == {"400 Hello you.", "600 Good morning to you."}
    take_in()
    assert kept() == {"600 Good morning to you."}
