"""Labels worth a second look: where models that never met the writer are sure of the opposite (cleanlab's ranking)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.draft import LabelledDraft
from classifier.labels import LABELS
from training.fitting.examples import Examples
from training.fitting.linear_models import Fitted
from training.fitting.stacking import calibrated, draft_logits, fit_calibration


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


def out_of_fold_probabilities(fitted: Fitted, examples: Examples) -> NDArray[np.float64]:
    """(n, 6) by models that never met the draft's writer."""
    highest = draft_logits(fitted.logits, examples.sentence_draft, len(examples.drafts))
    return calibrated(highest, fit_calibration(highest, examples.labels))


def doubtful_labels(examples: Examples, probabilities: NDArray[np.float64], most: int) -> list[DoubtfulLabel]:
    """The most doubtful labels of all drafts, worst first; at most one label of each draft."""
    from cleanlab.multilabel_classification import get_label_quality_scores
    from cleanlab.multilabel_classification.filter import find_label_issues

    given = [np.flatnonzero(row).tolist() for row in examples.labels]
    suspected = find_label_issues(given, probabilities, n_jobs=1)
    quality = get_label_quality_scores(given, probabilities)
    order = np.argsort(quality, kind="stable")[:most]
    return [_doubt(examples.drafts[i], probabilities[i], float(quality[i]), bool(suspected[i])) for i in order]


def _doubt(labelled: LabelledDraft, probabilities: Sequence[float], quality: float, suspected: bool) -> DoubtfulLabel:
    apart = [abs((label in labelled.labels) - probabilities[i]) for i, label in enumerate(LABELS)]
    worst = int(np.argmax(apart))
    label = LABELS[worst]
    return DoubtfulLabel(
        labelled.id,
        str(label),
        label in labelled.labels,
        round(float(probabilities[worst]), 4),
        round(quality, 4),
        suspected,
    )
