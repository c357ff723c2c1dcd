"""Which drafts are for learning, tuning and testing: whole writers, named in data/splits.toml."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from classifier.draft import LabelledDraft
from training.repository_files import repository_path

SPLITS_FILE = repository_path("data/splits.toml")


@dataclass(frozen=True, slots=True)
class Split:
    """Three parts that share no writer and no scenario."""

    train: tuple[LabelledDraft, ...]
    tune: tuple[LabelledDraft, ...]
    test: tuple[LabelledDraft, ...]


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """The writers of the tune and test parts; all others are for training."""

    tune: frozenset[str]
    test: frozenset[str]
    clear: frozenset[str]

    @classmethod
    def load(cls, path: Path = SPLITS_FILE) -> "SplitPlan":
        """Read the plan. Raises ValueError if a writer stands in two parts."""
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        plan = cls(frozenset(raw["tune"]), frozenset(raw["test"]), frozenset(raw["clear"]))
        if both := plan.tune & plan.test:
            raise ValueError(f"{path}: {sorted(both)} stand in tune and test")
        return plan

    def split(self, drafts: Iterable[LabelledDraft]) -> Split:
        """Share out the drafts. Raises ValueError if a scenario would stand in two parts."""
        parts: dict[str, list[LabelledDraft]] = {"train": [], "tune": [], "test": []}
        home: dict[str, str] = {}
        for labelled in drafts:
            part = self.part_of(labelled.writer)
            if home.setdefault(labelled.scenario, part) != part:
                raise ValueError(f"scenario {labelled.scenario!r} would stand in {home[labelled.scenario]} and {part}")
            parts[part].append(labelled)
        return Split(*(tuple(parts[name]) for name in ("train", "tune", "test")))

    def is_clear(self, labelled: LabelledDraft) -> bool:
        """Whether a draft is plain: its writer wrote mostly such ones, and it is not noted to be hard."""
        return labelled.writer in self.clear and labelled.note != "hard"

    def part_of(self, writer: str) -> str:
        """The name of the part that a writer belongs to."""
        return "test" if writer in self.test else "tune" if writer in self.tune else "train"
