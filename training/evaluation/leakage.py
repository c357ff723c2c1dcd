"""How much a score rises if variants of one situation stand in training and test: with and without grouping."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupKFold, KFold

from classifier.draft import LabelledDraft
from classifier.labels import LABELS
from classifier.model.ngrams import NgramSpace, inverse_frequencies
from classifier.reading.reader import Reader

_FOLDS = 4


@dataclass(frozen=True, slots=True)
class Leakage:
    """Macro F1 of one plain linear model when drafts are split at random, by scenario, and by writer."""

    random: float
    by_scenario: float
    by_writer: float

    @property
    def excess(self) -> float:
        """By how much the score of a random split exceeds that on drafts by unseen writers."""
        return self.random - self.by_writer


def leakage(drafts: Sequence[LabelledDraft], reader: Reader) -> Leakage:
    """Fit the same model three ways. Raises ValueError where writers or scenarios are too few to part."""
    texts = [reader.read(labelled.draft).tokens for labelled in drafts]
    writers = np.array([labelled.writer for labelled in drafts])
    scenarios = np.array([labelled.scenario for labelled in drafts])
    if min(len(set(writers.tolist())), len(set(scenarios.tolist()))) < _FOLDS:
        raise ValueError(f"the check needs drafts of at least {_FOLDS} writers and scenarios")
    space = NgramSpace.fit(texts, scenarios.tolist(), word_writers=3, ngram_texts=3)
    x = space.matrix(texts, inverse_frequencies(space.counts(texts)))
    y = np.array([[label in labelled.labels for label in LABELS] for labelled in drafts], int)
    grouped = GroupKFold(_FOLDS)
    return Leakage(
        random=_score(x, y, KFold(_FOLDS, shuffle=True, random_state=7).split(x)),
        by_scenario=_score(x, y, grouped.split(x, groups=scenarios)),
        by_writer=_score(x, y, grouped.split(x, groups=writers)),
    )


def _score(x: NDArray[np.float64], y: NDArray[np.int64], folds: object) -> float:
    said = np.zeros_like(y)
    for known, unknown in folds:  # type: ignore[attr-defined]
        for i in range(y.shape[1]):
            if 0 < y[known, i].sum() < len(known):
                model = LogisticRegression(C=20, class_weight="balanced", solver="liblinear", random_state=7)
                said[unknown, i] = model.fit(x[known], y[known, i]).predict(x[unknown])
    return float(f1_score(y, said, average="macro", zero_division=0.0))
