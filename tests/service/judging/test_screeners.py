"""The screeners that serve: a promoted model is followed, a bad one is not, a challenger only watches."""

import asyncio
import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from classifier import Draft, Screener
from classifier.matching.rulebook import RULES_FOLDER
from classifier.model.artifact import ARRAYS, MANIFEST, SHIPPED, digest
from classifier.model.encoder import EncoderScores
from classifier.screener import PartialEvidence
from service.judging.canaries import CanaryError, judge_canaries
from service.judging.executor import LONGEST_INLINE
from service.judging.live_models import Screeners
from service.storage.tables.screenings import ShadowVerdictRow
from tests.service.drafts import ALLOWED, BLOCKED
from tests.service.running import running, settings_for


def publish(home: Path, version: str, **changed: Any) -> Path:
    """The shipped model again, in a folder of another name; `changed` entries of its manifest."""
    folder = home / "registry" / "versions" / version
    shutil.copytree(SHIPPED, folder)
    manifest = {**json.loads((folder / MANIFEST).read_text("utf-8")), "published_as": version, **changed}
    (folder / MANIFEST).write_text(json.dumps({**manifest, "version": digest(manifest)}), "utf-8")
    return folder


def version_in(folder: Path) -> str:
    return str(json.loads((folder / MANIFEST).read_text("utf-8"))["version"])


def spoil_array(folder: Path, name: str, value: float) -> None:
    """Fill an array of a model with a number, and make its digests right again: a model that loads and cannot judge."""
    with np.load(folder / ARRAYS) as arrays:
        kept = dict(arrays)
    kept[name] = np.full_like(kept[name], value)
    np.savez(folder / ARRAYS, **kept)
    manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    manifest["files"][ARRAYS] = hashlib.sha256((folder / ARRAYS).read_bytes()).hexdigest()
    (folder / MANIFEST).write_text(json.dumps({**manifest, "version": digest(manifest)}), "utf-8")


def point(home: Path, pointer: str, version: str) -> None:
    (home / "registry").mkdir(parents=True, exist_ok=True)
    (home / "registry" / pointer).write_text(version + "\n", "utf-8")


@pytest.fixture
def screeners(tmp_path: Path) -> Iterator[Screeners]:
    made = Screeners(tmp_path, budget=5)
    yield made
    made.close()


def test_a_promoted_model_serves_without_a_restart(screeners: Screeners, tmp_path: Path) -> None:
    before = screeners.model_version
    assert screeners.refresh() is False
    version = version_in(publish(tmp_path, "v2"))
    point(tmp_path, "live", "v2")
    assert screeners.refresh() is True
    assert screeners.model_version == version != before


@pytest.mark.parametrize("harm", ["missing", "altered", "no manifest", "empty manifest"])
def test_a_model_that_will_not_load_changes_nothing(screeners: Screeners, tmp_path: Path, harm: str) -> None:
    before = screeners.model_version
    if harm != "missing":
        folder = publish(tmp_path, "v3")
        if harm == "altered":
            (folder / "arrays.npz").write_bytes(b"other")
        elif harm == "no manifest":
            (folder / MANIFEST).unlink()
        else:
            (folder / MANIFEST).write_text("{}", "utf-8")
    point(tmp_path, "live", "v3")
    assert screeners.refresh() is False
    assert screeners.model_version == before
    assert "v3" in screeners.failed


def test_a_start_with_a_bad_model_serves_the_shipped_one_and_says_so(tmp_path: Path) -> None:
    point(tmp_path, "live", "gone")
    started = Screeners(tmp_path, budget=5)
    assert started.model_version == json.loads((SHIPPED / MANIFEST).read_text("utf-8"))["version"]
    assert "gone" in started.failed
    started.close()


def test_a_model_that_loads_and_judges_a_canary_wrongly_does_not_take_over(
    screeners: Screeners, tmp_path: Path
) -> None:
    before = screeners.model_version
    spoil_array(publish(tmp_path, "blind"), "stack", 0.0)
    point(tmp_path, "live", "blind")
    assert screeners.refresh() is False
    assert screeners.model_version == before
    assert "the canary draft" in screeners.failed


def test_an_encoder_that_fails_is_found_before_it_is_needed(tmp_path: Path) -> None:
    class Deaf(Screener):
        def encoder_scores(self, partial: PartialEvidence) -> tuple[EncoderScores, ...]:
            raise RuntimeError("no such input")

    made = Deaf.load()
    with pytest.raises(CanaryError, match="no such input"):
        judge_canaries(made)


def test_a_challenger_that_cannot_judge_is_left_out(tmp_path: Path) -> None:
    spoil_array(publish(tmp_path, "blind"), "stack", 0.0)
    point(tmp_path, "shadow", "blind")
    made = Screeners(tmp_path, budget=5)
    assert made.failed == ""
    assert "the canary draft" in made.challenger_failed
    made.close()


@pytest.mark.parametrize("harm", ["nothing", "cut", "other bytes", "no text in live", "a link", "a path"])
def test_whatever_is_wrong_with_the_live_model_the_shipped_one_serves_from_the_start(tmp_path: Path, harm: str) -> None:
    folder = publish(tmp_path, "v9")
    point(tmp_path, "live", "v9")
    manifest = folder / MANIFEST
    if harm == "nothing":
        manifest.write_text("", "utf-8")
    elif harm == "cut":
        manifest.write_text(manifest.read_text("utf-8")[:200], "utf-8")
    elif harm == "other bytes":
        manifest.write_bytes(b"\xff\xfe{}")
    elif harm == "no text in live":
        (tmp_path / "registry" / "live").write_bytes(b"\xff\xfe")
    elif harm == "a link":
        outside = folder.rename(tmp_path / "outside")
        folder.symlink_to(outside)
    else:
        point(tmp_path, "live", "../versions/v9")
    started = Screeners(tmp_path, budget=5)
    assert started.model_version == version_in(SHIPPED)
    assert started.failed
    started.close()


def test_a_live_model_that_is_mended_in_its_place_takes_over(tmp_path: Path) -> None:
    folder = publish(tmp_path, "v9")
    point(tmp_path, "live", "v9")
    whole = (folder / MANIFEST).read_bytes()
    (folder / MANIFEST).write_bytes(whole[:100])
    started = Screeners(tmp_path, budget=5)
    assert started.failed
    (folder / MANIFEST).write_bytes(whole)
    assert started.refresh() is True
    assert (started.model_version, started.failed) == (version_in(folder), "")
    started.close()


def block_everything(rules: Path) -> None:
    (rules / "all.toml").write_text(
        '[[rule]]\nid = "all.all"\nlabel = "substitute_offer"\nstrength = "strong"\nstatus = "live"\n'
        'patterns = ["hello", "dear"]\nmust_flag = ["hello you"]\nmust_not_flag = ["bye"]\n',
        "utf-8",
    )


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        ("emptied", "holds no rule"),
        ("not UTF-8", "not UTF-8: byte 2"),
        ("not TOML", "not TOML"),
        ("blocks everything", "canary"),
    ],
)
def test_rules_that_cannot_judge_stop_a_start_and_change_nothing_while_it_runs(
    screeners: Screeners, tmp_path: Path, harm: str, words: str
) -> None:
    rules, before = tmp_path / "rules", screeners.screener.book.version
    rules.mkdir()
    if harm == "not UTF-8":
        (rules / "own.toml").write_bytes(b"# \xff\n")
    elif harm == "not TOML":
        (rules / "own.toml").write_text("[[rule", "utf-8")
    elif harm == "blocks everything":
        for path in RULES_FOLDER.glob("*.toml"):
            shutil.copy(path, rules)
        block_everything(rules)
    assert screeners.refresh() is False
    assert words in screeners.failed
    assert screeners.screener.book.version == before
    with pytest.raises(ValueError, match=words):
        Screeners(tmp_path, budget=5)
    shutil.rmtree(rules)
    assert screeners.refresh() is True
    assert screeners.failed == ""


def test_over_http_the_swap_the_shadow_and_the_budget(tmp_path: Path) -> None:
    challenger = version_in(publish(tmp_path, "challenger"))
    point(tmp_path, "shadow", "challenger")
    with running(settings_for(tmp_path, time_budget_ms=300)) as service:
        answer = service.screen(BLOCKED)
        with service.services.database.reading() as session:
            seen = session.scalars(select(ShadowVerdictRow)).one()
            assert (seen.screening_id, seen.model_version) == (answer["screening_id"], challenger)
            assert (seen.decision, seen.live_decision, seen.live_version) == ("block", "block", answer["model_version"])
        service.screen(BLOCKED, mode="preview")
        with service.services.database.reading() as session:
            assert len(session.scalars(select(ShadowVerdictRow)).all()) == 1

        long = service.screen({**ALLOWED, "body": ALLOWED["body"] * (200_000 // len(ALLOWED["body"]))})
        assert (long["complete"], long["decision"], long["pass"]) == (False, "warn", None)
        assert [finding["id"] for finding in long["findings"]] == ["could-not-judge"]

        version = version_in(publish(tmp_path, "v2"))
        point(tmp_path, "live", "v2")
        service.services.screeners.refresh()
        assert service.screen(ALLOWED)["model_version"] == version
        assert service.client.get("/readyz").json()["model_version"] == version
        assert "screening_model_refused 0.0" in service.client.get("/metrics").text
        point(tmp_path, "live", "broken")
        service.services.screeners.refresh()
        ready = service.client.get("/readyz").json()
        assert (ready["model_version"], "broken" in ready["model_refused"]) == (version, True)
        assert "screening_model_refused 1.0" in service.client.get("/metrics").text


def test_a_long_draft_is_judged_as_a_short_one_would_be(tmp_path: Path) -> None:
    long = Draft("GG-1", "A long one", BLOCKED["body"] * (LONGEST_INLINE // 50))
    made = Screeners(tmp_path, budget=60)
    (judged,) = asyncio.run(made.judge_many([long], [None], shadow=False))
    assert asyncio.run(made.judge(long, None, shadow=False)) == judged
    assert judged.verdict == made.screener.screen(long)
    assert judged.verdict.complete
    made.close()
