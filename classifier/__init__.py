"""What we think of a merchant's draft: read it, find rules, score it, decide. No HTTP, no database, no training."""

from classifier.draft import Draft, LabelledDraft, Order
from classifier.evidence import Finding
from classifier.labels import LABELS, Label
from classifier.screener import Screener
from classifier.verdict import Decision, Verdict

__version__ = "0.2.0"
"""The version of the distribution, and the one place that says it."""

__all__ = ["LABELS", "Decision", "Draft", "Finding", "Label", "LabelledDraft", "Order", "Screener", "Verdict"]
