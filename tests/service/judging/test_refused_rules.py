"""The desk's rules that cannot judge: the ones before go on, and readiness, log, metric and `check` say so."""

from pathlib import Path

import pytest

from service.cli.maintenance import rule_faults
from service.judging.live_models import UNFINISHED, Screeners
from service.passes import new_key
from service.review.auth.roles import Reviewer
from service.review.rules.live_rule_book import RuleBookFollower
from service.review.rules.signatures import VersionSigner
from service.review.rules.versions import add_version
from service.settings import Settings
from service.storage.database import Database
from service.storage.tables.review import RuleVersionRow
from tests.service.drafts import ALLOWED
from tests.service.running import Running, running, settings_for

ADA = Reviewer(id=1, name="ada", role="administrator", csrf="")
GOOD = """[[rule]]
id = "substitute.llama-lamp"
label = "substitute_offer"
strength = "strong"
patterns = ["llama ..3 lamp"]
must_flag = ["Take the llama lamp."]
must_not_flag = ["Take the lamp."]
"""
BLOCKS_EVERYTHING = """[[rule]]
id = "substitute.all"
label = "substitute_offer"
strength = "strong"
patterns = ["hello", "dear"]
must_flag = ["Hello you."]
must_not_flag = ["Bye."]
"""
"""It loads, it passes its own examples, and it would block whoever greets."""

HARMS = {"blocks whoever greets": (BLOCKS_EVERYTHING, "canary"), "is no rule": ("id = 5", "desk.toml")}


def publish(database: Database, signer: VersionSigner, rule_id: str, source: str) -> None:
    with database.writing() as session:
        add_version(session, signer, ADA, rule_id, source, "live", "")


def follower(service: Running) -> RuleBookFollower:
    services = service.services
    signer = VersionSigner.from_settings(services.settings)
    return RuleBookFollower(services.database, signer, services.screeners, service.home)


@pytest.mark.parametrize("harm", HARMS)
def test_a_rule_book_that_cannot_judge_is_refused_everywhere_and_the_one_before_goes_on(
    harm: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source, words = HARMS[harm]
    settings = settings_for(tmp_path, model_check_seconds=3600)
    with running(settings) as service:
        database, screeners = service.services.database, service.services.screeners
        signer, following = VersionSigner.from_settings(settings), follower(service)
        publish(database, signer, "substitute.llama-lamp", GOOD)
        assert following.follow()
        good = screeners.screener.book.version
        publish(database, signer, "substitute.all", source)
        with caplog.at_level("ERROR", "screening"):
            assert not following.follow()
            assert not following.follow()
        assert [record.msg for record in caplog.records] == ["rules-refused"]
        assert screeners.screener.book.version == good
        assert service.screen(ALLOWED, mode="preview")["decision"] == "allow"
        assert words in service.client.get("/readyz").json()["model_refused"]
        assert "screening_model_refused 1.0" in service.client.get("/metrics").text
        assert words in " ".join(rule_faults(settings, database))
        restarted = Screeners(tmp_path, budget=5)  # what is refused is not written either: a restart finds the good one
        assert (restarted.screener.book.version, restarted.failed) == (good, "")
        restarted.close()

        publish(database, signer, "substitute.all", GOOD.replace("llama-lamp", "all").replace("llama", "alpaca"))
        assert following.follow()
        assert screeners.failed == ""
        assert "model_refused" not in service.client.get("/readyz").json()
        assert "screening_model_refused 0.0" in service.client.get("/metrics").text
        assert rule_faults(settings, database) == []


def test_a_row_whose_source_is_broken_is_said_once_and_not_forgotten(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    database, screeners = Database(settings.database()), Screeners(tmp_path, budget=5)
    database.migrate()
    following = RuleBookFollower(database, VersionSigner.from_settings(settings), screeners, tmp_path)
    signer = VersionSigner.from_settings(settings)
    publish(database, signer, "substitute.x", "[[rule")
    for _ in range(3):
        assert not following.follow()
        assert "not TOML" in screeners.failed
    assert not (tmp_path / "rules").exists()
    screeners.close()
    database.close()


def test_a_disk_that_was_full_when_the_rules_were_published_loses_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(tmp_path)
    database, screeners = Database(settings.database()), Screeners(tmp_path, budget=5)
    database.migrate()
    signer = VersionSigner.from_settings(settings)
    following = RuleBookFollower(database, signer, screeners, tmp_path)
    publish(database, signer, "substitute.llama-lamp", GOOD)
    with monkeypatch.context() as full:
        full.setattr("os.fsync", lambda handle: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(OSError, match="No space"):
            following.follow()
    assert following.follow()
    assert any(rule.id == "substitute.llama-lamp" for rule in screeners.screener.book.rules)
    screeners.close()
    database.close()


def test_rules_of_which_half_is_written_serve_nowhere(tmp_path: Path) -> None:
    settings: Settings = settings_for(tmp_path, pass_keys=new_key())
    database, screeners = Database(settings.database()), Screeners(tmp_path, budget=5)
    database.migrate()
    signer = VersionSigner.from_settings(settings)
    publish(database, signer, "substitute.llama-lamp", GOOD)
    following = RuleBookFollower(database, signer, screeners, tmp_path)
    assert following.follow()
    whole, shipped_rules = screeners.screener.book.version, len(screeners.screener.book.rules) - 1
    rules = tmp_path / "rules"
    (rules / UNFINISHED).touch()
    next(path for path in sorted(rules.glob("*.toml")) if path.name != "desk.toml").unlink()
    assert not screeners.refresh()  # a process that runs waits for the rest
    assert screeners.screener.book.version == whole
    started = Screeners(tmp_path, budget=5)  # after a kill: the shipped rules, until the desk's are whole again
    assert len(started.screener.book.rules) == shipped_rules
    assert RuleBookFollower(database, signer, started, tmp_path).follow()
    assert started.screener.book.version == whole
    with database.reading() as session:
        assert session.query(RuleVersionRow).count() == 1
    for one in (screeners, started):
        one.close()
    database.close()
