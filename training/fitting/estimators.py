"""Any estimator with scikit-learn's fit and predict_proba in the place of the linear stack, by its name in the recipe.

It reads a passage's features and is written as ONNX, which needs the extra `estimators` (skl2onnx).
"""

import base64
import importlib
import inspect
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.estimator import log_odds
from classifier.labels import LABELS
from training.fitting.recipe import Recipe

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class EstimatorStack:
    """One fitted estimator a label, or the constant probability where there was nothing to learn."""

    name: str
    models: tuple[Any, ...]

    def logits(self, features: Floats) -> Floats:
        """(n, k) -> (n, 6), as the service computes them."""
        x = features.astype(np.float32)
        found = np.zeros((len(x), len(LABELS)))
        if len(x):
            for i, model in enumerate(self.models):
                found[:, i] = log_odds(
                    np.full(len(x), model) if isinstance(model, float) else model.predict_proba(x)[:, 1]
                )
        return found

    def as_entry(self, features: int) -> dict[str, Any]:
        """The entry of the manifest. Raises ValueError where skl2onnx is missing or cannot write the estimator."""
        graphs = {
            str(label): model if isinstance(model, float) else base64.b64encode(_onnx(model, features)).decode()
            for label, model in zip(LABELS, self.models, strict=True)
        }
        return {"name": self.name, "graphs": graphs}


def fit_estimators(
    features: Floats, labels: NDArray[np.int64], known: NDArray[np.bool_], recipe: Recipe
) -> EstimatorStack:
    """One estimator a label, on the passages of which the label is known."""
    x = features.astype(np.float32)
    models: list[Any] = []
    for i in range(len(LABELS)):
        y = labels[known[:, i], i]
        models.append(float(y.mean()) if y.all() or not y.any() else estimator(recipe).fit(x[known[:, i]], y))
    return EstimatorStack(recipe.estimator, tuple(models))


def estimator(recipe: Recipe) -> Any:
    """A new estimator of the recipe's class and options, with its seed where it takes one. Raises ValueError."""
    module, _, name = recipe.estimator.rpartition(".")
    try:
        kind = getattr(importlib.import_module(module), name)
        options = json.loads(recipe.estimator_options or "{}")
        seed = {"random_state": recipe.seed} if "random_state" in inspect.signature(kind).parameters else {}
        made = kind(**{**seed, **options})
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"estimator {recipe.estimator!r}: {error}") from error
    if not (hasattr(made, "fit") and hasattr(made, "predict_proba")):
        raise ValueError(f"estimator {recipe.estimator!r}: has no fit or no predict_proba")
    return made


def _onnx(model: Any, features: int) -> bytes:
    try:
        from skl2onnx import to_onnx
        from skl2onnx.common.data_types import FloatTensorType
    except ModuleNotFoundError as error:
        raise ValueError("an estimator is written by skl2onnx: pip install -e '.[estimators]'") from error
    try:
        types = [("x", FloatTensorType([None, features]))]
        written: bytes = to_onnx(model, initial_types=types, options={"zipmap": False}).SerializeToString()
    except Exception as error:  # a converter may fail in any way
        raise ValueError(f"skl2onnx cannot write a {type(model).__name__}: {type(error).__name__}") from error
    return written
