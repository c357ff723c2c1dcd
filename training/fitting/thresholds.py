"""From the promises in policy.toml and a tuning part to three numbers per label."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from classifier.evidence import Thresholds
from classifier.labels import LABELS, Label
from classifier.policy.policy import Policy
from training.fitting.unmet_predictions import UnmetPredictions

Probabilities = NDArray[np.float64]
Labels = NDArray[np.int64]

_MIDDLE = 0.5


def choose(predictions: UnmetPredictions, policy: Policy) -> dict[Label, Thresholds]:
    """Thresholds from what models say of drafts whose groups they never met.

    The prohibited labels are `sure` from where blocks, whichever of them causes one, hit prohibited drafts with the
    promised precision; one is `possible` down to where warnings keep the promised recall, and wherever it is asserted.
    The permitted labels are `possible`, so a recognised reason, down to where the promised share of permitted drafts is
    recognised. `asserted` is where F1 is best, drawn half-way to one half against chance.
    """
    probabilities, labels = predictions.probabilities, predictions.labels
    banned = np.array([policy.is_prohibited(label) for label in LABELS])
    recognised = _recognised(probabilities, labels, banned, policy.promises["recognised_recall"])
    sure = _sure(probabilities, labels, banned, policy.promises["block_precision"])
    chosen = {}
    for i, label in enumerate(LABELS):
        p, y = probabilities[:, i], labels[:, i]
        asserted = (_best_f1(p, y) + _MIDDLE) / 2
        possible = min(at_recall(p, y, policy.promises["warn_recall"]), asserted, sure) if banned[i] else recognised
        chosen[label] = Thresholds(
            possible=_rounded(possible), asserted=_rounded(asserted), sure=_rounded(sure if banned[i] else 1.0)
        )
    return chosen


def _sure(probabilities: Probabilities, labels: Labels, banned: NDArray[np.bool_], promise: float) -> float:
    """One threshold for all prohibited labels, on the likelier of them."""
    likelier: Probabilities = probabilities[:, banned].max(1)
    prohibited: Labels = np.asarray(labels[:, banned].max(1), np.int64)
    return at_precision(likelier, prohibited, promise)


def at_precision(p: NDArray[np.float64], y: NDArray[np.int64], promise: float) -> float:
    """The lowest threshold from which on precision never falls below the promise; 1 where none keeps it."""
    order = np.argsort(-p, kind="stable")
    right = np.cumsum(y[order])
    precision = right / np.arange(1, len(order) + 1)
    kept = np.flatnonzero(precision >= promise)
    if not len(kept) or not y.any():
        return 1.0
    return float(p[order[kept[-1]]])


def at_recall(p: NDArray[np.float64], y: NDArray[np.int64], promise: float) -> float:
    """The highest threshold that still catches the promised share; one half where the label never occurs."""
    yes = np.sort(p[y == 1])
    if not len(yes):
        return _MIDDLE
    return float(yes[int((1 - promise) * len(yes))])


def _recognised(probabilities: Probabilities, labels: Labels, banned: NDArray[np.bool_], promise: float) -> float:
    """One threshold for all permitted labels: a permitted draft's likeliest reason reaches it as often as promised."""
    welcome = labels[:, ~banned].any(1) & ~labels[:, banned].any(1)
    if not welcome.any():
        return _MIDDLE
    return float(np.quantile(probabilities[welcome][:, ~banned].max(1), 1 - promise))


def _best_f1(p: NDArray[np.float64], y: NDArray[np.int64]) -> float:
    if not y.any():
        return _MIDDLE
    order = np.argsort(-p, kind="stable")
    right = np.cumsum(y[order])
    f1 = 2 * right / (np.arange(1, len(order) + 1) + y.sum())
    return float(p[order[int(f1.argmax())]])


def _rounded(value: float) -> float:
    return round(float(value), 6)


def as_record(thresholds: Mapping[Label, Thresholds]) -> dict[str, dict[str, float]]:
    """The form in which a manifest keeps them."""
    return {str(lb): {"possible": t.possible, "asserted": t.asserted, "sure": t.sure} for lb, t in thresholds.items()}
