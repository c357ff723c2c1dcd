"""Every training draft judged by models that never saw its writer."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from classifier.draft import LabelledDraft
from classifier.evidence import Evidence, LabelScore, ModelEvidence, Thresholds
from classifier.labels import LABELS, Label
from classifier.policy.policy import Policy
from training.evaluation.figures import Judged, judged_decision, kind_of
from training.fitting import thresholds
from training.fitting.examples import Examples
from training.fitting.linear_models import Say, fit
from training.fitting.model_fitting import Tools
from training.fitting.recipe import Recipe
from training.monitoring.label_errors import out_of_fold_probabilities


def judge_out_of_fold(drafts: Sequence[LabelledDraft], recipe: Recipe, tools: Tools, say: Say) -> list[Judged]:
    """Verdicts from out-of-fold scores. With as many folds as writers it is leave-one-writer-out.

    The encoder is not asked, and the thresholds are chosen on the same scores; both make the figures a little rough.
    """
    examples = tools.examples(drafts)
    probabilities = out_of_fold_probabilities(fit(examples, recipe, say), examples)
    limits = thresholds.choose(probabilities, examples.labels, tools.policy)
    return [_judged(examples, i, probabilities[i], limits, tools.policy) for i in range(len(drafts))]


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
