"""One training run: split, fit, evaluate with the screener of the service, publish. A failed run changes nothing."""

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
from training.fitting.model_fitting import Tools, fit_model
from training.fitting.recipe import Recipe
from training.registry.history import now
from training.registry.model_registry import ModelRegistry
from training.tickets import datasets
from training.tickets.near_copies import CLOSE, NearCopy
from training.tickets.split_plan import SplitPlan
from training.tickets.splitting import DividedDrafts, share

EVALUATION, ABOUT = "evaluation.json", "about.json"
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """The parameters of a run. `records` hold the dates and provenance of the drafts, which count for the fingerprint;
    `test_since` splits by time, where dates exist."""

    recipe: Recipe = field(default_factory=Recipe)
    encoder: Path | None = None
    records: Sequence[Mapping[str, Any]] = ()
    test_since: date | None = None
    close: float = CLOSE
    who: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """The result of a run."""

    version: str
    fingerprint: str
    parts: Mapping[str, int]
    rule: str
    copies: tuple[NearCopy, ...]
    evaluation: Mapping[str, Any]
    seconds: float


def run_pipeline(
    drafts: Sequence[LabelledDraft],
    registry: ModelRegistry,
    home: Path,
    request: TrainingRequest,
    tools: Tools,
    say: Say,
) -> TrainingRun:  # fmt: skip
    """Train on the drafts and publish the model. A run that is killed leaves the registry as it was.

    The version is a digest of the artifact: the same drafts and recipe give the same one, which is published once.
    """
    start = time.monotonic()
    dates = {record["id"]: record["date"] for record in request.records if record.get("date")}
    shared = share(drafts, SplitPlan.load(), dates=dates, test_since=request.test_since, close=request.close)
    fingerprint = datasets.keep(drafts, home, request.records)
    with atomic_files.workspace(registry.incoming()) as place:
        folder = place / "model"
        fit_model(
            shared.split, folder, request.recipe, fingerprint=fingerprint, encoder=request.encoder, tools=tools, say=say
        )
        say("evaluating")
        artifact = ModelArtifact.load(folder)
        screener = Screener(policy=tools.policy, book=tools.book, artifact=artifact, words=tools.words)
        report = evaluate(screener, shared.split.test).as_dict()
        _note(folder, EVALUATION, report)
        _note(folder, ABOUT, _about(shared, fingerprint, request))
        version = registry.publish(folder, who=request.who, why=request.why)
    seconds = round(time.monotonic() - start, 1)
    return TrainingRun(version, fingerprint, shared.counts(), shared.rule, shared.copies, report, seconds)


def _note(folder: Path, name: str, content: Mapping[str, Any]) -> None:
    """Write a file that is not part of the artifact's digest, so that a date does not make another model."""
    (folder / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _about(shared: DividedDrafts, fingerprint: str, request: TrainingRequest) -> dict[str, Any]:
    return {
        "made": now(),
        "by": request.who,
        "why": request.why,
        "data": fingerprint,
        "parts": shared.counts(),
        "split": shared.rule,
        "near_copies_dropped": sum(not c.stays for c in shared.copies),
        "scikit_learn": sklearn.__version__,
        "encoder": request.encoder is not None,
    }


def read_note(folder: Path, name: str) -> dict[str, Any]:
    """A note of a version; {} where the file is missing."""
    try:
        found: dict[str, Any] = json.loads((folder / name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return found
