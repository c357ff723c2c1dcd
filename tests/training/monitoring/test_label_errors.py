"""Wrong labels are found: by the whole stack out of fold, and more of them than by a plain model."""

import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold

from classifier.draft import LabelledDraft
from classifier.labels import LABELS, Label
from classifier.model.artifact import SHIPPED
from tests.training.conftest import QUICK
from tests.training.monitoring.planted import with_errors
from training.__main__ import call
from training.evaluation.out_of_fold import UnmetEncoder, predict_out_of_fold
from training.fitting.model_fitting import Tools
from training.fitting.recipe import Recipe
from training.fitting.unmet_predictions import UnmetPredictions
from training.monitoring.label_errors import doubtful_labels
from training.tickets.loading import load
from training.tickets.split_plan import SplitPlan


def found(wrong: set[str], drafts: list[LabelledDraft], predictions: UnmetPredictions) -> int:
    return len(wrong & {doubt.id for doubt in doubtful_labels(drafts, predictions, len(wrong))})


def found_by_the_worst(wrong: set[str], drafts: list[LabelledDraft], predictions: UnmetPredictions) -> int:
    """The ranking that suits the plain model best: by the one least likely label."""
    likely = np.where(predictions.labels == 1, predictions.probabilities, 1 - predictions.probabilities).min(axis=1)
    return len(wrong & {drafts[at].id for at in np.argsort(likely, kind="stable")[: len(wrong)]})


def by_a_plain_model(drafts: list[LabelledDraft]) -> UnmetPredictions:
    """TF-IDF of words and pairs, one logistic regression a label, out of fold: what anybody would try first."""
    texts = [d.draft.subject + "\n" + d.draft.body for d in drafts]
    labels = np.array([[label in d.labels for label in LABELS] for d in drafts], np.int64)
    probabilities = np.zeros(labels.shape)
    folds = list(KFold(4, shuffle=True, random_state=7).split(texts))
    for known, unknown in folds:
        words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
        x, others = words.fit_transform([texts[i] for i in known]), words.transform([texts[i] for i in unknown])
        for i in range(len(LABELS)):
            model = LogisticRegression(C=10, max_iter=1000).fit(x, labels[known, i])
            probabilities[unknown, i] = model.predict_proba(others)[:, 1]
    return UnmetPredictions.out_of_fold(probabilities, labels, np.array([d.id for d in drafts]), folds)


def test_of_forty_planted_errors_it_finds_more_than_a_plain_model(capsys: pytest.CaptureFixture[str]) -> None:
    """On drafts that the shipped encoder was not trained on, so that it cannot know the labels before the mistake."""
    plan = SplitPlan.load()
    unmet = [d for d in load() if plan.part_of(d.writer) != "train"]
    drafts, wrong = with_errors(random.Random(7).sample(unmet, 1200), 40, seed=7)
    tools = Tools.load()
    examples = tools.examples(drafts)
    encoder = UnmetEncoder(SHIPPED / "encoder", tools.policy, np.ones(len(drafts), bool))
    whole = found(wrong, drafts, predict_out_of_fold(examples, Recipe(), encoder=encoder))
    linear = found(wrong, drafts, predict_out_of_fold(examples, Recipe()))
    predicted = by_a_plain_model(drafts)
    plain = max(judge(wrong, drafts, predicted) for judge in (found, found_by_the_worst))
    with capsys.disabled():
        print(
            f"\nof 40 planted errors, in the top 40: {whole} by the whole stack, "
            f"{linear} without the encoder, {plain} by a plain model"
        )
    assert whole > plain
    assert whole > linear


def test_a_wrong_label_is_among_the_most_doubtful(small_drafts: list[LabelledDraft]) -> None:
    drafts = [*small_drafts]
    at = next(i for i, d in enumerate(drafts) if d.labels == {Label.DELAY_NOTICE})
    drafts[at] = replace(drafts[at], labels=frozenset({Label.ADDRESS_REQUEST}), evidence={})
    truth = np.array([[label in d.labels for label in LABELS] for d in small_drafts])
    given = np.array([[label in d.labels for label in LABELS] for d in drafts], np.int64)
    sure = np.where(truth, 0.93, 0.04) + np.linspace(0, 0.03, len(drafts))[:, None]
    writers = np.array([d.writer for d in drafts])
    worst = doubtful_labels(drafts, UnmetPredictions.kept_aside(sure, given, writers, frozenset()), 3)[0]
    assert (worst.id, worst.suspected) == (drafts[at].id, True)
    assert worst.label in ("delay_notice", "address_request")


@pytest.mark.filterwarnings("ignore:May not flag all label issues")  # three drafts are few for its counts
def test_two_doubtful_labels_weigh_more_than_one() -> None:
    drafts = [d for d in load()[:40] if not d.labels][:3]
    none, p = np.zeros((3, len(LABELS)), np.int64), np.full((3, len(LABELS)), 0.02)
    none[1, 0] = 1
    p[0, 0], p[1, 0], p[1, 1] = 0.9, 0.1, 0.9
    writers = np.array(["a", "b", "c"])
    ranked = doubtful_labels(drafts, UnmetPredictions.kept_aside(p, none, writers, frozenset()), 3)
    assert [one.id for one in ranked] == [drafts[at].id for at in (1, 0, 2)]


def test_label_errors_ranks_by_models_that_never_met_the_writer(
    home: Path, small_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["label-errors", "--data", str(small_file), "--most", "5", "--json", *QUICK]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert len(printed) == 5
    assert [t["quality"] for t in printed] == sorted(t["quality"] for t in printed)
