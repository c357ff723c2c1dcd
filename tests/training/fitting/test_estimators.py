"""Another estimator, by its name in the recipe: fitted, written as plain data, and served."""

import json
from pathlib import Path

import numpy as np
import pytest

from classifier import Screener
from classifier.draft import LabelledDraft
from classifier.estimator import ENTRY, EstimatorScorer
from classifier.model.artifact import MANIFEST, ArtifactError, ModelArtifact, digest
from classifier.policy.policy import Policy
from training.evaluation.out_of_fold import predict_out_of_fold
from training.fitting.estimators import EstimatorStack, estimator, fit_estimators
from training.fitting.linear_models import fit
from training.fitting.model_fitting import Tools, fit_model
from training.fitting.recipe import Recipe
from training.fitting.stacking import draft_logits
from training.tickets.split_plan import Split

TREES = Recipe(folds=2, estimator="sklearn.ensemble.ExtraTreesClassifier", estimator_options='{"n_estimators": 30}')


def test_the_recipe_without_an_estimator_is_written_as_before() -> None:
    assert not [name for name in Recipe().as_record() if name.startswith("estimator")]
    assert TREES.as_record()["estimator"] == TREES.estimator
    assert TREES.digest() != Recipe(folds=2).digest()


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("sklearn.ensemble.NoSuchClassifier", "", "NoSuchClassifier"),
        ("ExtraTreesClassifier", "", "estimator 'ExtraTreesClassifier'"),
        ("sklearn.ensemble.ExtraTreesClassifier", '{"speed": 9}', "speed"),
        ("sklearn.ensemble.ExtraTreesClassifier", "{", "estimator"),
        ("sklearn.linear_model.Perceptron", "", "no predict_proba"),
    ],
)
def test_what_is_no_estimator_is_named(name: str, options: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        estimator(Recipe(estimator=name, estimator_options=options))


def test_an_estimator_takes_the_seed_and_a_label_that_never_occurs_is_a_constant() -> None:
    assert estimator(TREES).random_state == TREES.seed
    x = np.random.default_rng(7).normal(size=(80, 5))
    y = np.zeros((80, 6), np.int64)
    y[:, 1] = x[:, 0] > 0
    stack = fit_estimators(x, y, np.ones((80, 6), bool), TREES)
    logits = stack.logits(x)
    assert (logits[:, 1] > 0).tolist() == (x[:, 0] > 0).tolist()
    assert logits[:, 0].max() < -9


def test_out_of_fold_predictions_follow_the_recipe(small_drafts: list[LabelledDraft]) -> None:
    examples = Tools.load().examples(small_drafts[::3])
    trees, linear = (predict_out_of_fold(examples, recipe).probabilities for recipe in (TREES, Recipe(folds=2)))
    assert abs(trees - linear).max() > 0.1
    assert np.corrcoef(trees.ravel(), linear.ravel())[0, 1] > 0.5


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_an_estimator_is_served_as_it_was_fitted(small_drafts: list[LabelledDraft], tmp_path: Path) -> None:
    pytest.importorskip("skl2onnx", reason="an extra")
    tools, drafts = Tools.load(), small_drafts[::3]
    folder = tmp_path / "model"
    version = fit_model(Split(tuple(drafts), (), ()), folder, TREES, fingerprint="data-x", tools=tools)
    artifact = ModelArtifact.load(folder)
    screener = Screener(policy=Policy.load(), book=tools.book, artifact=artifact, words=tools.words)
    assert isinstance(screener._scorer, EstimatorScorer)
    assert screener.screen(drafts[0].draft).versions.model == version

    fitted = fit(examples := tools.examples(drafts), TREES)
    assert isinstance(fitted.stack, EstimatorStack)
    served = [screener.partial_evidence(d.draft, d.order).scores for d in drafts]
    assert all(one is not None for one in served)
    logits = np.concatenate([one.logits for one in served if one is not None])
    from training.fitting.linear_models import features_of

    expected = fitted.stack.logits(features_of(fitted.linear, examples, range(len(drafts))))
    assert logits.shape == expected.shape
    assert np.isclose(logits, expected, atol=1e-3).mean() > 0.999  # a float32 tie at a split may fall either way
    assert draft_logits(logits, examples.sentence_draft, len(drafts)).std() > 1

    manifest = json.loads((folder / MANIFEST).read_text())
    for broken in ("not base64!", "AAAA"):
        manifest[ENTRY]["graphs"]["delay_notice"] = broken
        manifest["version"] = digest(manifest)
        (folder / MANIFEST).write_text(json.dumps(manifest))
        altered = ModelArtifact.load(folder)
        with pytest.raises(ArtifactError, match="estimator"):
            Screener(policy=Policy.load(), book=tools.book, artifact=altered, words=tools.words)


def test_without_the_extra_it_says_what_to_install(
    small_drafts: list[LabelledDraft], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(ValueError, match=r"\.\[estimators\]"):
        EstimatorStack("x", (estimator(TREES), *[0.0] * 5)).as_entry(4)
