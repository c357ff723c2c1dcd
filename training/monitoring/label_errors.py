"""Labels worth a second look: where models that never met the writer are sure of the opposite (cleanlab's ranking)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.draft import LabelledDraft
from classifier.labels import LABELS
from training.fitting.unmet_predictions import UnmetPredictions

_LEAST = 0.005
"""A confidence below this counts as this: one wild label must not outweigh two doubtful ones."""

_WORST = 2
"""A wrong label is seldom alone: the right one is missing beside it. So the two least likely labels count."""


@dataclass(frozen=True, slots=True)
class DoubtfulLabel:
    """One label of one draft: what the person said, what the models say, how good the label looks (0 bad, 1 good)."""

    id: str
    label: str
    given: bool
    probability: float
    quality: float
    suspected: bool
    """Whether cleanlab counts the draft among the likely errors, not only among the doubtful."""

    def as_dict(self) -> dict[str, Any]:
        """Plain data for --json."""
        return asdict(self)


def doubtful_labels(drafts: Sequence[LabelledDraft], predictions: UnmetPredictions, most: int) -> list[DoubtfulLabel]:
    """The most doubtful labels of all drafts, worst first; at most one label of each draft."""
    from cleanlab.multilabel_classification import get_label_quality_scores
    from cleanlab.multilabel_classification.filter import find_label_issues

    probabilities = predictions.probabilities
    given = [np.flatnonzero(row).tolist() for row in predictions.labels]
    suspected = find_label_issues(given, probabilities, n_jobs=1)
    quality = get_label_quality_scores(
        given, probabilities, method="self_confidence", aggregator_kwargs={"method": _least_likely}
    )
    order = np.argsort(quality, kind="stable")[:most]
    return [_doubt(drafts[i], probabilities[i], float(quality[i]), bool(suspected[i])) for i in order]


def _least_likely(confidences: NDArray[np.float64], **_: Any) -> NDArray[np.float64]:
    """The confidences (n, 6) in each label as given, as one number a draft (n,)."""
    worst = np.sort(confidences, axis=1)[:, :_WORST]
    result: NDArray[np.float64] = np.clip(worst, _LEAST, 1).prod(axis=1)
    return result


def _doubt(labelled: LabelledDraft, probabilities: Sequence[float], quality: float, suspected: bool) -> DoubtfulLabel:
    apart = [abs((label in labelled.labels) - probabilities[i]) for i, label in enumerate(LABELS)]
    worst = int(np.argmax(apart))
    label = LABELS[worst]
    return DoubtfulLabel(
        labelled.id,
        str(label),
        label in labelled.labels,
        round(float(probabilities[worst]), 4),
        round(quality, 6),
        suspected,
    )
