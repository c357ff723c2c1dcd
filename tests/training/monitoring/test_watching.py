"""Looking after what is live: drift, unseen writers, reports, cards."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from classifier.draft import LabelledDraft
from tests.training.conftest import write_drafts
from training.__main__ import call
from training.monitoring.drift import Limits, drift, profile
from training.registry.model_registry import ModelRegistry
from training.reports import html


@pytest.fixture
def live(registered: tuple[ModelRegistry, str]) -> str:
    registry, version = registered
    registry.promote(version, who="ada", why="live")
    return version


def test_the_same_kind_of_drafts_has_not_drifted(
    live: str, small_drafts: list[LabelledDraft], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sides = [write_drafts(small_drafts[at::2], tmp_path / f"{at}.jsonl") for at in (0, 1)]
    report = tmp_path / "drift.html"
    assert call(["drift", str(sides[0]), "--reference", str(sides[1]), "--html", str(report), "--json"]) == 0
    assert not json.loads(capsys.readouterr().out)["drifted"]
    assert report.read_text().count("<svg") == 3


def test_other_drafts_have_and_the_exit_code_says_so(
    live: str, small_drafts: list[LabelledDraft], small_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = "Estimado cliente, lamentamos informarle de que su pedido se retrasa una semana por un fallo del proveedor."
    foreign = [
        replace(d, draft=replace(d.draft, body=f"{body} {d.id} " * 3), labels=frozenset(), evidence={})
        for d in small_drafts[:150]
    ]
    path = write_drafts(foreign, tmp_path / "foreign.jsonl")
    assert call(["drift", str(path), "--reference", str(small_file), "--json"]) == 1
    moved = {s["name"] for s in json.loads(capsys.readouterr().out)["shifts"] if s["drifted"]}
    assert {"language", "length", "unknown words", "labels"} <= moved


def test_too_many_overturned_verdicts_are_drift_whatever_the_texts(
    live: str, small_drafts: list[LabelledDraft]
) -> None:
    from classifier import Screener
    from training.service_data.archive import IncomingDraft

    same = profile(Screener.load(), [IncomingDraft(d.id, d.draft, d.order) for d in small_drafts[:40]])
    assert not drift(same, same, Limits.load(), reviewed=(3, 60)).drifted
    found = drift(same, same, Limits.load(), reviewed=(30, 60))
    assert [s.name for s in found.shifts if s.drifted] == ["overturned verdicts"]


def test_the_report_shows_targets_rules_costs_and_plots(
    live: str, small_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    html = tmp_path / "report.html"
    assert call(["evaluate", "--data", str(small_file), "--rules", "--html", str(html), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert {"decisions", "labels", "slices", "costs", "rules", "intervals", "macro_f1"} <= set(printed)
    text = html.read_text()
    assert text.count("<svg") == 6
    assert "http://" not in text.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons.org", ""
    )


def test_figures_on_drafts_that_the_model_learned_from_say_so(
    live: str, small_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for part, met in (("tune", True), ("test", False)):
        html = tmp_path / f"{part}.html"
        capsys.readouterr()
        assert call(["evaluate", "--data", str(small_file), "--part", part, "--html", str(html)]) == 0
        assert ("these figures flatter" in capsys.readouterr().out) is met
        assert ("these figures flatter" in html.read_text()) is met


def test_unseen_writers_are_judged_by_models_without_them(
    home: Path, small_file: Path, small_drafts: list[LabelledDraft], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["evaluate", "--leave-one-writer-out", "--folds", "2", "--data", str(small_file), "--json"]
    assert call(arguments) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["version"] == "out-of-fold"
    assert printed["count"] == len(small_drafts)


def test_the_card_tells_data_use_limits_and_figures(live: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["card", "live"]) == 0
    text = capsys.readouterr().out
    for part in (
        live,
        "data-",
        "## Intended use",
        "## Limits",
        "writer:canal-and-mill",
        "| substitute_offer |",
        "by ada: first",
    ):
        assert part in text


def test_a_model_without_notes_has_a_card_all_the_same(live: str, registered: tuple[ModelRegistry, str]) -> None:
    folder = registered[0].folder(live)
    manifest, report = (json.loads((folder / name).read_text()) for name in ("manifest.json", "evaluation.json"))
    text = html.model_card("shipped", manifest, {}, report)
    assert "Made" not in text
    assert "model-" not in text


def test_leakage_compares_three_ways_to_part_drafts(
    home: Path, small_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["leakage", "--data", str(small_file), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["excess"] == pytest.approx(printed["random"] - printed["by_writer"])
    assert 0 < printed["by_writer"] <= 1
