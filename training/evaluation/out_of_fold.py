"""Every training draft judged by models that never saw its writer: the whole stack, fitted again in each fold."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classifier.draft import LabelledDraft
from classifier.evidence import Evidence, LabelScore, ModelEvidence, Thresholds
from classifier.labels import LABELS, Label
from classifier.policy.policy import Policy
from training.evaluation.figures import Judged, judged_decision, kind_of
from training.fitting import thresholds
from training.fitting.examples import Examples
from training.fitting.linear_models import fit_passages, folds_of, groups_like, matrices_of, out_of_fold
from training.fitting.model_fitting import Tools, fit_encoder, tuning_of
from training.fitting.recipe import Recipe
from training.fitting.stacking import calibrated, draft_logits, fit_calibration
from training.fitting.unmet_predictions import Fold, UnmetPredictions

Say = Callable[[str], None]
_LEAST_READ = 200
"""With fewer drafts that the encoder never met, no stack around it is fitted, and it is not asked."""


@dataclass(frozen=True, slots=True, eq=False)
class UnmetEncoder:
    """The folder of an encoder, the policy that says when it is asked, and which drafts (n,) it was not trained on."""

    folder: Path
    policy: Policy
    unread: NDArray[np.bool_]


def predict_out_of_fold(
    examples: Examples, recipe: Recipe, say: Say = lambda text: None, encoder: UnmetEncoder | None = None
) -> UnmetPredictions:
    """What linear models, stack, calibration and encoder say of each draft; all but the encoder are fitted in each
    fold. The encoder takes too long for that, so it reads only the drafts that it was not trained on."""
    say("columns")
    folds = folds_of(examples, recipe)
    features, _ = out_of_fold(examples, matrices_of(examples, recipe), recipe, folds, say)
    say("stack")
    logits = _stacked(examples, features, folds, recipe)
    highest = draft_logits(logits, examples.sentence_draft, len(examples.drafts))
    probabilities = _calibrated(highest, examples.labels, folds)
    rows = np.flatnonzero(encoder.unread) if encoder else np.zeros(0, np.int64)
    within = _within(folds, rows)
    if encoder is not None and len(rows) >= _LEAST_READ and len(within) > 1:
        say("encoder")
        asked = fit_encoder(tuning_of(examples, logits, rows), encoder.folder, encoder.policy, recipe)
        probabilities[rows] = _calibrated(asked.logits, examples.labels[rows], within)
    return UnmetPredictions.out_of_fold(probabilities, examples.labels, groups_like(examples, examples.drafts), folds)


def _stacked(
    examples: Examples, features: NDArray[np.float64], folds: Sequence[Fold], recipe: Recipe
) -> NDArray[np.float64]:
    """The logits (s, 6) of all passages, by stacks that never met the draft's writer."""
    logits = np.zeros((len(examples.sentences), len(LABELS)))
    for known, _ in folds:
        inside = np.isin(examples.sentence_draft, known)
        known_here = examples.sentence_known[inside]
        stack = fit_passages(features[inside], examples.sentence_labels[inside], known_here, recipe)
        logits[~inside] = stack.logits(features[~inside])
    return logits


def _calibrated(highest: NDArray[np.float64], labels: NDArray[np.int64], folds: Sequence[Fold]) -> NDArray[np.float64]:
    """Probabilities (n, 6), each by the calibration of the other folds."""
    found = np.zeros(highest.shape)
    for known, unknown in folds:
        found[unknown] = calibrated(highest[unknown], fit_calibration(highest[known], labels[known]))
    return found


def _within(folds: Sequence[Fold], rows: NDArray[np.int64]) -> list[Fold]:
    """The folds of some rows, as numbers among them; those that have none of them are left out."""
    place = {int(row): at for at, row in enumerate(rows)}
    found = []
    for known, unknown in folds:
        inside, outside = ([place[row] for row in side.tolist() if row in place] for side in (known, unknown))
        if outside:
            found.append((np.array(inside, np.int64), np.array(outside, np.int64)))
    return found


def judge_out_of_fold(drafts: Sequence[LabelledDraft], recipe: Recipe, tools: Tools, say: Say) -> list[Judged]:
    """Verdicts from out-of-fold scores. With as many folds as writers it is leave-one-writer-out.

    The encoder is not asked, and the thresholds are chosen on the same scores; both make the figures a little rough.
    """
    examples = tools.examples(drafts)
    predictions = predict_out_of_fold(examples, recipe, say)
    return judge_at(examples, predictions, thresholds.choose(predictions, tools.policy), tools.policy)


def judge_at(
    examples: Examples, predictions: UnmetPredictions, limits: Mapping[Label, Thresholds], policy: Policy
) -> list[Judged]:
    """The verdicts that these thresholds give."""
    rows = range(len(examples.drafts))
    return [_judged(examples, row, predictions.probabilities[row], limits, policy) for row in rows]


def leave_one_out(drafts: Sequence[LabelledDraft], recipe: Recipe) -> Recipe:
    """The recipe with one fold a writer."""
    return replace(recipe, folds=len({labelled.writer for labelled in drafts}))


def _judged(
    examples: Examples, row: int, probabilities: NDArray[np.float64], limits: Mapping[Label, Thresholds], policy: Policy
) -> Judged:
    labelled, reading = examples.drafts[row], examples.readings[row]
    scores = tuple(LabelScore(label, float(probabilities[i]), None, None) for i, label in enumerate(LABELS))
    evidence = Evidence(
        rules=examples.rules[row], model=ModelEvidence(scores, "out-of-fold"), form=(), language=reading.language,
        thresholds=limits, disguised=reading.disguised,
    )  # fmt: skip
    verdict = policy.decide(evidence, labelled.order)
    return Judged(labelled, verdict, kind_of(labelled, policy), judged_decision(verdict), None)
