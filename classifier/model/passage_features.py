"""What linear models, rules, and the order's state say of a passage, as numbers: what the stack joins to logits."""

from bisect import bisect_right

import numpy as np
from numpy.typing import NDArray

from classifier.draft import Order
from classifier.evidence import RuleEvidence, Span
from classifier.labels import LABELS, Label
from classifier.model.linear import WIDTH, LinearScores
from classifier.reading.passages import Background
from classifier.reading.reader import Reading

Floats = NDArray[np.float64]
_N = len(LABELS)
_INDEX = {label: i for i, label in enumerate(LABELS)}

FEATURE_NAMES = (
    *(f"{model}:{scope}:{lb}" for scope in ("alone", "amid") for model in ("logistic", "bayes") for lb in LABELS),
    *(f"strong:{lb}" for lb in LABELS),
    *(f"weak:{lb}" for lb in LABELS),
    "customer",
    "merchant",
    "invites:customer",
    "question",
    "cancelling elsewhere",
    "stock elsewhere",
    "other language",
    "short",
)
"""What each number of a passage's features is, in order; the stack has one coefficient for each."""

_STRONG, _WEAK, _REST = 2 * WIDTH, 2 * WIDTH + _N, 2 * WIDTH + 2 * _N


def passage_features(
    linear: LinearScores, rules: RuleEvidence, order: Order | None, reading: Reading, known: Background
) -> NDArray[np.float64]:
    """What linear models and rules say of each passage, in the order of FEATURE_NAMES, (s, k). `known` is the reading's
    background."""
    count = len(reading.judged)
    features = np.zeros((count, len(FEATURE_NAMES)))
    if not count:
        return features
    features[:, :WIDTH] = linear.alone
    features[:, WIDTH : 2 * WIDTH] = linear.amid
    by_customer = order is not None and order.cancelled_by == "customer"
    for hit in rules.hits:
        if hit.status == "live" and hit.label is not None:
            at = _sentence_of(hit.span, reading)
            if at is not None:
                _count_hit(
                    features[at], hit.label, strong=hit.strength == "strong", invites=hit.when != "always",
                    known=by_customer,
                )  # fmt: skip
    rest = features[:, _REST:]
    rest[:, 0] = by_customer
    rest[:, 1] = order is not None and order.cancelled_by == "merchant"
    rest[:, 3] = [float("?" in reading.tokens[first:end]) for first, end in reading.judged]
    rest[:, 4], rest[:, 5] = (found is not None for found in known)
    rest[:, 6] = reading.language.code != "en"
    rest[:, 7] = [1.0 / (1.0 + (end - first) / 20.0) for first, end in reading.judged]
    return features


def _sentence_of(span: Span, reading: Reading) -> int | None:
    """The number of the sentence, among those that the models receive, in which a span begins."""
    tokens = slice(0, reading.subject_tokens) if span.field == "subject" else slice(reading.subject_tokens, None)
    token = (tokens.start or 0) + bisect_right(reading.starts[tokens], span.start) - 1
    at = bisect_right(reading.judged, token, key=lambda sentence: sentence[0]) - 1
    return at if at >= 0 and token < reading.judged[at][1] else None


def _count_hit(row: Floats, label: Label, *, strong: bool, invites: bool, known: bool) -> None:
    index = _INDEX[label]
    if invites:
        row[_REST + 2] = max(row[_REST + 2], float(known))
    elif strong:
        row[_STRONG + index] = 1.0
    else:
        row[_WEAK + index] = min(row[_WEAK + index] + 1.0, 3.0)
