"""One run of the workbench: share out, fit, evaluate with the screener that serves, and shelve; or leave no trace."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import sklearn

from classifier import Screener
from classifier.draft import LabelledDraft
from classifier.model.artifact import ModelArtifact
from training import atomic_files
from training.evaluation.figures import evaluate
from training.fitting.model_fitting import Tools, retrain
from training.fitting.recipe import Recipe
from training.registry.history import now
from training.registry.model_registry import ModelRegistry
from training.tickets import datasets
from training.tickets.near_copies import CLOSE, Copy
from training.tickets.split_plan import SplitPlan
from training.tickets.splitting import Shared, share

EVALUATION, ABOUT = "evaluation.json", "about.json"
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Order:
    """What a run is asked to do. `dates` (id -> ISO date) and `test_since` part by time, where dates exist."""

    recipe: Recipe = field(default_factory=Recipe)
    encoder: Path | None = None
    dates: Mapping[str, str] = field(default_factory=dict)
    test_since: date | None = None
    close: float = CLOSE
    who: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """What came of it."""

    version: str
    fingerprint: str
    parts: Mapping[str, int]
    rule: str
    copies: tuple[Copy, ...]
    evaluation: Mapping[str, Any]
    seconds: float


def run(
    drafts: Sequence[LabelledDraft], registry: ModelRegistry, home: Path, order: Order, tools: Tools, say: Say
) -> Run:
    """Train on the drafts and shelve the model. Killed at any moment it leaves the shelf as it was.

    The version is a digest of the artifact: the same drafts and recipe give the same one, which is shelved once.
    """
    start = time.monotonic()
    shared = share(drafts, SplitPlan.load(), dates=order.dates, test_since=order.test_since, close=order.close)
    fingerprint = datasets.keep(drafts, home)
    with atomic_files.workspace(registry.incoming()) as place:
        folder = place / "model"
        retrain(
            shared.split, folder, order.recipe, fingerprint=fingerprint, encoder=order.encoder, tools=tools, say=say
        )
        say("evaluating")
        artifact = ModelArtifact.load(folder)
        screener = Screener(policy=tools.policy, book=tools.book, artifact=artifact, words=tools.words)
        report = evaluate(screener, shared.split.test).as_dict()
        _note(folder, EVALUATION, report)
        _note(folder, ABOUT, _about(shared, fingerprint, order))
        version = registry.publish(folder, who=order.who, why=order.why)
    seconds = round(time.monotonic() - start, 1)
    return Run(version, fingerprint, shared.counts(), shared.rule, shared.copies, report, seconds)


def _note(folder: Path, name: str, content: Mapping[str, Any]) -> None:
    """A file beside the artifact's own: not part of its digest, so that a date does not make another model."""
    (folder / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _about(shared: Shared, fingerprint: str, order: Order) -> dict[str, Any]:
    return {
        "made": now(),
        "by": order.who,
        "why": order.why,
        "data": fingerprint,
        "parts": shared.counts(),
        "split": shared.rule,
        "near_copies_dropped": sum(not c.contradiction for c in shared.copies),
        "scikit_learn": sklearn.__version__,
        "encoder": order.encoder is not None,
    }


def read_note(folder: Path, name: str) -> dict[str, Any]:
    """A note of a version, {} where it has none (the shipped model may not)."""
    try:
        found: dict[str, Any] = json.loads((folder / name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return found
