"""The gate before promotion: a challenger may not be worse than the live model beyond what the tolerances allow.

It is also compared with the best of the versions that were live last, so that quality cannot slide step by step.
"""

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
from training.evaluation.costs import cost_sheet, minutes_per_thousand
from training.evaluation.figures import Judged, decision_table, figures_of, judge
from training.evaluation.golden_set import Golden

GATE_FILE = Path(__file__).with_name("promotion_gate.toml")
_TIMED = 200
"""Drafts that the latency is measured on; each is screened by both models in turn, on the same machine at once."""


@dataclass(frozen=True, slots=True)
class Slide:
    """How far a challenger may be worse than the best of the last `versions` live ones, figure by figure."""

    versions: int
    label_f1: float
    false_blocks: float
    missed: float
    golden: int
    cost: float


@dataclass(frozen=True, slots=True)
class Tolerance:
    """promotion_gate.toml, read once; its comments say what each number bounds. `slide` None compares with no past."""

    label_f1: float
    false_blocks: float
    missed: float
    golden: int
    latency_ratio: float
    cost: float
    slide: Slide | None = None

    @classmethod
    def load(cls, path: Path = GATE_FILE) -> "Tolerance":
        """Read the file. Raises ValueError naming it and what is missing or too much."""
        try:
            raw = tomllib.loads(path.read_text(encoding="utf-8"))
            return cls(**raw["tolerance"], slide=Slide(**raw["slide"]) if "slide" in raw else None)
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
    """All checks of one challenger against one live model, and against the best of the `past` ones, with the tolerance
    that applied."""

    live: str
    challenger: str
    drafts: int
    golden: int
    tolerance: Tolerance
    checks: tuple[GateCheck, ...]
    past: tuple[str, ...] = ()

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
    """What the gate knows of one model: verdicts on the kept-aside drafts, golden drafts that went wrong, seconds for
    one draft, and what its mistakes cost, in minutes for a thousand drafts."""

    version: str
    judged: Sequence[Judged]
    golden_wrong: int
    seconds: float
    minutes: float = 0.0

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
    tolerance: Tolerance, tick: Callable[[], None] = lambda: None, *, past: Sequence[Screener] = (),
    names: tuple[str, str] | None = None,
) -> GateResult:  # fmt: skip
    """Judge the same drafts with all models and compare the challenger with the others. `names` are those of the live
    model and the challenger in the registry."""
    seconds = latencies(live, challenger, drafts[:_TIMED])
    named = names or (version_of(live), version_of(challenger))

    def measured(screener: Screener, name: str, each: float = 0.0) -> MeasuredModel:
        judged = judge(screener, drafts, tick=tick)
        minutes = minutes_per_thousand(cost_sheet(decision_table(judged), screener.policy.costs), len(judged))
        return MeasuredModel(name, judged, len(golden_set.wrong(screener, golden)), each, minutes)

    before, after = measured(live, named[0], seconds[0]), measured(challenger, named[1], seconds[1])
    return result(before, after, len(golden), tolerance, [measured(one, version_of(one)) for one in past])


def result(
    live: MeasuredModel, challenger: MeasuredModel, golden: int, tolerance: Tolerance,
    past: Sequence[MeasuredModel] = (),
) -> GateResult:  # fmt: skip
    """The comparison of measured models. Pure."""
    checks = [*_against(live, challenger, tolerance), _latency(live, challenger, tolerance.latency_ratio)]
    if past and tolerance.slide:
        best = f", best of {len(past) + 1}"
        found = [_against(one, challenger, tolerance.slide, best) for one in (live, *past)]
        names = dict.fromkeys(check.name for checks in found for check in checks)
        checks += [
            max((c for checks in found for c in checks if c.name == name), key=lambda c: c.change) for name in names
        ]
    seen = tuple(one.version for one in past)
    return GateResult(live.version, challenger.version, len(live.judged), golden, tolerance, tuple(checks), seen)


def _against(before: MeasuredModel, after: MeasuredModel, limits: Tolerance | Slide, best: str = "") -> list[GateCheck]:
    """The checks of one model against one other."""
    old, new = before.f1(), after.f1()
    checks = [_check(f"f1 of {name}{best}", -old[name], -new[name], limits.label_f1) for name in old]
    cost = after.minutes / before.minutes - 1 if before.minutes else float(after.minutes > 0)
    return [
        *checks,
        _check(f"false blocks{best}", before.false_blocks, after.false_blocks, limits.false_blocks),
        _check(f"missed prohibited drafts{best}", before.missed, after.missed, limits.missed),
        _check(f"golden drafts gone wrong{best}", before.golden_wrong, after.golden_wrong, limits.golden),
        GateCheck(
            f"cost, as a share more{best}", before.minutes, after.minutes, round(cost, 6), limits.cost,
            cost <= limits.cost + 1e-9,
        ),
    ]  # fmt: skip


def _latency(live: MeasuredModel, challenger: MeasuredModel, limit: float) -> GateCheck:
    ratio = challenger.seconds / live.seconds if live.seconds else 1.0
    return GateCheck("latency, as a ratio", live.seconds, challenger.seconds, ratio, limit, ratio <= limit)


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
