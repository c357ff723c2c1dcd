"""Share drafts out for learning, tuning and testing: by plan, else by writer, and by time where asked."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from classifier.draft import LabelledDraft
from training.tickets.near_copies import CLOSE, NearCopy, drop_copies
from training.tickets.split_plan import Split, SplitPlan

_TUNE, _TEST = 0.15, 0.15


@dataclass(frozen=True, slots=True)
class DividedDrafts:
    """The parts, the near-copies left out of them, and by what rule they were made."""

    split: Split
    copies: tuple[NearCopy, ...]
    rule: str

    def counts(self) -> dict[str, int]:
        """The size of each part."""
        return {"train": len(self.split.train), "tune": len(self.split.tune), "test": len(self.split.test)}


def share(
    drafts: Sequence[LabelledDraft], plan: SplitPlan, *, dates: Mapping[str, str] | None = None,
    test_since: date | None = None, close: float = CLOSE,
) -> DividedDrafts:  # fmt: skip
    """Drop near-copies and part the drafts.

    The plan's writers go where the plan says; where none of them is among the drafts, writers (or scenarios, if one
    person wrote everything) are drawn by their name. With `test_since`, dated drafts from that day on are for testing,
    which shows how a model judges drafts that are newer than its training. Of a draft and its copy, the one for
    testing or tuning stays.
    """
    parts = {labelled.id: "train" for labelled in drafts}
    rule = _by_plan(drafts, plan, parts) or _by_name(drafts, parts)
    if test_since is not None:
        _by_time(drafts, dates or {}, test_since, parts)
        rule += f", dated from {test_since} for testing"
    rank = {"test": 0, "tune": 1, "train": 2}
    ordered = sorted(drafts, key=lambda labelled: rank[parts[labelled.id]])
    kept, copies = drop_copies(ordered, close, parts)
    split = Split(*(tuple(d for d in kept if parts[d.id] == name) for name in ("train", "tune", "test")))
    return DividedDrafts(split, tuple(copies), rule)


def without_test(split: Split) -> Split:
    """The train part, and the writers of the tune part dealt out in turn to tune and to test: to look at errors and try
    models without a look at the test part, which is kept for claims."""
    writers = sorted({labelled.writer for labelled in split.tune})
    parts = [tuple(d for d in split.tune if d.writer in set(writers[first::2])) for first in (0, 1)]
    return Split(split.train, *parts)


def _by_plan(drafts: Sequence[LabelledDraft], plan: SplitPlan, parts: dict[str, str]) -> str:
    split = plan.split(drafts)
    if not split.tune or not split.test:
        return ""
    for name, members in (("tune", split.tune), ("test", split.test)):
        parts.update((labelled.id, name) for labelled in members)
    return "by the writers of data/splits.toml"


def _by_name(drafts: Sequence[LabelledDraft], parts: dict[str, str]) -> str:
    """Fifteen in a hundred each to tune and test, by the hash of the writer: the same draw in every run."""
    by_writer = len({labelled.writer for labelled in drafts}) >= 8
    for labelled in drafts:
        place = _place(labelled.writer if by_writer else labelled.scenario)
        parts[labelled.id] = "test" if place < _TEST else "tune" if place < _TEST + _TUNE else "train"
    return "by writer, drawn by name" if by_writer else "by scenario, drawn by name"


def _place(name: str) -> float:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) / 2**32


def _by_time(drafts: Sequence[LabelledDraft], dates: Mapping[str, str], since: date, parts: dict[str, str]) -> None:
    """Dated drafts from the day on, with their whole scenarios, go to the test part; earlier ones stay out of it."""
    late = {d.scenario for d in drafts if (day := _day(dates.get(d.id))) is not None and day >= since}
    for labelled in drafts:
        if labelled.scenario in late:
            parts[labelled.id] = "test"
        elif labelled.id in dates and parts[labelled.id] == "test":
            parts[labelled.id] = "train"


def _day(text: str | None) -> date | None:
    try:
        return datetime.fromisoformat(text).date() if text else None
    except ValueError:
        return None
