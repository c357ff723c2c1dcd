"""evaluate, compare, leakage, card: how good a model is, and which of two is better."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from training.cli import sources
from training.cli.output import Data, Json, Out, print_result, progress, share, steps, table
from training.evaluation import out_of_fold
from training.evaluation.comparison import compare as compare_judged
from training.evaluation.costs import cost_sheet, minutes_per_thousand
from training.evaluation.figures import EvaluationReport, judge, report_of
from training.evaluation.leakage import leakage
from training.fitting.recipe import Recipe
from training.pipeline import ABOUT, EVALUATION, read_note
from training.registry.model_registry import ModelRegistry
from training.registry.promotion_gate import version_of
from training.reports import html as reports
from training.rules.rule_report import hits_by_draft, overlaps
from training.rules.rule_report import report as rule_report

Part = Annotated[str, typer.Option(help="test, tune, train or all.")]


def evaluate(
    version: Annotated[str, typer.Argument(help="A version, live, shadow or shipped.")] = "live",
    data: Data = None,
    part: Part = "test",
    unmet: Annotated[
        bool, typer.Option("--leave-one-writer-out", help="Fit once for every writer; takes long.")
    ] = False,
    folds: Annotated[
        int | None, typer.Option(help="With --leave-one-writer-out: so many groups of writers instead.")
    ] = None,
    rules: Annotated[bool, typer.Option(help="Report each rule as well.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write the report with plots here.")] = None,
    as_json: Json = False,
) -> None:
    """Report targets and figures per label, decision and slice, with intervals, costs, and rules where asked."""
    tools, met = sources.tools(), not unmet and part != "test"
    if unmet:
        drafts = sources.labelled(data)
        recipe = replace(Recipe(), folds=folds) if folds else out_of_fold.leave_one_out(drafts, Recipe())
        with steps("fit", recipe.folds + 4) as say:
            judged, name = out_of_fold.judge_out_of_fold(drafts, recipe, tools, say), "out-of-fold"
    else:
        drafts = sources.kept_aside(data, part)
        screener = sources.screener(ModelRegistry(), version)
        with progress("judging", len(drafts)) as tick:
            judged, name = judge(screener, drafts, tick=tick), version_of(screener)
    report = report_of(judged, name)
    hits = hits_by_draft(tools.book, tools.reader(), drafts) if rules or html else []
    by_rule = rule_report(tools.book, drafts, hits) if hits else []
    costs = cost_sheet(report.figures["decisions"], tools.policy.costs)
    if html:
        reports.write(reports.evaluation_html(report, judged, costs, by_rule, met=met), html)
    found: dict[str, Any] = {**report.as_dict(), "met": met, "costs": [asdict(c) for c in costs]}
    found["rules"] = [{**asdict(r), "precision": r.precision} for r in by_rule]
    found["overlap"] = overlaps(hits) if rules else []
    warning = ["The model learned from drafts of this part: these figures flatter."] if met else []
    print_result(found, *warning, *_evaluation_tables(report, found), as_json=as_json)


def targets(report: Mapping[str, Any]) -> Table:
    """The table of targets for clear and hard drafts, with counts, and the interval over all drafts."""
    rows = []
    for row in reports.target_rows(report):
        cells = [_target_cell(row[side], at_most=row["at_most"]) for side in ("clear", "hard")]
        interval = " to ".join(map(share, row["interval"])) if row["interval"] else "–"
        rows.append((row["figure"], *cells, share(row["all"]), interval))
    columns = ("figure", "clear", "hard", "all", "95% interval")
    return table(f"{report['version']} on {report['drafts']} drafts", columns, rows)


def _target_cell(side: Mapping[str, Any], *, at_most: bool) -> str:
    """A share with its counts, and under it the target, marked where it is missed."""
    if side["value"] is None:
        return "–"
    counts = f" ({side['counts'][0]} of {side['counts'][1]})" if side.get("counts") else ""
    target = f"{'≤' if at_most else '≥'} {share(side['target'])} {_met(side['met'])}"
    return f"{share(side['value'])}{counts}\n{target}"


def _met(met: bool | None) -> str:
    return "" if met is None else "met" if met else "MISSED"


def _evaluation_tables(report: EvaluationReport, found: Mapping[str, Any]) -> list[Any]:
    names = ("precision", "recall", "f1", "average_precision", "calibration_error", "support")
    labels = [(name, *(f[n] for n in names)) for name, f in found["labels"].items()]
    slices = [
        (n, s["count"], s["macro_f1"], *(_with_counts(s, name) for name in ("prohibited_allowed", "permitted_blocked")))
        for n, s in report.slices.items()
    ]
    rules = [(r["rule_id"], r["status"], r["hits"], r["precision"], r["unique"]) for r in found["rules"] if r["hits"]]
    costs = [(c["mistake"].replace("_", " "), c["count"], c["minutes"]) for c in found["costs"]]
    per_thousand = 1000 * sum(c["minutes"] for c in found["costs"]) / max(report.drafts, 1)
    shown = [
        targets(found),
        table("labels", ("label", "precision", "recall", "F1", "AP", "ECE", "drafts"), labels),
        table(
            "decisions", ("kind", "block", "warn", "allow"), [(k, *v.values()) for k, v in found["decisions"].items()]
        ),
        table(f"costs: {per_thousand:.0f} minutes a thousand drafts", ("mistake", "count", "minutes"), costs),
        table("slices", ("slice", "drafts", "macro F1", "prohibited allowed", "permitted blocked"), slices),
    ]
    if rules:
        shown.append(table("rules", ("rule", "status", "hits", "precision", "unique"), rules))
        shown.append(table("rules that hit together most", ("rule", "rule", "drafts"), found["overlap"][:20]))
    return shown


def _with_counts(figures: Mapping[str, Any], name: str) -> str:
    met, of = figures["counts"][name]
    return f"{share(figures[name])} ({met}/{of})" if of else "–"


def compare(
    champion: Annotated[str, typer.Argument(help="A version, live or shipped.")],
    challenger: Annotated[str, typer.Argument(help="The version that would replace it.")],
    data: Data = None,
    part: Part = "test",
    as_json: Json = False,
) -> None:
    """Compare champion and challenger on the same drafts: McNemar, intervals, and the drafts that changed."""
    registry, drafts = ModelRegistry(), sources.kept_aside(data, part)
    screeners = [sources.screener(registry, version) for version in (champion, challenger)]
    with progress("judging", 2 * len(drafts)) as tick:
        judged = [judge(screener, drafts, tick=tick) for screener in screeners]
    found = compare_judged(judged[0], judged[1], (version_of(screeners[0]), version_of(screeners[1])))
    costs = {
        version_of(s): minutes_per_thousand(
            cost_sheet(report_of(j, "", rounds=0).figures["decisions"], s.policy.costs), len(drafts)
        )
        for s, j in zip(screeners, judged, strict=True)
    }
    gains = [(g.name, g.champion, g.challenger, g.difference, f"{g.low:+.4f} to {g.high:+.4f}") for g in found.gains]
    changed = {
        "catches gained": found.gained_catches, "catches lost": found.lost_catches,
        "new false blocks": found.new_false_blocks, "false blocks cured": found.cured_false_blocks,
    }  # fmt: skip
    print_result(
        {**found.as_dict(), "minutes_per_thousand": costs},
        table(
            f"{found.champion} against {found.challenger}, {found.drafts} drafts",
            ("figure", "champion", "challenger", "difference", "95% interval"),
            gains,
        ),
        table(
            "right where the other is wrong (McNemar)",
            ("of", "champion", "challenger", "p"),
            [tuple(asdict(p).values()) for p in found.paired],
        ),
        table(
            "drafts that changed sides",
            ("", "count", "drafts"),
            [(k, len(v), ", ".join(v[:12])) for k, v in changed.items()],
        ),
        table("minutes a thousand drafts cost", ("model", "minutes"), list(costs.items())),
        as_json=as_json,
    )


def leak(data: Data = None, as_json: Json = False) -> None:
    """Measure what a random split adds to the score: one model, with and without grouping by scenario and writer."""
    with progress("fitting three ways", None):
        found = leakage(sources.labelled(data), sources.tools().reader())
    rows = [("at random", found.random), ("by scenario", found.by_scenario), ("by writer", found.by_writer)]
    print_result(
        {**asdict(found), "excess": found.excess},
        table("macro F1, by how drafts are split", ("split", "macro F1"), rows),
        f"A random split would show {found.excess:.3f} too much; our figures are by writer.",
        as_json=as_json,
    )


def card(version: Annotated[str, typer.Argument()] = "live", out: Out = None, as_json: Json = False) -> None:
    """Print the model card of a version, as Markdown."""
    registry = ModelRegistry()
    folder = registry.folder(version)
    held = next(s for s in registry.versions() if s.version == registry.resolve(version))
    report = (
        read_note(folder, EVALUATION)
        or report_of(
            judge(sources.screener(registry, version), sources.kept_aside(None)), str(held.manifest.get("version"))
        ).as_dict()
    )
    text = reports.model_card(str(held.manifest["version"]), held.manifest, read_note(folder, ABOUT), report)
    if out:
        reports.write(text, out)
    print_result({"card": text}, text if out is None else f"Written to {out}", as_json=as_json)
