"""What each outcome would mean for every set of labels that a reviewer may tick. The page's script only looks it up."""

from collections.abc import Collection

from classifier import LABELS, Decision, Label
from service.review.cases.rules import Outcome, outcome_fits, proposed_labels

_OUTCOMES: tuple[Outcome, ...] = ("uphold", "overturn")
_SETS = tuple(
    frozenset(label for bit, label in enumerate(LABELS) if number >> bit & 1) for number in range(2 ** len(LABELS))
)
"""Every set of labels. Bit i of a set's index stands for LABELS[i]."""


def decision_preview(
    machine: Decision, asserted: Collection[Label], flagged: Collection[Label], *, form_at_fault: bool
) -> dict[str, object]:
    """The lookup table as plain JSON.

    `labels` gives the bits of an index, `fits` says for an outcome and a set of labels whether they go together, and
    `proposed` holds the labels of an outcome while the ticked labels are still the `asserted` ones.
    """
    return {
        "labels": _names(LABELS),
        "asserted": _names(asserted),
        "proposed": {
            "uphold": _names(proposed_labels("uphold", asserted, flagged, machine)),
            "overturn": _names(proposed_labels("overturn", asserted, flagged, machine)),
        },
        "fits": {
            outcome: [outcome_fits(outcome, machine, labels, form_at_fault=form_at_fault) for labels in _SETS]
            for outcome in _OUTCOMES
        },
    }


def _names(labels: Collection[Label]) -> list[str]:
    return [label.value for label in LABELS if label in labels]
