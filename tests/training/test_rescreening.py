"""An archive judged again on a Dask cluster: the same verdicts, whatever stops on the way."""

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from classifier import Screener
from classifier.draft import LabelledDraft
from classifier.model.artifact import SHIPPED, ArtifactError, ModelArtifact
from classifier.model.encoder import EncoderScores
from classifier.screener import PartialEvidence
from training.__main__ import call
from training.fitting.model_fitting import Tools
from training.fitting.recipe import Recipe
from training.monitoring import rescreening
from training.registry.model_registry import ModelRegistry
from training.search.hyperparameter_search import grid, on_cluster, search
from training.service_data.archive import IncomingDraft


@pytest.fixture
def model(registered: tuple[ModelRegistry, str]) -> Path:
    registry, version = registered
    return registry.folder(version)


@pytest.fixture
def archive(small_drafts: list[LabelledDraft], tmp_path: Path) -> Path:
    """Two files, the first of several row groups, with one row that is no draft."""
    rows = [
        {
            "id": d.id, "support_id": d.draft.support_id, "subject": d.draft.subject, "body": d.draft.body,
            "cancelled_by": d.order.cancelled_by if d.order else None,
        }
        for d in small_drafts[:60]
    ]  # fmt: skip
    rows[7]["cancelled_by"] = "nobody"
    folder = tmp_path / "archive"
    folder.mkdir()
    for name, part in (("a", rows[:45]), ("b", rows[45:])):
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(part), folder / f"{name}.parquet", row_group_size=8)
    return folder


def verdicts(target: Path) -> list[dict[str, object]]:
    return [
        row for part in sorted(target.glob("part-*.parquet")) for row in pyarrow.parquet.read_table(part).to_pylist()
    ]


@dataclass(frozen=True, slots=True)
class Cluster:
    """Two worker processes; one that is killed comes back."""

    started: Any

    @property
    def address(self) -> str:
        return str(self.started.scheduler_address)

    def kill_one(self) -> None:
        os.kill(next(iter(self.started.workers.values())).process.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    from dask.distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as started:
        yield Cluster(started)


def test_the_verdicts_are_those_of_one_process_row_for_row(
    model: Path, archive: Path, cluster: Cluster, small_drafts: list[LabelledDraft], tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    target = tmp_path / "out"
    arguments = ["rescreen", str(archive), str(target), "--version", model.name, "--part-rows", "10"]
    assert call([*arguments, "--cluster", cluster.address, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["drafts"], printed["judged_now"], printed["parts"]) == (60, 60, 7)
    assert call([*arguments, "--cluster", cluster.address, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["judged_now"] == 0
    screener = Screener.load(model)
    found = verdicts(target)
    assert [row["id"] for row in found] == [d.id for d in small_drafts[:60]]
    assert "cancelled_by" in str(found[7]["error"])
    for row, labelled in zip(found, small_drafts, strict=False):
        if row["error"] is None:
            assert row == {
                "id": row["id"],
                "error": None,
                **rescreening.verdict_row(screener.screen(labelled.draft, labelled.order)),
            }


def test_a_stopped_run_goes_on_and_a_killed_worker_loses_nothing(
    model: Path, archive: Path, cluster: Cluster, tmp_path: Path
) -> None:
    target = tmp_path / "out"
    plan = rescreening.plan(archive, target, model, part_rows=10)
    rescreening.judge_part(rescreening.asdict(plan.parts[2]), plan.model)
    before = (target / "part-000002.parquet").stat().st_mtime_ns
    done: list[int] = []

    def strike(part: rescreening.ArchivePart) -> None:
        if not done:
            cluster.kill_one()
        done.append(part.number)

    assert rescreening.rescreen(plan, cluster.address, 0, strike) == 50
    assert sorted(done) == [0, 1, 3, 4, 5, 6]
    assert (target / "part-000002.parquet").stat().st_mtime_ns == before
    assert len(verdicts(target)) == 60


def test_few_drafts_or_one_worker_need_no_cluster_and_get_the_same_verdicts(
    model: Path, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "dask.distributed", None)
    target = tmp_path / "out"
    plan = rescreening.plan(archive, target, model, part_rows=25)
    done: list[int] = []
    assert rescreening.rescreen(plan, None, 2, lambda part: done.append(part.number)) == 60
    assert done == [0, 1, 2]
    monkeypatch.setattr(rescreening, "FEW", 0)
    again = rescreening.plan(archive, tmp_path / "one", model, part_rows=25)
    assert rescreening.rescreen(again, None, 1, lambda part: None) == 60
    assert verdicts(target) == verdicts(tmp_path / "one")
    with pytest.raises(ModuleNotFoundError):
        rescreening.rescreen(rescreening.plan(archive, tmp_path / "two", model), None, 2, lambda part: None)


def test_a_text_that_comes_again_is_read_by_the_encoder_once(small_drafts: list[LabelledDraft]) -> None:
    screener = Screener.load(SHIPPED)
    drafts = [
        IncomingDraft(f"{d.id}-{n}", replace(d.draft, support_id=support), d.order)
        for d in small_drafts[::12] for n, support in enumerate(("GG-1A2B-3C4D", "GG-9Z8Y-7X6W", "none"))
    ]  # fmt: skip
    expected = screener.screen_many([one.draft for one in drafts], [one.order for one in drafts])
    asked = 0
    ask = screener.encoder_scores

    def counted(partial: PartialEvidence) -> tuple[EncoderScores, ...]:
        nonlocal asked
        asked += 1
        return ask(partial)

    screener.encoder_scores = counted  # type: ignore[method-assign]
    found = list(rescreening._verdicts(screener, drafts))
    assert found == expected
    doubtful = sum(verdict.encoder == "consulted" for verdict in expected)
    assert 0 < asked == doubtful / 3


def test_parts_are_sized_to_the_workers_and_a_run_that_goes_on_keeps_them(
    model: Path, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [rescreening.rows_for(20_000, workers) for workers in (1, 2, 64)] == [1250, 625, 250]
    assert rescreening.rows_for(100_000_000, 64) == 20_000
    monkeypatch.setattr(rescreening, "_LEAST_ROWS", 1)
    begun = rescreening.plan(archive, tmp_path / "out", model, workers=2)
    assert begun.part_rows == 2
    assert rescreening.plan(archive, tmp_path / "out", model, workers=1) == begun
    assert rescreening.plan(archive, tmp_path / "other", model, workers=1).part_rows == 4


def test_the_plan_has_the_versions_of_the_verdicts_without_loading_the_model(
    model: Path, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    screener = Screener.load(model)

    def never(*_: object) -> None:
        raise AssertionError("a plan loads no model")

    with monkeypatch.context() as patch:
        patch.setattr(Screener, "load", never)
        patch.setattr(ModelArtifact, "load", never)
        plan = rescreening.plan(archive, tmp_path / "out", model)
    assert plan.versions == {
        "model": model.name, "rules": screener.book.version, "policy": screener.policy.version,
    }  # fmt: skip
    (model / "manifest.json").write_text((model / "manifest.json").read_text().replace('"folds": 2', '"folds": 3'))
    with pytest.raises(ArtifactError, match="altered"):
        rescreening.plan(archive, tmp_path / "out", model)


@pytest.mark.filterwarnings("error")  # a port that is taken would be one
def test_a_local_cluster_fixes_no_port_and_ends_with_an_error(
    model: Path, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psutil

    monkeypatch.setattr(rescreening, "FEW", 0)
    plan = rescreening.plan(archive, tmp_path / "out", model, part_rows=10)
    mine = psutil.Process()
    before, ports = set(mine.children(recursive=True)), set[int]()

    def fail(part: rescreening.ArchivePart) -> None:
        ports.update(
            one.laddr.port for process in (mine, *mine.children(recursive=True))
            for one in process.net_connections("tcp") if one.status == psutil.CONN_LISTEN
        )  # fmt: skip
        raise RuntimeError("stop")

    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):  # another Dask on this machine has it already, which is as good
            other.bind(("127.0.0.1", 8787))
            other.listen()
        with pytest.raises(RuntimeError, match="stop"):
            rescreening.rescreen(plan, None, 2, fail)
    assert len(ports) >= 3
    assert not {8786, 8788} & ports
    deadline = time.monotonic() + 30
    while (left := set(mine.children(recursive=True)) - before) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not [child for child in left if "resource_tracker" not in " ".join(child.cmdline())]
    done = plan.rows - sum(part.rows for part in plan.remaining())
    assert rescreening.rescreen(plan, None, 1, lambda part: None) == 60 - done


def test_another_model_or_archive_needs_another_folder(model: Path, archive: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    rescreening.plan(archive, target, model, part_rows=10)
    (archive / "b.parquet").unlink()
    with pytest.raises(ValueError, match="another archive or another model"):
        rescreening.plan(archive, target, model, part_rows=10)


def test_an_archive_without_a_needed_column_is_named(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"support_id": ["x"], "subject": ["y"]}), path)
    with pytest.raises(ValueError, match=r"a\.parquet: no column 'body'"):
        rescreening.plan(path, tmp_path / "out", model, part_rows=10)


def test_the_search_finds_the_same_on_a_cluster(cluster: Cluster, small_drafts: list[LabelledDraft]) -> None:
    examples = Tools.load().examples(small_drafts[::3])
    recipes = grid(Recipe(folds=2), {"stack_c": [0.05, 0.5]})
    here = search(examples, recipes, lambda step: None)
    with on_cluster(cluster.address):
        there = search(examples, recipes, lambda step: None)
    assert here == there
    assert [t.average_precision for t in here] == sorted((t.average_precision for t in here), reverse=True)
