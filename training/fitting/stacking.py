"""What all witnesses of a draft say together: from their numbers to calibrated logits."""

from dataclasses import dataclass

import joblib
import numpy as np
from numpy.typing import NDArray

from classifier.labels import LABELS
from training.fitting.logistic import in_parallel, logistic
from training.fitting.recipe import Recipe

_N = len(LABELS)
_ENCODER_STACK_C = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """From witness vectors (n, k) to calibrated logits (n, 6)."""

    weights: NDArray[np.float64]
    bias: NDArray[np.float64]

    def logits(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, k) -> (n, 6)."""
        return vectors @ self.weights.T + self.bias


def fit_stack(vectors: NDArray[np.float64], labels: NDArray[np.int64], recipe: Recipe) -> Stack:
    """One regularised logistic regression per label on standardised witness numbers, written back to raw ones."""
    mean, scale = vectors.mean(0), np.where(vectors.std(0) > 1e-9, vectors.std(0), 1.0)
    models = in_parallel(
        joblib.delayed(logistic)((vectors - mean) / scale, labels[:, i], recipe.stack_c, balanced=False)
        for i in range(_N)
    )
    weights = np.stack([m.coef_[0] / scale for m in models])
    bias = np.array([m.intercept_[0] for m in models]) - weights @ mean
    return Stack(weights, bias)


def fit_encoder_stack(
    cheap: Stack, raw: NDArray[np.float64], told: NDArray[np.float64], labels: NDArray[np.int64]
) -> Stack:
    """The stack (6, k + 6) that also hears the encoder: per label a logistic regression on the cheap logit (n, 6) and
    the encoder's logits (n, 6), written as one linear map of witness vector and encoder logits."""
    k = cheap.weights.shape[1]
    weights, bias = np.zeros((_N, k + _N)), np.zeros(_N)
    for i in range(_N):
        model = logistic(np.column_stack([raw[:, i], told]), labels[:, i], _ENCODER_STACK_C, balanced=False)
        own, theirs = model.coef_[0][0], model.coef_[0][1:]
        weights[i, :k], weights[i, k:] = own * cheap.weights[i], theirs
        bias[i] = own * cheap.bias[i] + model.intercept_[0]
    return Stack(weights, bias)
