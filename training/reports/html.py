"""The HTML reports of an evaluation, of drift and of a search, and the model card: nothing is loaded from outside."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from training import atomic_files
from training.evaluation.costs import CostLine, minutes_per_thousand
from training.evaluation.figures import TARGETS, EvaluationReport, Judged
from training.monitoring.drift import DriftReport, Profile
from training.rules.rule_report import RuleReport
from training.search.trials import Trial, varied

_TEMPLATES = Path(__file__).with_name("templates")


def target_rows(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The table of targets: a figure's name, and for clear and hard drafts its value, target, and whether it is met."""
    rows = []
    for name, (kind, decision, clear, hard) in TARGETS.items():
        at_most = decision != "block" or kind != "prohibited"
        words = (
            f"{kind} drafts that meet {decision}" if kind != "none" else f"drafts with no label that meet {decision}"
        )
        rows.append(_target_row(words, name, report, (clear, hard), at_most))
    rows.append(_target_row("macro F1 over the labels", "macro_f1", report, (0.97, 0.91), at_most=False))
    return rows


def _target_row(
    words: str, name: str, report: Mapping[str, Any], targets: tuple[float, float], at_most: bool
) -> dict[str, Any]:
    row: dict[str, Any] = {"figure": words, "key": name, "at_most": at_most, "all": report.get(name)}
    for side, target in zip(("clear", "hard"), targets, strict=True):
        value = report["slices"].get(f"difficulty:{side}", {}).get(name)
        met = None if value is None else (value <= target if at_most else value >= target)
        counts = report["slices"].get(f"difficulty:{side}", {}).get("counts", {}).get(name)
        row[side] = {"value": value, "target": target, "met": met, "counts": counts}
    row["interval"] = report.get("intervals", {}).get(name)
    return row


def evaluation_html(
    report: EvaluationReport, judged: Sequence[Judged], costs: Sequence[CostLine], rules: Sequence[RuleReport], *,
    met: bool = False,
) -> str:  # fmt: skip
    """The whole evaluation with its plots. `met`: the model learned from some of the drafts."""
    from training.reports import plots

    figures = report.as_dict()
    pictures = {
        "labels": plots.label_bars(figures["labels"]),
        "decisions": plots.confusion(figures["decisions"]),
        "reliability": plots.reliability(judged),
        "precision_recall": plots.precision_recall(judged),
        "writers": plots.slice_bars(figures["slices"], "writer:"),
        "length": plots.slice_bars(figures["slices"], "length:"),
    }
    return _rendered(
        "evaluation.html.j2",
        report=figures, met=met, targets=target_rows(figures), costs=costs,
        cost_per_thousand=minutes_per_thousand(costs, report.drafts),
        rules=[r for r in rules if r.hits], pictures=_drawn(pictures),
    )  # fmt: skip


def model_card(version: str, manifest: Mapping[str, Any], about: Mapping[str, Any], report: Mapping[str, Any]) -> str:
    """Markdown: what the model is for, what it learned from, its limits, and its figures by slice."""
    return _rendered(
        "card.md.j2", version=version, manifest=manifest, about=about, report=report, targets=target_rows(report)
    )


def drift_html(report: DriftReport, reference: Profile, incoming: Profile, names: tuple[str, str]) -> str:
    """What moved between two sets of drafts, with plots."""
    from training.reports import plots

    pictures = {
        "shifts": plots.shifts(report.shifts),
        "length": plots.two_histograms(reference, incoming, "length", "words in a draft"),
        "unknown": plots.two_histograms(reference, incoming, "unknown_words", "share of words the model does not know"),
    }
    return _rendered("drift.html.j2", report=report, names=names, pictures=_drawn(pictures))


def search_html(trials: Sequence[Trial]) -> str:
    """The trials of recipes on the same drafts, best first, with a plot of each choice in which they differ."""
    from training.reports import plots

    pictures = {"trials": plots.trials(trials)}
    return _rendered("search.html.j2", trials=trials, names=varied(trials), pictures=_drawn(pictures))


def write(text: str, path: Path) -> None:
    """Store a report as a whole."""
    atomic_files.write_text(path, text)


def _drawn(pictures: Mapping[str, Any]) -> dict[str, Markup]:
    from training.reports import plots

    return {name: Markup(plots.svg(figure)) for name, figure in pictures.items()}


def _rendered(template: str, **values: Any) -> str:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=select_autoescape(("html.j2",)), undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["percent"] = lambda value: "–" if value is None else f"{100 * value:.1f}%"
    environment.filters["figure"] = lambda value: "–" if value is None else f"{value:.3f}"
    return environment.get_template(template).render(**values)
