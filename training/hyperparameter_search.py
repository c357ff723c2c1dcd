"""Try several recipes on the same drafts, on this machine or on a Dask cluster, and rank them."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import joblib
import numpy as np
from sklearn.metrics import average_precision_score, f1_score

from training.fitting.examples import Examples
from training.fitting.linear_models import Say, fit
from training.fitting.recipe import Recipe
from training.monitoring.label_errors import out_of_fold_probabilities


@dataclass(frozen=True, slots=True)
class TriedRecipe:
    """One recipe with its figures on drafts by writers that the models never met."""

    recipe: Recipe
    average_precision: float
    macro_f1: float

    def as_dict(self) -> dict[str, Any]:
        """Plain data for --json."""
        return {**asdict(self), "digest": self.recipe.digest()}


def grid(base: Recipe, choices: Mapping[str, Sequence[Any]]) -> list[Recipe]:
    """Every combination of the choices. Raises TypeError for a name that a recipe does not have."""
    names = list(choices)
    return [replace(base, **dict(zip(names, values, strict=True))) for values in itertools.product(*choices.values())]


def search(examples: Examples, recipes: Sequence[Recipe], say: Say) -> list[TriedRecipe]:
    """All recipes, best mean average precision first; the same result on one machine and on a cluster."""
    found = []
    for number, recipe in enumerate(recipes, 1):
        say(f"recipe {number} of {len(recipes)}")
        p = out_of_fold_probabilities(fit(examples, recipe), examples)
        y = examples.labels
        there = y.any(axis=0)
        precision = float(np.mean([average_precision_score(y[:, i], p[:, i]) for i in np.flatnonzero(there)]))
        f1 = float(f1_score(y[:, there], p[:, there] >= 0.5, average="macro", zero_division=0.0))
        found.append(TriedRecipe(recipe, round(precision, 5), round(f1, 5)))
    return sorted(found, key=lambda tried: -tried.average_precision)


@contextmanager
def on_cluster(address: str | None) -> Iterator[None]:
    """Within, joblib's parallel fits run on the Dask cluster at `address`; None keeps them on this machine."""
    if address is None:
        yield
        return
    from dask.distributed import Client

    with Client(address), joblib.parallel_config(backend="dask"):
        yield
