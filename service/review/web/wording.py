"""The desk's wording for decisions, labels, queues and times, in one place for all pages."""

from datetime import UTC, datetime, timedelta

from classifier import Label
from service.review.cases.rules import prohibited_labels

LABEL = {label.value: label.value.replace("_", " ").capitalize() for label in Label}
PROHIBITED_LABELS = tuple(label.value for label in Label if label in prohibited_labels())
DECISION = {"block": "Blocked", "warn": "Warned", "allow": "Allowed"}
SEVERITY = {"block": "Blocks", "warn": "Warns", "info": "Advises"}
WITNESS = {"rule": "rule", "model": "model", "form": "form", "order": "order", "policy": "policy"}
KIND = {
    "blocked": "Blocked",
    "warned_sent": "Warned and sent",
    "appealed": "Appealed",
    "suggested": "Suggested for labelling",
    "shadow": "Shadow disagreement",
    "unscreened": "Sent unscreened",
}
QUEUE = {
    "all": "Everything that waits",
    **KIND,
    "second": "Second reading",
    "disputed": "Disputes",
    "mine": "Kept for me",
    "decided": "Decided",
    "any": "Everything, decided or not",
}
STATE = {
    "open": "Open",
    "second": "Second reading",
    "held": "On hold",
    "disputed": "Disputed",
    "decided": "Decided",
}
_WORDS = {
    "block": ("Keep blocked", "The block was wrong"),
    "warn": ("The warning was right", "The warning was wrong"),
    "allow": ("It was right to let it go", "It should have been stopped"),
}
_ANSWERS = {
    "block": ("Keep blocked, tell the merchant", "Let it through, tell the merchant"),
    "warn": ("The warning stays, tell the merchant", "Lift the warning, tell the merchant"),
    "allow": _WORDS["allow"],
}
ACTION = {
    "uphold": "upheld",
    "overturn": "overturned",
    "relabel": "relabelled",
    "wrong_rule": "called a rule wrong",
    "hold": "put on hold",
    "hand": "handed over",
    "release": "released",
    "undo": "took back",
    "reopen": "reopened",
    "comment": "wrote",
}


def outcome_words(decision: str, *, appealed: bool) -> dict[str, str]:
    """What each outcome does to a case, as its button says it."""
    uphold, overturn = (_ANSWERS if appealed else _WORDS)[decision]
    return {"uphold": uphold, "overturn": overturn, "relabel": "Save these labels"}


def split(labels: str) -> list[str]:
    """Stored labels (joined by spaces) as a list in the order of the guide."""
    found = set(labels.split())
    return [label.value for label in Label if label.value in found]


def ago(moment: datetime, now: datetime | None = None) -> str:
    """How long ago, in one unit: `just now`, `5 min ago`, `3 h ago`, `4 days ago`."""
    passed = (now or datetime.now(UTC)) - moment
    return "just now" if passed < timedelta(minutes=1) else f"{span(passed)} ago"


def due(moment: datetime, now: datetime | None = None) -> str:
    """How long until a case is due, or since when it is late."""
    left = moment - (now or datetime.now(UTC))
    return f"{span(-left)} late" if left < timedelta(0) else f"due in {span(left)}"


def urgency(moment: datetime, now: datetime | None = None) -> str:
    """late, soon (within two hours) or nothing."""
    left = moment - (now or datetime.now(UTC))
    return "late" if left < timedelta(0) else "soon" if left < timedelta(hours=2) else ""


def span(length: timedelta) -> str:
    """A length of time in its largest unit."""
    minutes = int(length.total_seconds() // 60)
    if minutes < 60:
        return f"{max(minutes, 1)} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h"
    return f"{minutes // (24 * 60)} days"
