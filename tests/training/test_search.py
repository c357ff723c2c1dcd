"""Each recipe that was tried is kept, shown and, where a setting asks for it, tracked in MLflow."""

import json
import sys
from pathlib import Path

import pytest

from training.__main__ import call
from training.fitting.recipe import Recipe
from training.search import mlflow_tracking, trials
from training.search.mlflow_tracking import EXPERIMENT, SETTING
from training.search.trials import Trial


def test_each_trial_is_kept_and_the_best_is_shown(
    home: Path, small_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--data", str(small_file))
    assert call(["search", "stack_c=0.05,0.5", "folds=2", *given, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert {(t["recipe"]["stack_c"], t["recipe"]["folds"]) for t in printed} == {(0.05, 2), (0.5, 2)}
    assert [t["average_precision"] for t in printed] == sorted((t["average_precision"] for t in printed), reverse=True)
    assert all(t["seconds"] > 0 and t["at"] and t["data"].startswith("data-") for t in printed)

    assert call(["search", "stack_c=2", "folds=2", *given]) == 0  # a later search adds to them
    html = tmp_path / "search.html"
    capsys.readouterr()
    assert call(["search", *given, "--html", str(html)]) == 0  # and none at all shows what is kept
    shown = capsys.readouterr().out
    assert all(words in shown for words in ("stack_c", "0.05", "0.5", "2", "Best: retrain"))
    assert html.read_text().count("<svg") == 1
    assert html.read_text().count("<tr>") == 4
    assert len(list((home / "searches").iterdir())) == 1


def test_without_a_choice_and_without_a_trial_there_is_nothing_to_show(
    home: Path, small_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["search", "--data", str(small_file)]) == 2
    assert "no recipe was tried" in " ".join(capsys.readouterr().err.replace("│", "").split())


def test_a_trial_is_read_as_it_was_kept_and_a_torn_one_is_not_read(tmp_path: Path) -> None:
    better = Trial(Recipe(plain_c=5.0), 0.9, 0.8, "data-1", 10, "2026-11-30T20:00:00+00:00", 3.5)
    worse = Trial(Recipe(), 0.7, 0.8, "data-1", 10)
    for trial in (worse, better):
        trials.keep(trial, tmp_path)
    with (tmp_path / "searches" / "data-1.jsonl").open("a") as file:
        file.write('{"recipe": {"pla')
    found = trials.ranked(trials.kept(tmp_path, "data-1"))
    assert found == [better, worse]
    assert (found[0].seconds, found[0].at) == (3.5, better.at)
    assert trials.varied(found) == ["plain_c"]
    trials.keep(better, tmp_path)
    assert len(trials.kept(tmp_path, "data-1")) == 3
    with (tmp_path / "searches" / "data-1.jsonl").open("a") as file:
        file.write('{"recipe": {"speed": 9}, "digest": ""}\n')
    with pytest.raises(ValueError, match=r"data-1\.jsonl:4: not a trial"):
        trials.kept(tmp_path, "data-1")


def test_the_setting_without_mlflow_says_what_to_install(
    home: Path, small_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(SETTING, str(home))
    monkeypatch.setitem(sys.modules, "mlflow", None)
    assert call(["search", "stack_c=2", "--data", str(small_file)]) == 2
    assert ".[mlflow]" in capsys.readouterr().err


def test_without_the_setting_nothing_is_tracked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SETTING, raising=False)
    assert mlflow_tracking.tracker() is None


@pytest.mark.filterwarnings("default")
def test_a_trial_is_tracked_in_a_local_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow", reason="MLflow is an extra")
    address = (tmp_path / "mlruns").as_uri()
    monkeypatch.setenv(SETTING, address)
    log = mlflow_tracking.tracker()
    assert log is not None
    log(Trial(Recipe(plain_c=5.0), 0.9, 0.8, "data-1", 10, "", 3.5))
    client = mlflow.MlflowClient(tracking_uri=address)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.data.params["plain_c"], run.data.params["data"], run.info.status) == ("5.0", "data-1", "FINISHED")
    assert run.data.metrics == {"average_precision": 0.9, "macro_f1": 0.8, "seconds": 3.5}
    assert mlflow_tracking.tracker() is not None  # a second search finds the experiment
