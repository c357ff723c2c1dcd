"""The table that serves gives what scikit-learn's own models give, on every sentence alone and amid its neighbours."""

from dataclasses import replace

import numpy as np
import pytest

from classifier import Draft
from classifier.model.linear import LinearModels
from classifier.model.scorer import LOWEST, Doubt, PassageScores, TextScorer, combined_logits
from classifier.reading.passages import passages
from training.fitting.examples import Examples
from training.fitting.linear_models import Fitted, fit, matrices_of
from training.fitting.model_fitting import Tools
from training.fitting.recipe import Recipe
from training.fitting.stacking import draft_logits
from training.tickets.loading import DRAFTS, load

LITTLE = Recipe(folds=2, word_writers=1, ngram_texts=2)


@pytest.fixture(scope="module")
def examples() -> Examples:
    drafts = [d for name in ("plain-inbox", "cancellation-talk") for d in load(DRAFTS / f"{name}.jsonl")[:150]]
    return Tools.load().examples(drafts)


@pytest.fixture(scope="module")
def fitted(examples: Examples) -> Fitted:
    return fit(examples, LITTLE)


def test_scores_equal_scikit_learn(examples: Examples, fitted: Fitted) -> None:
    linear = fitted.linear
    x = matrices_of(examples, LITTLE).texts
    plain = np.stack([m.decision_function(x) for m in linear.plain], 1)
    bayes = np.stack(
        [m.decision_function(x.multiply(linear.ratio[:, i]).tocsr()) for i, m in enumerate(linear.bayes)], 1
    )
    scores = LinearModels(linear.space, linear.table(), linear.bias()).scores_of_many(examples.readings)
    served = np.concatenate([*(one.alone for one in scores), *(one.amid for one in scores)])
    np.testing.assert_allclose(served, np.concatenate([plain, bayes], 1), atol=2e-4)


def test_one_reading_scores_as_it_does_among_others(examples: Examples, fitted: Fitted) -> None:
    models = LinearModels(fitted.linear.space, fitted.linear.table(), fitted.linear.bias())
    for reading, among in zip(examples.readings[:40], models.scores_of_many(examples.readings[:40]), strict=True):
        alone = models.scores(reading)
        np.testing.assert_allclose(alone.amid, among.amid, atol=1e-5)


def test_the_stack_tells_the_labels_of_unmet_writers(examples: Examples, fitted: Fitted) -> None:
    logits = draft_logits(fitted.logits, examples.sentence_draft, len(examples.drafts))
    assert logits.shape == (len(examples.drafts), 6)
    assert ((logits > 0) == (examples.labels == 1)).mean() > 0.85


def test_the_shipped_scorer_never_gives_a_number_outside_zero_and_one(examples: Examples) -> None:
    from classifier.model.artifact import ModelArtifact, shipped_artifact

    scorer = TextScorer(ModelArtifact.load(shipped_artifact()))
    for reading, rules in zip(examples.readings[:40], examples.rules[:40], strict=True):
        assert all(0.0 <= s.probability <= 1.0 for s in scorer.score(reading, rules, None).scores)


def test_the_encoder_speaks_for_the_passage_it_read_and_for_no_other(examples: Examples) -> None:
    reading = (
        Tools.load()
        .reader()
        .read(Draft("GG-1", "", "One is here. Two is here. Three is here. Four is here. Five is here."))
    )
    found = passages(reading)
    doubt = Doubt((-2.0,) * 6, (2.0,) * 6, (4, 5))
    logits = np.full((5, 6), -4.0)
    logits[0, 4], logits[4, 4] = 1.0, 1.5
    asked = doubt.asked(logits, found)
    assert asked[0] == 4
    assert 0 in asked
    partial = PassageScores(logits, found, (4,), encoder=True)

    class Read:
        passage = found[4]
        logits = np.full(6, -5.0)

    stack = np.concatenate([np.zeros((6, 1)), np.eye(6)], 1)
    final = combined_logits(partial, [Read()], stack, np.zeros(6), doubt)  # type: ignore[list-item]
    assert final[4, 4] == -5.0
    assert final[3, 4] == LOWEST
    assert final[0, 4] == 1.0


def test_drafts_of_one_scenario_are_not_enough(examples: Examples) -> None:
    few = Tools.load().examples([replace(labelled, scenario="the same") for labelled in examples.drafts[:20]])
    with pytest.raises(ValueError, match="two scenarios"):
        fit(few, LITTLE)
