"""What rules and models say of a passage together, and what its passages say of a draft: calibrated logits."""

from dataclasses import dataclass

import joblib
import numpy as np
from numpy.typing import NDArray

from classifier.labels import LABELS
from classifier.model.scorer import LOWEST
from training.fitting.logistic import in_parallel, logistic
from training.fitting.recipe import Recipe

_N = len(LABELS)
_ENCODER_STACK_C, _CALIBRATION_C = 0.3, 1.0

Calibration = NDArray[np.float64]
"""(2, 6): scale and offset of each label's logit."""


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """From features (n, k) to logits (n, 6)."""

    weights: NDArray[np.float64]
    bias: NDArray[np.float64]

    def logits(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, k) -> (n, 6)."""
        return features @ self.weights.T + self.bias


def fit_stack(
    features: NDArray[np.float64], labels: NDArray[np.int64], known: NDArray[np.bool_], recipe: Recipe
) -> Stack:
    """One regularised logistic regression per label on standardised features, written back to raw ones."""
    mean, scale = features.mean(0), np.where(features.std(0) > 1e-9, features.std(0), 1.0)
    standard = (features - mean) / scale
    models = in_parallel(
        joblib.delayed(logistic)(standard[known[:, i]], labels[known[:, i], i], recipe.stack_c, balanced=False)
        for i in range(_N)
    )
    weights = np.stack([m.coef_[0] / scale for m in models])
    bias = np.array([m.intercept_[0] for m in models]) - weights @ mean
    return Stack(weights, bias)


def fit_encoder_stack(own: NDArray[np.float64], encoder: NDArray[np.float64], labels: NDArray[np.int64]) -> Stack:
    """The stack (6, 7) that joins a passage's own logit (n, 6) and the encoder's logits (n, 6)."""
    weights, bias = np.zeros((_N, 1 + _N)), np.zeros(_N)
    for i in range(_N):
        model = logistic(np.column_stack([own[:, i], encoder]), labels[:, i], _ENCODER_STACK_C, balanced=False)
        weights[i], bias[i] = model.coef_[0], model.intercept_[0]
    return Stack(weights, bias)


def draft_logits(passages: NDArray[np.float64], draft: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """The highest logit of each draft's passages, (count, 6); `draft` (s,) is the row of each passage."""
    highest = np.full((count, _N), LOWEST)
    np.maximum.at(highest, draft, passages)
    return highest


def fit_calibration(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> Calibration:
    """Scale and offset that turn the highest logit of a draft's passages into its calibrated logit, (2, 6). The scale
    is never negative: what makes a passage more certain makes the draft so."""
    found = np.zeros((2, _N))
    for i in range(_N):
        model = logistic(logits[:, i : i + 1], labels[:, i], _CALIBRATION_C, balanced=False)
        found[:, i] = max(float(model.coef_[0][0]), _LEAST_SCALE), float(model.intercept_[0])
    return found


_LEAST_SCALE = 0.05


def calibrated(logits: NDArray[np.float64], calibration: Calibration) -> NDArray[np.float64]:
    """Probabilities (n, 6) of drafts by the highest logits of their passages."""
    scale, offset = calibration
    result: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-(logits * scale + offset)))
    return result
