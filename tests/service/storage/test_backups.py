"""Backups that rotate, the drill that proves the newest, and `check --json`."""

import json
import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from service.cli.commands import app


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SCREENING_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SCREENING_DATABASE_URL", raising=False)
    call("users", "create", "ann")
    (tmp_path / "backups").mkdir()
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_the_newest_backups_stay(home: Path) -> None:
    folder = home / "backups"
    for day in range(1, 5):
        (folder / f"screening-2026-11-0{day}T021000Z.tar.gz").write_bytes(b"old")
    (folder / "notes.txt").write_text("mine")
    made = call("rotate-backups", str(folder), "--keep", "3")
    assert made.exit_code == 0, made.output
    left = sorted(path.name for path in folder.iterdir())
    assert "notes.txt" in left
    assert len(left) == 4
    assert "screening-2026-11-04T021000Z.tar.gz" in left
    assert "screening-2026-11-02T021000Z.tar.gz" not in left


def test_where_nothing_could_be_written_nothing_is_removed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = home / "backups"
    old = folder / "screening-2026-11-01T021000Z.tar.gz"
    old.write_bytes(b"old")

    def full(*given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("service.cli.backups.write_backup", full)
    refused = call("rotate-backups", str(folder), "--keep", "1")
    assert refused.exit_code == 1
    assert "No space left" in refused.output
    assert old.exists()


def test_the_drill_proves_the_newest_backup_and_touches_nothing(home: Path) -> None:
    folder = home / "backups"
    call("rotate-backups", str(folder))
    before = (home / "home" / "screening.db").stat().st_mtime_ns
    proven = call("restore-drill", str(folder), "--newer-than-hours", "1", "--json")
    assert proven.exit_code == 0, proven.output
    told = json.loads(proven.stdout)
    assert told["well"] is True
    assert told["rows"]["users"] == 1
    assert (home / "home" / "screening.db").stat().st_mtime_ns == before


def test_the_drill_fails_on_a_damaged_an_old_and_a_missing_backup(home: Path) -> None:
    folder = home / "backups"
    assert call("restore-drill", str(folder)).exit_code == 1
    call("rotate-backups", str(folder))
    (whole,) = folder.iterdir()
    os.utime(whole, (1_700_000_000, 1_700_000_000))
    old = call("restore-drill", str(folder), "--newer-than-hours", "30")
    assert old.exit_code == 1
    assert "more than 30" in old.output
    cut = folder / "screening-2999-01-01T000000Z.tar.gz"
    shutil.copy(whole, cut)
    cut.write_bytes(cut.read_bytes()[:-200])
    damaged = call("restore-drill", str(folder), "--json")
    assert damaged.exit_code == 1
    assert json.loads(damaged.stdout)["backup"] == str(cut)


def test_check_tells_its_result_by_check_as_json(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lacking = call("check", "--json")
    assert lacking.exit_code == 1
    told = json.loads(lacking.stdout)
    assert told["well"] is False
    assert "SCREENING_PASS_KEYS" in told["checks"]["pass_keys"][0]
    assert set(told["checks"]) == {
        "store", "writes", "disk", "pass_keys", "calendar", "clock", "orders", "webhooks", "sign_in", "model", "rules",
    }  # fmt: skip
    monkeypatch.setenv("SCREENING_PASS_KEYS", call("secrets", "pass-key").output.strip())
    well = call("check", "--json")
    assert json.loads(well.stdout)["well"] is True, well.output
    assert well.exit_code == 0


def test_a_disk_that_is_nearly_full_is_a_fault(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.cli.maintenance.LEAST_FREE", 10**18)
    checked = json.loads(call("check", "--json").stdout)
    assert "free on its disk" in checked["checks"]["disk"][0]
