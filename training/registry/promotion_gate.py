"""The gate before promotion: a challenger may not be worse than the live model beyond what gate.toml tolerates."""

import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from classifier import Screener
from classifier.draft import LabelledDraft
from training.evaluation import golden_set as golden_set
from training.evaluation.figures import Judged, figures_of, judge
from training.evaluation.golden_set import Golden

GATE_FILE = Path(__file__).with_name("promotion_gate.toml")
_TIMED = 200
"""Drafts that the latency is measured on; each is screened by both models in turn, on the same machine at once."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """gate.toml, read once; its comments say what each number bounds."""

    label_f1: float
    false_blocks: float
    missed: float
    golden: int
    latency_ratio: float

    @classmethod
    def load(cls, path: Path = GATE_FILE) -> "Tolerance":
        """Read the file. Raises ValueError naming it and what is missing or too much."""
        try:
            return cls(**tomllib.loads(path.read_text(encoding="utf-8"))["tolerance"])
        except (KeyError, TypeError, tomllib.TOMLDecodeError) as error:
            raise ValueError(f"{path}: {error}") from error


@dataclass(frozen=True, slots=True)
class GateCheck:
    """One comparison. `change` is how much worse the challenger is (negative: better), `limit` what is tolerated."""

    name: str
    live: float
    challenger: float
    change: float
    limit: float
    passed: bool


@dataclass(frozen=True, slots=True)
class GateResult:
    """All checks of one challenger against one live model, with the tolerance they were held to."""

    live: str
    challenger: str
    drafts: int
    golden: int
    tolerance: Tolerance
    checks: tuple[GateCheck, ...]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)

    @property
    def refusals(self) -> list[str]:
        """The names of the checks that did not pass."""
        return [check.name for check in self.checks if not check.passed]

    def as_dict(self) -> dict[str, Any]:
        """Plain data, to be stored with the version."""
        return {"passed": self.passed, **asdict(self)}


@dataclass(frozen=True, slots=True)
class MeasuredModel:
    """What the gate knows of one model: figures on the kept-aside drafts, golden drafts that went wrong, seconds."""

    version: str
    judged: Sequence[Judged]
    golden_wrong: int
    seconds: float

    @property
    def false_blocks(self) -> float:
        """Share of the drafts without a prohibited label that are blocked."""
        innocent = [j.decision == "block" for j in self.judged if j.kind != "prohibited"]
        return sum(innocent) / len(innocent) if innocent else 0.0

    @property
    def missed(self) -> float:
        """Share of the prohibited drafts that are allowed."""
        guilty = [j.decision == "allow" for j in self.judged if j.kind == "prohibited"]
        return sum(guilty) / len(guilty) if guilty else 0.0

    def f1(self) -> dict[str, float]:
        """F1 of each label that occurs."""
        labels = figures_of(self.judged)["labels"]
        return {name: figures["f1"] for name, figures in labels.items() if figures["support"]}


def hold(
    live: Screener, challenger: Screener, drafts: Sequence[LabelledDraft], golden: Sequence[Golden],
    tolerance: Tolerance, tick: Callable[[], None] = lambda: None,
) -> GateResult:  # fmt: skip
    """Judge the same drafts with both models and hold the challenger to the tolerance."""
    seconds = latencies(live, challenger, drafts[:_TIMED])
    both = [
        MeasuredModel(version_of(s), judge(s, drafts, tick=tick), len(golden_set.wrong(s, golden)), seconds[i])
        for i, s in enumerate((live, challenger))
    ]
    return result(both[0], both[1], len(golden), tolerance)


def result(live: MeasuredModel, challenger: MeasuredModel, golden: int, tolerance: Tolerance) -> GateResult:
    """The comparison of two measured models. Pure."""
    before, after = live.f1(), challenger.f1()
    checks = [_check(f"f1 of {name}", -before[name], -after[name], tolerance.label_f1) for name in before]
    checks += [
        _check("false blocks", live.false_blocks, challenger.false_blocks, tolerance.false_blocks),
        _check("missed prohibited drafts", live.missed, challenger.missed, tolerance.missed),
        _check("golden drafts gone wrong", live.golden_wrong, challenger.golden_wrong, tolerance.golden),
    ]
    ratio = challenger.seconds / live.seconds if live.seconds else 1.0
    checks.append(
        GateCheck(
            "latency, as a ratio",
            live.seconds,
            challenger.seconds,
            ratio,
            tolerance.latency_ratio,
            ratio <= tolerance.latency_ratio,
        )
    )
    return GateResult(live.version, challenger.version, len(live.judged), golden, tolerance, tuple(checks))


def _check(name: str, live: float, challenger: float, limit: float) -> GateCheck:
    """Higher is worse; figures of which higher is better come in with their sign turned."""
    change = challenger - live
    return GateCheck(name, abs(live), abs(challenger), round(change, 6), limit, change <= limit + 1e-9)


def latencies(live: Screener, challenger: Screener, drafts: Sequence[LabelledDraft]) -> tuple[float, float]:
    """Median seconds of one screening by each, measured in turn."""
    spent: tuple[list[float], list[float]] = ([], [])
    for labelled in drafts:
        for own, screener in zip(spent, (live, challenger), strict=True):
            start = time.perf_counter()
            screener.screen(labelled.draft, labelled.order)
            own.append(time.perf_counter() - start)
    return (median(spent[0]), median(spent[1])) if drafts else (0.0, 0.0)


def version_of(screener: Screener) -> str:
    """The model's version, or "rules-only"."""
    return screener.artifact.version if screener.artifact else "rules-only"
