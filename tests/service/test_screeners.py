"""The screeners that serve: a promoted model is followed, a bad one is not, a challenger only watches."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from classifier import Draft
from classifier.model.artifact import MANIFEST, SHIPPED
from service.judging.executor import LONGEST_INLINE
from service.judging.live_models import Screeners
from service.storage.tables.screenings import ShadowVerdictRow
from tests.service.drafts import ALLOWED, BLOCKED
from tests.service.running import running, settings_for


def publish(home: Path, version: str) -> Path:
    """The shipped model again, under another version."""
    folder = home / "registry" / "versions" / version
    shutil.copytree(SHIPPED, folder)
    manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    (folder / MANIFEST).write_text(json.dumps({**manifest, "version": version}), "utf-8")
    return folder


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
    publish(tmp_path, "v2")
    point(tmp_path, "live", "v2")
    assert screeners.refresh() is True
    assert screeners.model_version == "v2" != before


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


def test_over_http_the_swap_the_shadow_and_the_budget(tmp_path: Path) -> None:
    publish(tmp_path, "challenger")
    point(tmp_path, "shadow", "challenger")
    with running(settings_for(tmp_path, time_budget_ms=300)) as service:
        answer = service.screen(BLOCKED)
        with service.services.database.reading() as session:
            seen = session.scalars(select(ShadowVerdictRow)).one()
            assert (seen.screening_id, seen.model_version) == (answer["screening_id"], "challenger")
            assert (seen.decision, seen.live_decision, seen.live_version) == ("block", "block", answer["model_version"])
        service.screen(BLOCKED, mode="preview")
        with service.services.database.reading() as session:
            assert len(session.scalars(select(ShadowVerdictRow)).all()) == 1

        long = service.screen({**ALLOWED, "body": ALLOWED["body"] * (200_000 // len(ALLOWED["body"]))})
        assert (long["complete"], long["decision"], long["pass"]) == (False, "warn", None)
        assert [finding["id"] for finding in long["findings"]] == ["could-not-judge"]

        publish(tmp_path, "v2")
        point(tmp_path, "live", "v2")
        service.services.screeners.refresh()
        assert service.screen(ALLOWED)["model_version"] == "v2"
        assert service.client.get("/readyz").json()["model_version"] == "v2"
        point(tmp_path, "live", "broken")
        service.services.screeners.refresh()
        ready = service.client.get("/readyz").json()
        assert (ready["model_version"], "broken" in ready["model_refused"]) == ("v2", True)


def test_a_long_draft_is_judged_as_a_short_one_would_be(tmp_path: Path) -> None:
    long = Draft("GG-1", "A long one", BLOCKED["body"] * (LONGEST_INLINE // 50))
    made = Screeners(tmp_path, budget=60)
    (judged,) = asyncio.run(made.judge_many([long], [None], shadow=False))
    assert asyncio.run(made.judge(long, None, shadow=False)) == judged
    assert judged.verdict == made.screener.screen(long)
    assert judged.verdict.complete
    made.close()
