"""Thresholds are chosen on drafts that the models did not learn from, and nothing else passes as such."""

from collections.abc import Callable
from typing import get_type_hints

import numpy as np
import pytest

from classifier.draft import LabelledDraft
from classifier.labels import LABELS
from training.evaluation.costs import cost_curve
from training.evaluation.out_of_fold import predict_out_of_fold
from training.fitting import thresholds
from training.fitting.linear_models import folds_of
from training.fitting.model_fitting import Tools
from training.fitting.recipe import Recipe
from training.fitting.unmet_predictions import UnmetPredictions

P, Y = np.full((4, len(LABELS)), 0.5), np.zeros((4, len(LABELS)), np.int64)
WRITERS = np.array(["ann", "ann", "bob", "cem"])


def test_a_draft_judged_by_a_model_that_learned_from_its_writer_is_refused() -> None:
    assert len(UnmetPredictions.kept_aside(P, Y, WRITERS, frozenset({"dora"}))) == 4
    with pytest.raises(ValueError, match="learned from drafts that they judge here: bob"):
        UnmetPredictions.kept_aside(P, Y, WRITERS, frozenset({"bob", "dora"}))


def test_a_fold_that_shares_a_writer_is_refused_and_so_is_a_draft_in_no_fold() -> None:
    whole = [(np.array([2, 3]), np.array([0, 1])), (np.array([0, 1]), np.array([2, 3]))]
    assert UnmetPredictions.out_of_fold(P, Y, WRITERS, whole).model.tolist() == [0, 0, 1, 1]
    with pytest.raises(ValueError, match="ann"):
        UnmetPredictions.out_of_fold(P, Y, WRITERS, [(np.array([1, 2]), np.array([0, 3])), whole[0], whole[1]][::-1])
    with pytest.raises(ValueError, match="no fold"):
        UnmetPredictions.out_of_fold(P, Y, WRITERS, whole[:1])


@pytest.mark.parametrize("function", [thresholds.choose, cost_curve])
def test_what_chooses_thresholds_takes_nothing_else(function: Callable[..., object]) -> None:
    assert get_type_hints(function)["predictions"] is UnmetPredictions


def test_out_of_fold_predictions_come_from_models_without_the_writer(small_drafts: list[LabelledDraft]) -> None:
    examples = Tools.load().examples(small_drafts[::3])
    found = predict_out_of_fold(examples, Recipe(folds=2))
    for number, (known, unknown) in enumerate(folds_of(examples, Recipe(folds=2))):
        assert set(found.model[unknown].tolist()) == {number}
        assert found.learned[number] == set(examples.writers[known].tolist())
        assert not found.learned[number] & set(examples.writers[unknown].tolist())
    assert found.probabilities.std(axis=0).min() > 0
