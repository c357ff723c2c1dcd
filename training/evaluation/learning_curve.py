"""How much more drafts would bring: models from growing shares of the drafts, judged on the same unmet ones."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from classifier import Screener
from classifier.draft import LabelledDraft
from classifier.model.artifact import ModelArtifact
from training.evaluation.figures import figures_of, judge
from training.fitting.model_fitting import Tools, fit_model
from training.fitting.recipe import Recipe
from training.tickets.split_plan import Split


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """How many drafts a model learned from, and how it judges drafts by unmet writers."""

    drafts: int
    macro_f1: float
    missed: float | None
    false_blocks: float | None


def learning_curve(
    split: Split, shares: Sequence[float], recipe: Recipe, tools: Tools, say: Callable[[str], None] = lambda text: None
) -> list[CurvePoint]:
    """One model for each share of the train part, without an encoder. A larger share holds the smaller ones, and whole
    scenarios, so that no point of the curve differs by luck of the draw alone."""
    points = []
    for share in sorted(shares):
        train = tuple(d for d in split.train if _place(d) < share)
        say(f"{len(train)} drafts")
        with TemporaryDirectory() as place:
            fit_model(Split(train, split.tune, ()), Path(place) / "model", recipe, fingerprint="curve", tools=tools)
            artifact = ModelArtifact.load(Path(place) / "model")
            screener = Screener(policy=tools.policy, book=tools.book, artifact=artifact, words=tools.words)
            figures = figures_of(judge(screener, split.test))
        points.append(
            CurvePoint(len(train), figures["macro_f1"], figures["prohibited_allowed"], figures["permitted_blocked"])
        )
    return points


def _place(labelled: LabelledDraft) -> float:
    return int.from_bytes(hashlib.sha256(labelled.scenario.encode()).digest()[:4]) / 2**32
