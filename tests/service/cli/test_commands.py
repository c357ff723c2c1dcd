"""The operators' command, as operators call it: without a running service, in its own process or through the runner."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from classifier.matching.rulebook import RULES_FOLDER
from service.cli.commands import app
from service.http.api_keys import prefix_of
from service.passes import Passes
from service.storage.database import Database
from service.storage.encryption import Encryptor
from service.storage.keys import ApiKeys
from service.storage.tables.screenings import UpkeepRow
from service.storage.users import Users


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SCREENING_HOME", str(tmp_path))
    monkeypatch.delenv("SCREENING_DATABASE_URL", raising=False)
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def said(*arguments: str) -> str:
    result = call(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


def opened(home: Path) -> Database:
    return Database(f"sqlite:///{home / 'screening.db'}")


def test_a_key_is_made_shown_once_listed_rotated_and_revoked(home: Path) -> None:
    secret = said("keys", "create", "gateway", "--scope", "screen", "--scope", "admin", "--days", "30").strip()
    prefix = prefix_of(secret)
    listed = said("keys", "list")
    assert prefix in listed
    assert secret not in listed
    assert "admin screen" in listed
    second = said("keys", "rotate", prefix).strip()
    assert prefix_of(second) != prefix
    said("keys", "revoke", prefix)
    assert call("keys", "revoke", prefix).exit_code == 1
    database = opened(home)
    with database.reading() as session:
        old, new = (ApiKeys(session).find(one) for one in (prefix, prefix_of(second)))
        assert old is not None
        assert new is not None
        assert not old.is_good(datetime.now(UTC))
        assert new.is_good(datetime.now(UTC))
        assert (new.caller, new.scopes) == ("gateway", {"screen", "admin"})
    database.close()


def test_an_unknown_scope_is_refused(home: Path) -> None:
    assert call("keys", "create", "gateway", "--scope", "everything").exit_code == 2


def test_a_user_is_made_with_a_password_that_works_and_disabled(home: Path) -> None:
    password = said("users", "create", "ann", "--role", "lead").strip().split("password: ")[1]
    assert call("users", "create", "ann").exit_code == 1
    assert call("users", "create", "bob", "--role", "king").exit_code == 1
    database = opened(home)
    with database.reading() as session:
        user = Users(session).check("ann", password)
        assert user is not None
        assert user.role == "lead"
    fresh = said("users", "password", "ann").strip().rstrip(".").split("the password ")[1]
    with database.reading() as session:
        assert Users(session).check("ann", password) is None
        assert Users(session).check("ann", fresh) is not None
    assert "lead" in said("users", "list")
    said("users", "disable", "ann")
    with database.reading() as session:
        assert Users(session).check("ann", fresh) is None
    database.close()


def test_orders_are_loaded_all_or_none(home: Path) -> None:
    table = home / "orders.csv"
    table.write_text("support_id,status,cancelled_by\nGG-1,shipped,\nGG-2,cancelled,customer\n")
    assert "2 orders" in said("orders", "load", str(table))
    table.write_text("support_id,status,cancelled_by\nGG-3,shipped,\nGG-4,cancelled,me\n")
    refused = call("orders", "load", str(table))
    assert refused.exit_code == 1
    assert f"{table}:3" in refused.output
    assert said("orders", "count").strip() == "2"


@pytest.mark.parametrize("caller", ["", "x" * 101, "a\nb"])
def test_a_caller_has_a_name(home: Path, caller: str) -> None:
    refused = call("keys", "create", caller)
    assert (refused.exit_code, refused.output.splitlines()) == (2, ["CALLER: 1 to 100 printable characters"])


@pytest.mark.parametrize(
    ("setting", "value", "arguments", "words"),
    [
        ("HOME", "{home}/file/below", ["keys", "list"], "SCREENING_HOME: {home}/file"),
        ("TEXT_KEYS", "not-a-key", ["check"], "SCREENING_TEXT_KEYS holds something that is no key"),
        ("BUSINESS_ZONE", "Mars", ["check"], "SCREENING_BUSINESS_ZONE: 'Mars' is no time zone"),
        ("KEEP_TEXT_DAYS", "1", ["backup", "{home}/none/b.tar.gz"], "{home}/none/b.tar.gz: No such file"),
        ("KEEP_TEXT_DAYS", "1", ["restore", "{home}/file"], "{home}/file: damaged, or no backup"),
        ("KEEP_TEXT_DAYS", "1", ["purge", "--older-than-days", "-1"], "--older-than-days"),
    ],
)
def test_what_cannot_be_done_is_said_without_a_traceback(
    home: Path, monkeypatch: pytest.MonkeyPatch, setting: str, value: str, arguments: list[str], words: str
) -> None:
    (home / "file").write_text("no backup")
    said("users", "list")
    monkeypatch.setenv(f"SCREENING_{setting}", value.format(home=home))
    refused = call(*(argument.format(home=home) for argument in arguments))
    assert refused.exit_code in (1, 2)
    assert words.format(home=home) in refused.output
    assert "not-a-key" not in refused.output
    assert isinstance(refused.exception, SystemExit)


def test_a_backup_comes_back_elsewhere(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said("users", "create", "ann")
    said("backup", str(home / "all.tar.gz"))
    for private in ("all.tar.gz", "screening.db"):
        assert (home / private).stat().st_mode & 0o077 == 0
    monkeypatch.setenv("SCREENING_DATABASE_URL", f"sqlite:///{home / 'other.db'}")
    said("restore", str(home / "all.tar.gz"))
    assert "ann" in said("users", "list")
    assert call("restore", str(home / "all.tar.gz")).exit_code == 1
    assert call("restore", str(home / "none.tar.gz")).exit_code == 1


def test_check_says_what_is_missing_and_what_is_well(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said("users", "create", "ann")
    lacking = call("check")
    assert lacking.exit_code == 1
    assert "SCREENING_PASS_KEYS" in lacking.output
    monkeypatch.setenv("SCREENING_PASS_KEYS", said("secrets", "pass-key").strip())
    assert "All is well" in said("check")


def test_check_says_beforehand_what_would_not_judge(home: Path, tmp_path: Path) -> None:
    for name in ("registry", "rules"):
        (tmp_path / "next" / name).mkdir(parents=True)
    (tmp_path / "next" / "registry" / "live").write_text("gone")
    refused = call("check", "--registry", str(tmp_path / "next" / "registry"))
    assert (refused.exit_code, "gone" in refused.output) == (1, True)
    refused = call("check", "--rules", str(tmp_path / "next" / "rules"))
    assert (refused.exit_code, "holds no rule" in refused.output) == (1, True)
    assert "All is well" in said("check", "--rules", str(RULES_FOLDER))


def test_purge_says_how_much_went(home: Path) -> None:
    output = said("purge", "--merchant", "m-1")
    assert "0 screenings" in output
    assert "Removed besides: nothing." in output
    assert "Shown: SQLite's write-ahead log is empty" in output
    assert "Not reached: backups" in output


def test_purge_asks_before_it_believes_a_clock_far_ahead(home: Path) -> None:
    said("purge", "--older-than-days", "90")
    database = opened(home)
    with database.writing() as session:
        session.get_one(UpkeepRow, "purge").at = datetime.now(UTC) - timedelta(days=30)
    refused = call("purge", "--older-than-days", "90")
    assert refused.exit_code == 1
    assert "Nothing was removed" in refused.output
    said("purge", "--older-than-days", "90", "--yes")
    said("purge", "--older-than-days", "90")
    database.close()


def test_new_secrets_can_be_used(home: Path) -> None:
    keys = ",".join(said("secrets", "pass-key").strip() for _ in range(2))
    assert len(Passes.from_setting(keys, issuer="x", minutes=1).public_keys()["keys"]) == 2
    assert Encryptor(said("secrets", "text-key").strip()).encrypts


@pytest.mark.parametrize("url", ["mysql://x/y", "postgresql://nobody@127.0.0.1:9/none", "nonsense"])
def test_a_database_that_cannot_be_used_is_said_in_one_line(
    home: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("SCREENING_DATABASE_URL", url)
    result = call("keys", "list")
    assert result.exit_code in (1, 2)
    assert len(result.output.strip().splitlines()) == 1
