"""Fit the linear models, and their stack on what they say of strangers: scikit-learn learns, the tables serve."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import joblib
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from classifier.labels import LABELS
from classifier.model.linear import LinearModels, LinearView
from classifier.model.ngrams import Floats, NgramSpace, inverse_frequencies
from classifier.model.scorer import witness_vector
from training.fitting.augmentation import Surroundings
from training.fitting.examples import Examples
from training.fitting.logistic import in_parallel, logistic
from training.fitting.recipe import Recipe
from training.fitting.stacking import Stack, fit_stack

Say = Callable[[str], None]
_N = len(LABELS)


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """Three fitted linear models over one space: per label one scikit-learn model of drafts, of naive-Bayes-weighted
    drafts, and of windows. `ratio` (m, 6) are the log-count ratios, `idf` (m,)."""

    space: NgramSpace
    idf: Floats
    ratio: NDArray[np.float64]
    draft: tuple[LogisticRegression, ...]
    bayes: tuple[LogisticRegression, ...]
    window: tuple[LogisticRegression, ...]

    def table(self) -> NDArray[np.float32]:
        """(m, 19): idf-weighted coefficients of the three models, and the squared idf."""
        idf = self.idf[:, None].astype(np.float64)
        draft = idf * np.stack([m.coef_[0] for m in self.draft], 1)
        bayes = idf * self.ratio * np.stack([m.coef_[0] for m in self.bayes], 1)
        window = idf * np.stack([m.coef_[0] for m in self.window], 1)
        return np.concatenate([draft, bayes, window, idf**2], 1).astype(np.float32)

    def bias(self) -> NDArray[np.float32]:
        """(18,) intercepts in the order of the table."""
        return np.array([m.intercept_[0] for m in (*self.draft, *self.bayes, *self.window)], np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Matrices:
    """The drafts as columns of the space: whole, then (where wanted) each once more amid strangers, (n or 2n, m); their
    windows (w, m)."""

    space: NgramSpace
    idf: Floats
    texts: csr_matrix
    windows: csr_matrix


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """What one run learned, with the out-of-fold witness vectors (n, k) of the drafts it learned from."""

    linear: Linear
    stack: Stack
    vectors: NDArray[np.float64]
    folds: NDArray[np.int64]


def fit(examples: Examples, recipe: Recipe, say: Say = lambda text: None) -> Fitted:
    """Fit everything. Out-of-fold by writer, so the stack learns from how the models meet strangers."""
    say("columns")
    texts = [reading.heard_words for reading in examples.readings]
    space = NgramSpace.fit(
        texts, examples.writers.tolist(), word_writers=recipe.word_writers, ngram_texts=recipe.ngram_texts
    )
    idf = inverse_frequencies(space.matrix(texts))
    matrices = Matrices(
        space, idf, space.matrix([*texts, *amid_strangers(examples, recipe)], idf),
        space.matrix(examples.windows, idf),
    )  # fmt: skip
    vectors, folds = out_of_fold(examples, matrices, recipe, say)
    say("stack")
    stack = fit_stack(vectors, examples.labels, recipe)
    say("all drafts")
    return Fitted(_fit_linear(examples, matrices, np.ones(len(texts), bool), recipe), stack, vectors, folds)


def amid_strangers(examples: Examples, recipe: Recipe) -> list[list[str]]:
    """Each draft once more amid words of other drafts that must not matter. `recipe.distractors` 0 gives none."""
    if not recipe.distractors:
        return []
    rng = random.Random(recipe.seed)
    around = Surroundings.of(examples.drafts, examples.readings)
    texts = []
    for reading in examples.readings:
        extra, before = around.draw(rng)
        words = reading.heard_words
        at = reading.subject_tokens if before else len(words)
        texts.append([*words[:at], *extra, *words[at:]])
    return texts


def out_of_fold(
    examples: Examples, matrices: Matrices, recipe: Recipe, say: Say
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Witness vectors (n, k) by models that never met the draft's writer, and the fold (n,) of each draft. Raises
    ValueError where all drafts are of one scenario."""
    n = len(examples.drafts)
    groups = examples.strangers(np.arange(n))
    vectors = np.zeros((n, 0))
    folds = np.zeros(n, np.int64)
    count = min(recipe.folds, len(set(groups.tolist())))
    if count < 2:
        raise ValueError("drafts of two writers, or two scenarios, are needed to learn how the models meet strangers")
    for fold, (known, unknown) in enumerate(GroupKFold(count).split(groups, groups=groups)):
        say(f"fold {fold + 1} of {count}")
        chosen = np.zeros(n, bool)
        chosen[known] = True
        linear = _fit_linear(examples, matrices, chosen, recipe)
        here = vectors_of(linear, examples, unknown.tolist())
        vectors = vectors if vectors.shape[1] else np.zeros((n, here.shape[1]))
        vectors[unknown], folds[unknown] = here, fold
    return vectors, folds


def vectors_of(linear: Linear, examples: Examples, rows: Sequence[int]) -> NDArray[np.float64]:
    """Witness vectors (len(rows), k) of some drafts, by the very code that serves."""
    models = LinearModels(linear.space, linear.table(), linear.bias())
    views: list[LinearView] = []
    for first in range(0, len(rows), _TOGETHER):
        views += models.views([examples.readings[i] for i in rows[first : first + _TOGETHER]])
    return np.stack(
        [
            witness_vector(view, examples.rules[i], examples.drafts[i].order, examples.readings[i])
            for view, i in zip(views, rows, strict=True)
        ]
    )


_TOGETHER = 64
"""Drafts scored in one go; more of them gain nothing."""


def _fit_linear(examples: Examples, matrices: Matrices, chosen: NDArray[np.bool_], recipe: Recipe) -> Linear:
    """Fit on the chosen drafts (n,), each with its copy amid strangers, and on their windows."""
    space, idf = matrices.space, matrices.idf
    times = matrices.texts.shape[0] // len(chosen)
    x, y = _rows(matrices.texts, np.tile(chosen, times)), np.tile(examples.labels[chosen], (times, 1))
    inside = chosen[examples.window_draft]
    xw, yw = _rows(matrices.windows, inside), examples.window_labels[inside]
    ratio = np.stack([_log_count_ratio(x, y[:, i]) for i in range(_N)], 1)
    jobs = [joblib.delayed(logistic)(xw, yw[:, i], recipe.window_c) for i in range(_N)]
    jobs += [joblib.delayed(logistic)(x, y[:, i], recipe.draft_c) for i in range(_N)]
    jobs += [joblib.delayed(logistic)(x, y[:, i], recipe.bayes_c, weights=ratio[:, i]) for i in range(_N)]
    models = in_parallel(jobs)
    return Linear(space, idf, ratio, tuple(models[_N : 2 * _N]), tuple(models[2 * _N :]), tuple(models[:_N]))


def _rows(x: csr_matrix, chosen: NDArray[np.bool_]) -> csr_matrix:
    """The chosen rows; all of them are no copy."""
    return x if chosen.all() else x[chosen]


def _log_count_ratio(x: csr_matrix, y: NDArray[np.int64]) -> NDArray[np.float64]:
    """How much more often each column stands in drafts with the label than in others, (m,)."""
    yes = np.asarray(x[y == 1].sum(axis=0)).ravel() + 0.5
    no = np.asarray(x[y == 0].sum(axis=0)).ravel() + 0.5
    ratio: NDArray[np.float64] = np.log((yes / yes.sum()) / (no / no.sum()))
    return ratio
