"""The one kind of model that scikit-learn fits here, and several of them side by side."""

from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

_TOLERANCE = 5e-4
"""Coarser ones stop at the first step; finer ones cost time and rank the tuning drafts no better."""


def in_parallel(jobs: Any) -> list[LogisticRegression]:
    """The jobs on all cores: threads that share the matrices, unless a cluster is asked. Each adds up in one thread, so
    that the sums do not depend on the number of cores."""
    with threadpool_limits(1):
        return list(joblib.Parallel(n_jobs=-1, prefer="threads")(jobs))


def logistic(
    x: Any, y: NDArray[np.int64], c: float, *, balanced: bool = True, weights: NDArray[np.float64] | None = None
) -> LogisticRegression:
    """A fitted binary model, its columns first multiplied by their `weights` (m,); where a label never
    occurs, or always does, one that says so."""
    # liblinear copies its columns twice for every fit and takes twice the time
    model = LogisticRegression(
        C=c, class_weight="balanced" if balanced else None, solver="newton-cg", tol=_TOLERANCE, max_iter=300
    )
    if y.all() or not y.any():
        model.coef_, model.intercept_ = np.zeros((1, x.shape[1])), np.array([6.0 if y.any() else -6.0])
        model.classes_ = np.array([0, 1])
        return model
    return model.fit(x if weights is None else _weighted(x, weights), y)


def _weighted(x: csr_matrix, weights: NDArray[np.float64]) -> csr_matrix:
    """The columns times their weights; only the values are new."""
    values = (x.data * weights.take(x.indices)).astype(x.dtype)
    return csr_matrix((values, x.indices, x.indptr), shape=x.shape)
