"""Trials of recipes, kept one line each in $SCREENING_HOME/searches: what was tried on which drafts, with figures."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from training import atomic_files
from training.fitting.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Trial:
    """One recipe with its figures on drafts by writers that the models never met. `data` is the fingerprint of the
    drafts, `at` UTC in ISO 8601, `seconds` by the clock."""

    recipe: Recipe
    average_precision: float
    macro_f1: float
    data: str = ""
    drafts: int = 0
    at: str = field(default="", compare=False)
    seconds: float = field(default=0.0, compare=False)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for --json and for the file."""
        return {**asdict(self), "digest": self.recipe.digest()}


def keep(trial: Trial, home: Path) -> None:
    """Add a trial to those of its drafts. What a search that is stopped has tried so far stays."""
    atomic_files.append_line(_file(home, trial.data), json.dumps(trial.as_dict(), ensure_ascii=False))


def kept(home: Path, data: str) -> list[Trial]:
    """The trials on these drafts, oldest first. Raises ValueError naming a line that is no trial."""
    path = _file(home, data)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    lines = text[: text.rfind("\n") + 1].splitlines()
    return [_trial(path, number, line) for number, line in enumerate(lines, 1)]


def ranked(trials: Iterable[Trial]) -> list[Trial]:
    """Best mean average precision first; of one recipe the last trial counts."""
    last = {trial.recipe: trial for trial in trials}
    return sorted(last.values(), key=lambda trial: -trial.average_precision)


def varied(trials: Sequence[Trial]) -> list[str]:
    """The choices in which the trials differ."""
    names = [one.name for one in fields(Recipe)]
    return [name for name in names if len({getattr(trial.recipe, name) for trial in trials}) > 1]


def _file(home: Path, data: str) -> Path:
    return home / "searches" / f"{data}.jsonl"


def _trial(path: Path, number: int, line: str) -> Trial:
    try:
        raw = json.loads(line)
        del raw["digest"]
        recipe: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in raw["recipe"].items()
        }
        return Trial(**{**raw, "recipe": Recipe(**recipe)})
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}:{number}: not a trial: {error}") from error
