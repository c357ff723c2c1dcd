"""An archive judged again on a Dask cluster: the same verdicts, whatever stops on the way."""

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from classifier import Screener
from classifier.draft import LabelledDraft
from training.__main__ import call
from training.fitting.model_fitting import Tools
from training.fitting.recipe import Recipe
from training.monitoring import rescreening
from training.registry.model_registry import ModelRegistry
from training.search.hyperparameter_search import grid, on_cluster, search


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

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as started:
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
    plan = rescreening.plan(archive, target, model, 10)
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


def test_another_model_or_archive_needs_another_folder(model: Path, archive: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    rescreening.plan(archive, target, model, 10)
    (archive / "b.parquet").unlink()
    with pytest.raises(ValueError, match="another archive or another model"):
        rescreening.plan(archive, target, model, 10)


def test_an_archive_without_a_needed_column_is_named(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"support_id": ["x"], "subject": ["y"]}), path)
    with pytest.raises(ValueError, match=r"a\.parquet: no column 'body'"):
        rescreening.plan(path, tmp_path / "out", model, 10)


def test_the_search_finds_the_same_on_a_cluster(cluster: Cluster, small_drafts: list[LabelledDraft]) -> None:
    examples = Tools.load().examples(small_drafts[::3])
    recipes = grid(Recipe(folds=2), {"stack_c": [0.05, 0.5]})
    here = search(examples, recipes, lambda step: None)
    with on_cluster(cluster.address):
        there = search(examples, recipes, lambda step: None)
    assert here == there
    assert [t.average_precision for t in here] == sorted((t.average_precision for t in here), reverse=True)
