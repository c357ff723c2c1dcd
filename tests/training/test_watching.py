"""Looking after what is live: drift, doubtful labels, unseen writers, reports, cards."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from classifier.draft import LabelledDraft
from classifier.labels import Label
from tests.training.conftest import QUICK, write_drafts
from training.__main__ import call
from training.fitting.model_fitting import Tools
from training.monitoring.drift import Limits, drift, profile
from training.monitoring.label_errors import doubtful_labels
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


def test_a_wrong_label_is_among_the_most_doubtful(small_drafts: list[LabelledDraft]) -> None:
    drafts = [*small_drafts]
    at = next(i for i, d in enumerate(drafts) if d.labels == {Label.DELAY_NOTICE})
    drafts[at] = replace(drafts[at], labels=frozenset({Label.ADDRESS_REQUEST}), evidence={})
    examples = Tools.load().examples(drafts)
    truth = np.array([[label in d.labels for label in Label] for d in small_drafts])
    sure = np.where(truth, 0.93, 0.04) + np.linspace(0, 0.03, len(drafts))[:, None]
    worst = doubtful_labels(examples, sure, 3)[0]
    assert (worst.id, worst.suspected) == (drafts[at].id, True)
    assert worst.label in ("delay_notice", "address_request")


def test_label_errors_ranks_by_models_that_never_met_the_writer(
    home: Path, small_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["label-errors", "--data", str(small_file), "--most", "5", "--json", *QUICK[:2]]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert len(printed) == 5
    assert [t["quality"] for t in printed] == sorted(t["quality"] for t in printed)


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
        "writer:long-mail",
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
