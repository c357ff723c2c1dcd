"""What a fit costs as the drafts grow: columns keep a share of the sentences, not a fixed number of them."""

import numpy as np
import pytest

from classifier.draft import LabelledDraft
from tests.benchmarks.training_bench import recombined
from training.fitting import linear_models
from training.fitting.linear_models import SETTLED, least_support, matrices_of
from training.fitting.model_fitting import Tools
from training.fitting.recipe import Recipe


def test_the_recipes_number_holds_up_to_a_size_and_its_share_beyond() -> None:
    assert [least_support(4, n) for n in (10, SETTLED, SETTLED + 1, 2 * SETTLED, 10 * SETTLED)] == [4, 4, 5, 8, 40]


def test_more_drafts_bring_no_more_columns(small_drafts: list[LabelledDraft], monkeypatch: pytest.MonkeyPatch) -> None:
    tools = Tools.load()
    sizes = [tools.examples(list(recombined(small_drafts, count))) for count in (300, 1200)]
    free = [matrices_of(one, Recipe()).texts.shape[1] for one in sizes]
    monkeypatch.setattr(linear_models, "SETTLED", len(sizes[0].sentences))
    kept = [matrices_of(one, Recipe()).texts for one in sizes]
    assert kept[0].shape[1] == free[0]
    assert free[1] > 1.5 * free[0]
    assert kept[1].shape[1] < 1.2 * free[0]
    assert np.diff(kept[1].indptr).mean() <= np.diff(kept[0].indptr).mean() * 1.1
