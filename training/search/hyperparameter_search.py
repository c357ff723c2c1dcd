"""Try several recipes on the same drafts, on this machine or on a Dask cluster, and rank them."""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import joblib
import numpy as np
from sklearn.metrics import average_precision_score, f1_score

from training.evaluation.out_of_fold import predict_out_of_fold
from training.fitting.examples import Examples
from training.fitting.recipe import Recipe
from training.fitting.unmet_predictions import UnmetPredictions
from training.registry.history import now
from training.search.trials import Trial, ranked


def grid(base: Recipe, choices: Mapping[str, Sequence[Any]]) -> list[Recipe]:
    """Every combination of the choices. Raises TypeError for a name that a recipe does not have."""
    names = list(choices)
    return [replace(base, **dict(zip(names, values, strict=True))) for values in itertools.product(*choices.values())]


def search(
    examples: Examples, recipes: Sequence[Recipe], say: Callable[[str], None], *, data: str = "",
    done: Callable[[Trial], None] = lambda trial: None,
) -> list[Trial]:  # fmt: skip
    """All recipes, best mean average precision first; the same result on one machine and on a cluster. `done` is called
    after each; `data` is the fingerprint of the drafts."""
    found = []
    for number, recipe in enumerate(recipes, 1):
        say(f"recipe {number} of {len(recipes)}")
        start, at = time.monotonic(), now()
        precision, f1 = _figures(predict_out_of_fold(examples, recipe))
        seconds = round(time.monotonic() - start, 1)
        trial = Trial(recipe, round(precision, 5), round(f1, 5), data, len(examples.drafts), at, seconds)
        done(trial)
        found.append(trial)
    return ranked(found)


def _figures(predictions: UnmetPredictions) -> tuple[float, float]:
    """Mean average precision and macro F1 at one half, over the labels that occur."""
    p, y = predictions.probabilities, predictions.labels
    there = np.flatnonzero(y.any(axis=0))
    precision = float(np.mean([average_precision_score(y[:, i], p[:, i]) for i in there]))
    return precision, float(f1_score(y[:, there], p[:, there] >= 0.5, average="macro", zero_division=0.0))


@contextmanager
def on_cluster(address: str | None) -> Iterator[None]:
    """Within, joblib's parallel fits run on the Dask cluster at `address`; None keeps them on this machine."""
    if address is None:
        yield
        return
    from dask.distributed import Client

    with Client(address), joblib.parallel_config(backend="dask"):
        yield
