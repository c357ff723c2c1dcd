"""The pictures of the reports and notebooks, as matplotlib figures; `svg` turns one into text that diffs well."""

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve

from classifier import Verdict
from classifier.evidence import Thresholds
from classifier.labels import LABELS, Label
from classifier.policy.policy import Policy
from training.evaluation.comparison import Gain
from training.evaluation.costs import Curve
from training.evaluation.figures import KINDS, Judged
from training.evaluation.learning_curve import CurvePoint
from training.monitoring.drift import Profile, Shift
from training.search.trials import Trial, varied

INK, ACCENT, PALE = "#333333", "#2f6f8f", "#c9d6dc"
_DECISIONS = ("allow", "warn", "block")


def svg(figure: Figure) -> str:
    """The figure as an <svg> element; the same figure gives the same text."""
    with matplotlib.rc_context({"svg.hashsalt": "screening", "svg.fonttype": "none", "font.family": "sans-serif"}):
        out = io.StringIO()
        figure.savefig(out, format="svg", bbox_inches="tight", metadata={"Date": None})
    return re.sub(r"^.*?(?=<svg)", "", out.getvalue(), count=1, flags=re.DOTALL)


def _axes(width: float = 6.0, height: float = 3.6) -> tuple[Figure, Any]:
    figure = Figure(figsize=(width, height))
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def reliability(judged: Sequence[Judged], bins: int = 10) -> Figure:
    """How often a label is there when the model gives it a probability, and how many drafts each bin has."""
    figure = Figure(figsize=(5.0, 6.2))
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    axes.plot([0, 1], [0, 1], color=PALE, linestyle="--")
    for label in LABELS:
        p = np.array([j.verdict.probabilities[label] for j in judged])
        y = np.array([label in j.labelled.labels for j in judged])
        home = np.minimum((p * bins).astype(int), bins - 1)
        counts = np.bincount(home, minlength=bins)
        kept = [b for b in range(bins) if counts[b] >= 5]
        axes.plot(
            [p[home == b].mean() for b in kept], [y[home == b].mean() for b in kept], marker="o", ms=3, label=label
        )
        below.plot((np.arange(bins) + 0.5) / bins, np.maximum(counts, 0.5), marker="o", ms=2)
    axes.set(ylabel="share that carries the label", xlim=(0, 1), ylim=(0, 1.02))
    below.set(xlabel="probability given", ylabel="drafts in the bin", yscale="log")
    for one in (axes, below):
        one.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    return figure


def precision_recall(judged: Sequence[Judged]) -> Figure:
    """Precision against recall of each label over all thresholds; a dot where the verdicts assert it today."""
    figure, axes = _axes(5.0, 4.2)
    for label in LABELS:
        y = np.array([label in j.labelled.labels for j in judged])
        if not y.any():
            continue
        p = np.array([j.verdict.probabilities[label] for j in judged])
        precision, recall, _ = precision_recall_curve(y, p)
        (line,) = axes.plot(recall, precision, label=label)
        said = np.array([label in j.verdict.labels for j in judged])
        if said.any():
            axes.plot((y & said).sum() / y.sum(), (y & said).sum() / said.sum(), "o", color=line.get_color())
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.02))
    axes.legend(frameon=False, fontsize=8, loc="lower left")
    return figure


def confusion(decisions: Mapping[str, Mapping[str, int]]) -> Figure:
    """Kind of draft against decision; the number stands in each field, the shade is its share of the row."""
    figure, axes = _axes(4.5, 3.0)
    counts = np.array([[decisions[kind][d] for d in _DECISIONS] for kind in KINDS])
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), count in np.ndenumerate(counts):
        axes.text(
            column, row, str(count), ha="center", va="center", color="white" if shares[row, column] > 0.6 else INK
        )
    axes.set_xticks(range(3), _DECISIONS)
    axes.set_yticks(range(3), KINDS)
    return figure


def label_bars(labels: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Precision, recall and F1 of each label."""
    figure, axes = _axes()
    for at, (name, colour) in enumerate(zip(("precision", "recall", "f1"), (PALE, ACCENT, INK), strict=True)):
        places = np.arange(len(labels)) + 0.25 * (at - 1)
        axes.barh(places, [figures[name] for figures in labels.values()], 0.24, color=colour, label=name)
    axes.set_yticks(range(len(labels)), list(labels))
    axes.set(xlim=(0, 1))
    axes.invert_yaxis()
    axes.legend(frameon=False, fontsize=8, loc="lower left")
    return figure


def slice_bars(slices: Mapping[str, Mapping[str, Any]], prefix: str) -> Figure:
    """Macro F1 of every slice of one kind, worst first."""
    rows = [
        (n.removeprefix(prefix), s["macro_f1"]) for n, s in slices.items() if n.startswith(prefix) and s["macro_f1"]
    ]
    rows.sort(key=lambda row: row[1])
    figure, axes = _axes(6.0, 0.6 + 0.28 * len(rows))
    axes.barh([name for name, _ in rows], [f1 for _, f1 in rows], color=ACCENT)
    axes.set(xlim=(0, 1), xlabel="macro F1")
    axes.invert_yaxis()
    return figure


def cost_curves(curves: Mapping[str, Curve], chosen: Mapping[str, float]) -> Figure:
    """What blocking from each threshold on costs; a dot where it is cheapest, a line where we block today."""
    figure, axes = _axes()
    for (name, curve), colour in zip(curves.items(), (ACCENT, INK), strict=False):
        axes.plot(curve.thresholds, curve.minutes, color=colour, label=name)
        axes.plot(curve.cheapest, curve.minutes.min(), "o", color=colour)
        axes.axvline(chosen[name], color=colour, linestyle=":")
    axes.set(xlabel="block from this probability on", ylabel="minutes per thousand drafts", ylim=(0, None))
    axes.legend(frameon=False, fontsize=8)
    return figure


def shifts(found: Sequence[Shift]) -> Figure:
    """Each distance as a share of its limit. Dark: it drifted. Framed: past its limit, on too few drafts to say."""
    figure, axes = _axes(6.0, 0.8 + 0.26 * len(found))
    for shift in found:
        axes.barh(
            shift.name, shift.distance / shift.limit, color=INK if shift.drifted else PALE,
            edgecolor=INK if shift.unsure else "none",
        )  # fmt: skip
    axes.axvline(1, color=ACCENT, linestyle="--")
    axes.set(xlabel="distance as a share of its limit")
    axes.invert_yaxis()
    return figure


def two_histograms(reference: Profile, incoming: Profile, what: str, words: str) -> Figure:
    """One number of both profiles (`length` or `unknown_words`), as shares, on one scale."""
    figure, axes = _axes(6.0, 3.0)
    both = [np.asarray(getattr(side, what), float) for side in (reference, incoming)]
    edges = np.histogram_bin_edges(np.concatenate(both), bins=25)
    for values, name, colour in zip(both, ("reference", "incoming"), (PALE, ACCENT), strict=True):
        axes.hist(values, edges, weights=np.full(len(values), 1 / len(values)), color=colour, alpha=0.75, label=name)
    axes.set(xlabel=words, ylabel="share of drafts")
    axes.legend(frameon=False, fontsize=8)
    return figure


def learning(points: Sequence[CurvePoint]) -> Figure:
    """Macro F1, missed prohibited and falsely blocked drafts against the number of drafts learned from."""
    figure, axes = _axes()
    drafts = [point.drafts for point in points]
    for name, words, colour in (
        ("macro_f1", "macro F1", INK), ("missed", "prohibited drafts allowed", ACCENT),
        ("false_blocks", "permitted drafts blocked", PALE),
    ):  # fmt: skip
        values = [getattr(point, name) for point in points]
        axes.plot(drafts, [np.nan if v is None else v for v in values], "o-", color=colour, label=words)
    axes.set(xlabel="drafts learned from", ylabel="share", ylim=(0, 1.02))
    axes.legend(frameon=False, fontsize=8)
    return figure


def gains(found: Sequence[Gain]) -> Figure:
    """Challenger minus champion of each figure with its 95% interval; the line is no difference."""
    figure, axes = _axes(6.0, 0.8 + 0.4 * len(found))
    for gain in found:
        axes.plot([gain.low, gain.high], [gain.name] * 2, color=ACCENT)
        axes.plot(gain.difference, gain.name, "o", color=INK)
    axes.axvline(0, color=PALE, linestyle="--")
    axes.set(xlabel="challenger minus champion")
    axes.invert_yaxis()
    return figure


def probabilities(verdict: Verdict, limits: Mapping[Label, Thresholds], policy: Policy) -> Figure:
    """Each label's probability as a dot beside its thresholds, from possible to sure."""
    figure, axes = _axes(6.0, 3.0)
    for label in LABELS:
        banned = policy.is_prohibited(label)
        marks = [limits[label].possible, limits[label].asserted, *([limits[label].sure] if banned else [])]
        axes.plot(marks, [label] * len(marks), "|-", color=ACCENT if banned else PALE, ms=10)
        axes.plot(verdict.probabilities[label], label, "o", color=INK)
    axes.set(xlim=(-0.02, 1.02), xlabel="probability")
    axes.invert_yaxis()
    return figure


def decision_map(minutes: NDArray[np.float64], sure: Sequence[float], possible: Sequence[float]) -> Figure:
    """Minutes for a thousand drafts (len(sure), len(possible)) by where we block from and where we warn from; nothing
    where a warning would begin above the block."""
    figure, axes = _axes(6.0, 4.2)
    image = axes.imshow(minutes, cmap="Blues_r", aspect="auto", origin="lower")
    axes.set_xticks(range(len(possible)), [f"{value:.2f}" for value in possible])
    axes.set_yticks(range(len(sure)), [f"{value:.2f}" for value in sure])
    row, column = np.unravel_index(int(np.nanargmin(minutes)), minutes.shape)
    axes.plot(column, row, "o", color="white", markeredgecolor=INK)
    axes.set(xlabel="warn from this probability on", ylabel="block from this probability on")
    figure.colorbar(image, label="minutes per thousand drafts")
    return figure


def trials(found: Sequence[Trial]) -> Figure:
    """Each trial's mean average precision by each choice in which the trials differ; the best one stands out."""
    names = varied(found) or ["plain_c"]
    figure = Figure(figsize=(6.0, 2.6 * len(names)))
    best = max(found, key=lambda trial: trial.average_precision)
    for axes, name in zip(np.atleast_1d(figure.subplots(len(names), 1)), names, strict=True):
        values = sorted({getattr(trial.recipe, name) for trial in found})
        for trial in found:
            place = values.index(getattr(trial.recipe, name))
            colour, size = (INK, 7) if trial is best else (ACCENT, 4)
            axes.plot(place, trial.average_precision, "o", color=colour, ms=size)
        axes.set_xticks(range(len(values)), [str(value) for value in values])
        axes.set(xlabel=name, ylabel="average precision")
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    return figure


def share_bars(counts: Mapping[str, int], words: str) -> Figure:
    """Counts by name, most first."""
    rows = sorted(counts.items(), key=lambda row: -row[1])
    figure, axes = _axes(6.0, 0.6 + 0.28 * len(rows))
    axes.barh([name for name, _ in rows], [count for _, count in rows], color=ACCENT)
    axes.set(xlabel=words)
    axes.invert_yaxis()
    return figure
