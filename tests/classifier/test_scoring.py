"""The table that serves gives what scikit-learn's own models give, on every draft and window."""

from dataclasses import replace

import numpy as np
import pytest

from classifier.model.linear import LinearModels
from classifier.model.ngrams import windows
from classifier.model.scorer import TextScorer
from training.fitting.examples import Examples
from training.fitting.linear_models import Fitted, fit
from training.fitting.model_fitting import Tools
from training.fitting.recipe import Recipe
from training.tickets.loading import DRAFTS, load

LITTLE = Recipe(folds=2, word_writers=1, ngram_texts=2)


@pytest.fixture(scope="module")
def examples() -> Examples:
    drafts = [d for name in ("plain-inbox", "cancellation-talk") for d in load(DRAFTS / f"{name}.jsonl")[:150]]
    return Tools.load().examples(drafts)


@pytest.fixture(scope="module")
def fitted(examples: Examples) -> Fitted:
    return fit(examples, LITTLE)


def test_whole_draft_scores_equal_scikit_learn(examples: Examples, fitted: Fitted) -> None:
    linear = fitted.linear
    models = LinearModels(linear.space, linear.table(), linear.bias())
    x = linear.space.matrix([r.heard_words for r in examples.readings], linear.idf)
    expected = np.stack([m.decision_function(x) for m in linear.draft], 1)
    bayes = np.stack(
        [m.decision_function(x.multiply(linear.ratio[:, i]).tocsr()) for i, m in enumerate(linear.bayes)], 1
    )
    views = [models.view(reading) for reading in examples.readings]
    np.testing.assert_allclose(np.stack([v.draft for v in views]), expected, atol=2e-4)
    np.testing.assert_allclose(np.stack([v.bayes for v in views]), bayes, atol=2e-4)


def test_window_scores_equal_scikit_learn(examples: Examples, fitted: Fitted) -> None:
    linear = fitted.linear
    models = LinearModels(linear.space, linear.table(), linear.bias())
    for reading in examples.readings[:80]:
        ranges = windows(reading.heard, reading.subject_tokens)
        x = linear.space.matrix([reading.tokens[a:b] for a, b in ranges], linear.idf)
        expected = np.stack([m.decision_function(x) for m in linear.window], 1)
        view = models.view(reading)
        served = np.concatenate([view.sentences, view.pairs[view.pairs[:, 0] > -8]])
        np.testing.assert_allclose(served, expected, atol=2e-4)


def test_probabilities_are_the_stack_of_the_witnesses(examples: Examples, fitted: Fitted) -> None:
    logits = fitted.stack.logits(fitted.vectors)
    assert logits.shape == (len(examples.drafts), 6)
    right = (logits > 0) == (examples.labels == 1)
    assert right.mean() > 0.85


def test_the_shipped_scorer_never_gives_a_number_outside_zero_and_one(examples: Examples) -> None:
    from classifier.model.artifact import ModelArtifact, shipped_artifact

    scorer = TextScorer(ModelArtifact.load(shipped_artifact()))
    for reading, rules in zip(examples.readings[:40], examples.rules[:40], strict=True):
        assert all(0.0 <= s.probability <= 1.0 for s in scorer.score(reading, rules, None).scores)


def test_drafts_of_one_writer_are_parted_by_scenario(examples: Examples) -> None:
    few = Tools.load().examples(examples.drafts[:20])
    assert set(fit(few, LITTLE).folds.tolist()) == {0, 1}


def test_drafts_of_one_scenario_are_not_enough(examples: Examples) -> None:
    few = Tools.load().examples([replace(labelled, scenario="the same") for labelled in examples.drafts[:20]])
    with pytest.raises(ValueError, match="two scenarios"):
        fit(few, LITTLE)
