"""How good a screener is on labelled drafts: per label, per decision, per slice, with intervals."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, precision_recall_fscore_support

from classifier import Screener, Verdict
from classifier.draft import LabelledDraft
from classifier.labels import LABELS
from classifier.policy.policy import Policy
from training.fitting.examples import evidence_places
from training.tickets.split_plan import SplitPlan

KINDS = ("prohibited", "permitted", "none")
_FORM = ("support-id", "subject", "body")
_ROUNDS = 500
_LEAST_LABELS, _LEAST_SUPPORT = 3, 3
"""A slice has a macro F1 where at least so many labels occur so often."""

TARGETS: dict[str, tuple[str, str, float, float]] = {
    "prohibited_allowed": ("prohibited", "allow", 0.01, 0.04),
    "prohibited_blocked": ("prohibited", "block", 0.92, 0.72),
    "permitted_blocked": ("permitted", "block", 0.005, 0.01),
    "permitted_flagged": ("permitted", "warn or block", 0.03, 0.09),
    "none_blocked": ("none", "block", 0.01, 0.03),
    "none_allowed": ("none", "allow", 0.05, 0.10),
}
"""Figure -> kind of draft, decision, target for clear drafts, target for hard ones."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One labelled draft with the verdict on it. `decision` ignores faults of the form."""

    labelled: LabelledDraft
    verdict: Verdict
    kind: str
    decision: str
    hit_evidence: bool | None
    """For a block: whether the first finding overlaps the annotated evidence."""


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """All figures of one screener on one set of drafts; `as_dict()` is plain JSON."""

    version: str
    drafts: int
    figures: Mapping[str, Any]
    slices: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for --json, the registry and the gate."""
        return {"version": self.version, "drafts": self.drafts, **self.figures, "slices": dict(self.slices)}


def evaluate(
    screener: Screener, drafts: Sequence[LabelledDraft], plan: SplitPlan | None = None, *,
    tick: Callable[[], None] = lambda: None, rounds: int = _ROUNDS,
) -> EvaluationReport:  # fmt: skip
    """Judge every draft with the screener that the service uses. `tick` is called after each one."""
    version = screener.artifact.version if screener.artifact else "rules-only"
    return report_of(judge(screener, drafts, tick=tick), version, plan, rounds=rounds)


def report_of(
    judged: Sequence[Judged], version: str, plan: SplitPlan | None = None, *, rounds: int = _ROUNDS
) -> EvaluationReport:
    """The figures of given verdicts."""
    slices = {name: figures_of(rows) for name, rows in sorted(_slices(judged, plan or SplitPlan.load()).items())}
    for name, figures in slices.items():
        if not _has_macro_f1(name, figures):
            figures["macro_f1"] = None
    return EvaluationReport(version, len(judged), figures_of(judged, rounds=rounds), slices)


def _has_macro_f1(name: str, figures: Mapping[str, Any]) -> bool:
    """Whether a mean over labels says something of a slice: not of drafts chosen by a label, or of too few labels."""
    common = sum(found["support"] >= _LEAST_SUPPORT for found in figures["labels"].values())
    return not name.startswith("label:") and common >= _LEAST_LABELS


def judge(
    screener: Screener, drafts: Iterable[LabelledDraft], *, tick: Callable[[], None] = lambda: None
) -> list[Judged]:
    """Each draft with its verdict, in order."""
    found = []
    for labelled in drafts:
        verdict = screener.screen(labelled.draft, labelled.order)
        kind = kind_of(labelled, screener.policy)
        found.append(Judged(labelled, verdict, kind, judged_decision(verdict), _hits_evidence(labelled, verdict)))
        tick()
    return found


def kind_of(labelled: LabelledDraft, policy: Policy) -> str:
    """prohibited, permitted or none, by the labels."""
    if any(policy.is_prohibited(label) for label in labelled.labels):
        return "prohibited"
    return "permitted" if labelled.labels else "none"


def judged_decision(verdict: Verdict) -> str:
    """The decision without the findings that the form alone causes."""
    severities = {f.severity for f in verdict.findings if not f.id.startswith(_FORM)}
    return "block" if "block" in severities else "warn" if "warn" in severities else "allow"


def _hits_evidence(labelled: LabelledDraft, verdict: Verdict) -> bool | None:
    if verdict.decision != "block" or not verdict.findings:
        return None
    first = verdict.findings[0]
    if first.field is None or first.start is None or first.end is None:
        return False
    return any(
        field == first.field and start < first.end and first.start < end
        for _, field, start, end in evidence_places(labelled)
    )


def figures_of(judged: Sequence[Judged], *, rounds: int = 0) -> dict[str, Any]:
    """Counts, decision table, per-label figures, calibration; with `rounds` bootstrap intervals over scenarios."""
    y = np.array([[label in j.labelled.labels for label in LABELS] for j in judged], int).reshape(-1, len(LABELS))
    p = np.array([[j.verdict.probabilities[label] for label in LABELS] for j in judged]).reshape(-1, len(LABELS))
    said = np.array([[label in j.verdict.labels for label in LABELS] for j in judged], int).reshape(-1, len(LABELS))
    figures: dict[str, Any] = {
        "count": len(judged),
        "decisions": decision_table(judged),
        "labels": label_figures(y, p, said),
        "evidence_first": _share([j.hit_evidence for j in judged if j.hit_evidence is not None]),
        "encoder_asked": _share([j.verdict.encoder == "consulted" for j in judged]),
    }
    occurring = [m["f1"] for m in figures["labels"].values() if m["support"]]
    figures["macro_f1"] = float(np.mean(occurring)) if occurring else None
    figures["counts"] = {name: list(hits(judged, kind, decision)) for name, (kind, decision, _, _) in TARGETS.items()}
    figures |= {name: rate(judged, kind, decision) for name, (kind, decision, _, _) in TARGETS.items()}
    if rounds:
        figures["intervals"] = _intervals(judged, rounds)
    return figures


def decision_table(judged: Sequence[Judged]) -> dict[str, dict[str, int]]:
    """Kind of draft -> decision -> count."""
    table = {kind: dict.fromkeys(("block", "warn", "allow"), 0) for kind in KINDS}
    for one in judged:
        table[one.kind][one.decision] += 1
    return table


def hits(judged: Sequence[Judged], kind: str, decision: str) -> tuple[int, int]:
    """How many drafts of a kind met a decision ("warn or block": one of them), and how many there are."""
    wanted = decision.split(" or ")
    mine = [j.decision in wanted for j in judged if j.kind == kind]
    return sum(mine), len(mine)


def rate(judged: Sequence[Judged], kind: str, decision: str) -> float | None:
    """Share of the drafts of a kind that met a decision; None without such drafts."""
    met, of = hits(judged, kind, decision)
    return met / of if of else None


def label_figures(y: NDArray[np.int64], p: NDArray[np.float64], said: NDArray[np.int64]) -> dict[str, dict[str, Any]]:
    """Per label: precision, recall, F1, average precision, expected calibration error, support."""
    result = {}
    for i, label in enumerate(LABELS):
        precision, recall, f1, _ = precision_recall_fscore_support(
            y[:, i], said[:, i], average="binary", zero_division=0.0
        )
        result[str(label)] = {
            "precision": float(precision),
            "recall": float(recall),
            "f1": float(f1),
            "average_precision": float(average_precision_score(y[:, i], p[:, i])) if y[:, i].any() else None,
            "calibration_error": calibration_error(y[:, i], p[:, i]),
            "support": int(y[:, i].sum()),
        }
    return result


def calibration_error(y: NDArray[np.int64], p: NDArray[np.float64], bins: int = 10) -> float:
    """Expected calibration error over equally wide bins: mean |share of yes - mean probability|, weighted by size."""
    if not len(p):
        return 0.0
    home = np.minimum((p * bins).astype(int), bins - 1)
    return float(sum(abs(y[home == b].mean() - p[home == b].mean()) * (home == b).mean() for b in set(home.tolist())))


def _share(values: Sequence[bool]) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _intervals(judged: Sequence[Judged], rounds: int) -> dict[str, list[float]]:
    """95% intervals of the target figures: whole scenarios drawn with replacement, fixed seed."""
    groups: dict[str, list[Judged]] = {}
    for one in judged:
        groups.setdefault(one.labelled.scenario, []).append(one)
    names = sorted(groups)
    rng = np.random.default_rng(7)
    drawn: dict[str, list[float]] = {name: [] for name in TARGETS}
    for _ in range(rounds):
        sample = [one for i in rng.integers(0, len(names), len(names)) for one in groups[names[i]]]
        for name, (kind, decision, _, _) in TARGETS.items():
            value = rate(sample, kind, decision)
            if value is not None:
                drawn[name].append(value)
    return {name: [float(v) for v in np.quantile(values, [0.025, 0.975])] for name, values in drawn.items() if values}


def _slices(judged: Sequence[Judged], plan: SplitPlan) -> dict[str, list[Judged]]:
    """Slice name -> its drafts: clear or hard, writer, language, length, label."""
    found: dict[str, list[Judged]] = {}
    for one in judged:
        words = len(one.labelled.draft.body.split())
        length = "short" if words < 25 else "medium" if words < 80 else "long"
        names = [
            "difficulty:clear" if plan.is_clear(one.labelled) else "difficulty:hard",
            f"writer:{one.labelled.writer}",
            f"language:{one.labelled.language}",
            f"length:{length}",
            *(f"label:{label}" for label in one.labelled.labels or ("none",)),
        ]
        for name in names:
            found.setdefault(name, []).append(one)
    return found
