"""What the commands print: it fits 80 columns, counts stand beside shares, and progress says what is done."""

import io
import json
import re

import pytest
from rich.console import Console

from tests.training.registry.test_gate_and_comparison import everybody
from training.cli import output
from training.cli.evaluation import _evaluation_tables
from training.evaluation.figures import report_of
from training.reports import plots
from training.reports.html import evaluation_html, target_rows
from training.tickets.split_plan import SplitPlan

PLAN = SplitPlan(tune=frozenset(), test=frozenset(), clear=frozenset({"w"}))


@pytest.fixture(scope="module")
def report() -> object:
    return report_of(everybody(wrong=5, false_blocks=2), "model-0123456789ab", PLAN, rounds=20)


def test_tables_fit_80_columns_and_mark_missed_targets(report: object) -> None:
    found = {**report.as_dict(), "rules": [], "costs": [], "overlap": []}  # type: ignore[attr-defined]
    page = io.StringIO()
    console = Console(file=page, width=80)
    for part in _evaluation_tables(report, found):  # type: ignore[arg-type]
        console.print(part)
    text = page.getvalue()
    assert max(map(len, text.splitlines())) <= 80
    assert "5.0% (5 of 100)" in text
    assert "≤ 1.0% MISSED" in text
    assert "substitute_offer" in text
    assert "…" not in text


def test_a_slice_by_label_has_no_macro_f1(report: object) -> None:
    slices = report.as_dict()["slices"]  # type: ignore[attr-defined]
    assert slices["label:delay_notice"]["macro_f1"] is None
    assert slices["writer:w"]["macro_f1"] is None, "two labels make no mean"
    assert slices["writer:w"]["counts"]["prohibited_allowed"] == [5, 100]
    assert json.loads(json.dumps(slices)) == slices


def test_the_page_shows_counts_curves_and_missed_targets(report: object) -> None:
    rows = target_rows(report.as_dict())  # type: ignore[attr-defined]
    assert rows[0]["clear"]["counts"] == [5, 100]
    text = evaluation_html(report, everybody(wrong=5, false_blocks=2), [], [])  # type: ignore[arg-type]
    assert "5.0% (5 of 100), missed" in text
    assert "drafts in the bin" in plots.svg(plots.reliability(everybody()))
    assert ">recall<" in plots.svg(plots.precision_recall(everybody())).replace("\n", "")


def test_progress_without_a_terminal_is_a_few_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with output.progress("judging", 959) as tick:
        for _ in range(959):
            tick()
    printed = capsys.readouterr().err.splitlines()
    assert 10 <= len(printed) <= 12
    assert printed[-1] == "judging: 959 of 959"


def test_a_step_is_not_done_while_it_is_at_work(capsys: pytest.CaptureFixture[str]) -> None:
    with output.steps("retrain", 3) as say:
        for step in ("reading", "fitting", "evaluating", "one more"):
            say(step)
            assert "3 of 3" not in capsys.readouterr().err
    assert re.findall(r"retrain: 3 of 3", capsys.readouterr().err)
