"""What other thresholds would do to allow, warn and block, and what that costs: on unmet drafts alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier.evidence import Thresholds
from classifier.labels import Label
from classifier.policy.policy import Policy
from training.evaluation.costs import cost_sheet, minutes_per_thousand
from training.evaluation.figures import decision_table
from training.evaluation.out_of_fold import judge_at
from training.fitting.examples import Examples
from training.fitting.unmet_predictions import UnmetPredictions

Limits = Mapping[Label, Thresholds]


@dataclass(frozen=True, slots=True)
class ThresholdTrial:
    """Thresholds, the decisions that they give (kind of draft -> decision -> count), and minutes a thousand drafts."""

    limits: Limits
    decisions: Mapping[str, Mapping[str, int]]
    minutes: float


def moved(
    limits: Limits, policy: Policy, *, sure: float | None = None, possible: float | None = None,
    recognised: float | None = None,
) -> dict[Label, Thresholds]:  # fmt: skip
    """Other thresholds: block prohibited labels from `sure` on, warn of them from `possible` on, take a permitted label
    for a reason from `recognised` on. What is None stays. Raises ValueError where a warning would begin above a
    block."""
    found = {}
    for label, old in limits.items():
        if policy.is_prohibited(label):
            block, warn = sure if sure is not None else old.sure, possible if possible is not None else old.possible
            if warn > block:
                raise ValueError(f"{label}: warnings from {warn} on, blocks already from {block} on")
            found[label] = Thresholds(possible=warn, asserted=min(max(old.asserted, warn), block), sure=block)
        else:
            reason = recognised if recognised is not None else old.possible
            found[label] = Thresholds(possible=reason, asserted=old.asserted, sure=old.sure)
    return found


def try_thresholds(examples: Examples, predictions: UnmetPredictions, limits: Limits, policy: Policy) -> ThresholdTrial:
    """Judge all drafts at these thresholds."""
    judged = judge_at(examples, predictions, limits, policy)
    decisions = decision_table(judged)
    return ThresholdTrial(limits, decisions, minutes_per_thousand(cost_sheet(decisions, policy.costs), len(judged)))


def cost_map(
    examples: Examples, predictions: UnmetPredictions, limits: Limits, policy: Policy, *, sure: Sequence[float],
    possible: Sequence[float],
) -> NDArray[np.float64]:  # fmt: skip
    """Minutes for a thousand drafts, (len(sure), len(possible)); not a number where a warning would begin above a
    block."""
    minutes = np.full((len(sure), len(possible)), np.nan)
    for row, block in enumerate(sure):
        for column, warn in enumerate(possible):
            if warn <= block:
                wanted = moved(limits, policy, sure=block, possible=warn)
                minutes[row, column] = try_thresholds(examples, predictions, wanted, policy).minutes
    return minutes
