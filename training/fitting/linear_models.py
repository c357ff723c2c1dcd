"""Fit the linear models of passages, and their stack on unmet writers: scikit-learn learns, tables serve."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import joblib
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags, vstack
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from classifier.draft import LabelledDraft
from classifier.labels import LABELS
from classifier.model.linear import LinearModels, LinearScores, same_field
from classifier.model.ngrams import Floats, NgramSpace, inverse_frequencies, weighted
from classifier.model.passage_features import FEATURE_NAMES, passage_features
from classifier.reading.passages import background
from training.fitting.estimators import EstimatorStack, fit_estimators
from training.fitting.examples import Examples
from training.fitting.logistic import in_parallel, logistic
from training.fitting.recipe import Recipe
from training.fitting.stacking import Stack, fit_stack
from training.fitting.unmet_predictions import Fold

Say = Callable[[str], None]
_N = len(LABELS)


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """Two fitted linear models over one space: per label one scikit-learn model of passages, and one of their
    naive-Bayes-weighted n-grams. `ratio` (m, 6) are the log-count ratios, `idf` (m,)."""

    space: NgramSpace
    idf: Floats
    ratio: NDArray[np.float64]
    plain: tuple[LogisticRegression, ...]
    bayes: tuple[LogisticRegression, ...]

    def table(self) -> NDArray[np.float32]:
        """(m, 13): idf-weighted coefficients of the two models, and the squared idf."""
        idf = self.idf[:, None].astype(np.float64)
        plain = idf * np.stack([m.coef_[0] for m in self.plain], 1)
        bayes = idf * self.ratio * np.stack([m.coef_[0] for m in self.bayes], 1)
        return np.concatenate([plain, bayes, idf**2], 1).astype(np.float32)

    def bias(self) -> NDArray[np.float32]:
        """(12,) intercepts in the order of the table."""
        return np.array([m.intercept_[0] for m in (*self.plain, *self.bayes)], np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Matrices:
    """The sentences as columns of the space: each alone, then each amid its neighbours, (2s, m), with their labels
    (2s, 6), whether those are known (2s, 6), and the row of the draft of each (2s,)."""

    space: NgramSpace
    idf: Floats
    texts: csr_matrix
    labels: NDArray[np.int64]
    known: NDArray[np.bool_]
    draft: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """What one run learned, with the out-of-fold features (s, k) and logits (s, 6) of the passages it learned from, and
    the logits (e, 6) of extra ones. `folds` are those in which the models met no writer of the drafts they scored."""

    linear: Linear
    stack: Stack | EstimatorStack
    features: NDArray[np.float64]
    logits: NDArray[np.float64]
    extra: NDArray[np.float64]
    folds: tuple[Fold, ...]


def fit(examples: Examples, recipe: Recipe, say: Say = lambda text: None, *, extra: Examples | None = None) -> Fitted:
    """Fit everything. Out-of-fold by writer, so the stack learns from how the models meet unmet writers. `extra` are
    further drafts by writers of `examples`, which are scored out of fold and not learned from."""
    say("columns")
    matrices = matrices_of(examples, recipe)
    folds = folds_of(examples, recipe)
    features, more = out_of_fold(examples, matrices, recipe, folds, say, extra)
    say("stack")
    stack = fit_passages(features, examples.sentence_labels, examples.sentence_known, recipe)
    say("all drafts")
    linear = _fit_linear(matrices, np.ones(len(examples.drafts), bool), recipe)
    return Fitted(linear, stack, features, stack.logits(features), stack.logits(more), folds)


def matrices_of(examples: Examples, recipe: Recipe) -> Matrices:
    """The sentences of all drafts as columns."""
    writers = examples.writers[examples.sentence_draft].tolist()
    support = least_support(recipe.ngram_texts, len(examples.sentences))
    space = NgramSpace.fit(examples.sentences, writers, word_writers=recipe.word_writers, ngram_texts=support)
    counts = space.counts(examples.sentences)
    idf = inverse_frequencies(counts)
    return Matrices(
        space, idf, vstack([weighted(counts, idf), weighted(_amid(counts, examples.borders), idf)]).tocsr(),
        np.concatenate([examples.sentence_labels, examples.amid_labels]), np.tile(examples.sentence_known, (2, 1)),
        np.tile(examples.sentence_draft, 2),
    )  # fmt: skip


def least_support(texts: int, sentences: int) -> int:
    """In how many sentences an n-gram must stand to be a column: the recipe's number up to SETTLED sentences, the same
    share of them beyond, so that columns do not multiply with the drafts."""
    return max(texts, math.ceil(texts * sentences / SETTLED))


SETTLED = 240_000
"""Sentences up to which the recipe's number holds; it was chosen on 150,000 to 180,000, of some 30,000 drafts."""


def _amid(counts: csr_matrix, limits: Sequence[int]) -> csr_matrix:
    """Each row plus the one before and the one after it, within its field: `amid_neighbours` of counts."""
    n = counts.shape[0]
    shared = same_field(n, limits)
    neighbours = diags([shared, np.ones(n, np.float32), shared], [-1, 0, 1], shape=(n, n), format="csr")
    return (neighbours @ counts).astype(np.float32).tocsr()


def fit_passages(
    features: NDArray[np.float64], labels: NDArray[np.int64], known: NDArray[np.bool_], recipe: Recipe
) -> Stack | EstimatorStack:
    """From a passage's features to its logits: the linear stack, or the estimator that the recipe names."""
    return (fit_estimators if recipe.estimator else fit_stack)(features, labels, known, recipe)


def folds_of(examples: Examples, recipe: Recipe) -> tuple[Fold, ...]:
    """Rows to learn from and rows to judge, which share no writer (no scenario, where all have one writer). Raises
    ValueError where all drafts are of one scenario."""
    groups = examples.groups(np.arange(len(examples.drafts)))
    count = min(recipe.folds, len(set(groups.tolist())))
    if count < 2:
        raise ValueError("drafts of two writers, or two scenarios, are needed to learn how the models meet others")
    return tuple(GroupKFold(count).split(groups, groups=groups))


def out_of_fold(
    examples: Examples, matrices: Matrices, recipe: Recipe, folds: Sequence[Fold], say: Say,
    extra: Examples | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:  # fmt: skip
    """Features (s, k) of all passages by models that never met the draft's writer, and of those of `extra`, (e, k)."""
    n = len(examples.drafts)
    groups = examples.groups(np.arange(n))
    features = np.zeros((len(examples.sentences), len(FEATURE_NAMES)))
    more = np.zeros((len(extra.sentences) if extra else 0, len(FEATURE_NAMES)))
    extra_groups = groups_like(examples, extra.drafts) if extra else np.zeros(0)
    for fold, (known, unknown) in enumerate(folds):
        say(f"fold {fold + 1} of {len(folds)}")
        chosen = np.zeros(n, bool)
        chosen[known] = True
        linear = _fit_linear(matrices, chosen, recipe)
        features[~chosen[examples.sentence_draft]] = features_of(linear, examples, unknown.tolist())
        if extra is not None:
            rows = np.flatnonzero(np.isin(extra_groups, np.unique(groups[unknown])))
            more[np.isin(extra.sentence_draft, rows)] = features_of(linear, extra, rows.tolist())
    return features, more


def groups_like(examples: Examples, drafts: Sequence[LabelledDraft]) -> NDArray[np.str_]:
    """The groups of some drafts, by the rule that holds for the examples."""
    by_writer = len(set(examples.writers.tolist())) > 1
    return np.array([labelled.writer if by_writer else labelled.scenario for labelled in drafts])


def features_of(linear: Linear, examples: Examples, rows: Sequence[int]) -> NDArray[np.float64]:
    """Features of all passages of some drafts, in order, by the very code that serves."""
    models = LinearModels(linear.space, linear.table(), linear.bias())
    scores: list[LinearScores] = []
    for first in range(0, len(rows), _TOGETHER):
        scores += models.scores_of_many([examples.readings[i] for i in rows[first : first + _TOGETHER]])
    found = [np.zeros((0, len(FEATURE_NAMES)))]
    return np.concatenate(
        found
        + [
            passage_features(one, examples.rules[i], examples.drafts[i].order, reading, background(reading))
            for one, i in zip(scores, rows, strict=True)
            for reading in (examples.readings[i],)
        ]
    )


_TOGETHER = 64
"""Drafts scored in one go; more of them gain nothing."""


def _fit_linear(matrices: Matrices, chosen: NDArray[np.bool_], recipe: Recipe) -> Linear:
    """Fit on the passages of the chosen drafts (n,)."""
    inside = chosen[matrices.draft]
    x, y, known = _rows(matrices.texts, inside), matrices.labels[inside], matrices.known[inside]
    ratio = np.stack([_log_count_ratio(x, y[:, i]) for i in range(_N)], 1)
    jobs = [joblib.delayed(_fit_known)(x, y[:, i], known[:, i], recipe.plain_c, None) for i in range(_N)]
    jobs += [joblib.delayed(_fit_known)(x, y[:, i], known[:, i], recipe.bayes_c, ratio[:, i]) for i in range(_N)]
    models = in_parallel(jobs)
    return Linear(matrices.space, matrices.idf, ratio, tuple(models[:_N]), tuple(models[_N:]))


def _fit_known(
    x: csr_matrix, y: NDArray[np.int64], known: NDArray[np.bool_], c: float, weights: NDArray[np.float64] | None
) -> LogisticRegression:
    return logistic(_rows(x, known), y[known], c, weights=weights)


def _rows(x: csr_matrix, chosen: NDArray[np.bool_]) -> csr_matrix:
    """The chosen rows; all of them are no copy."""
    return x if chosen.all() else x[chosen]


def _log_count_ratio(x: csr_matrix, y: NDArray[np.int64]) -> NDArray[np.float64]:
    """How much more often each column stands in passages with the label than in others, (m,)."""
    yes = np.asarray(x[y == 1].sum(axis=0)).ravel() + 0.5
    no = np.asarray(x[y == 0].sum(axis=0)).ravel() + 0.5
    ratio: NDArray[np.float64] = np.log((yes / yes.sum()) / (no / no.sum()))
    return ratio
