"""The keys that somebody likes: other letters than the usual ones, or none (WCAG 2.1.4). Kept with the person."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from service.http.errors import ServiceError
from service.review.accounts.preferences import keep_preferences, preferences
from service.review.auth.roles import Reviewer

KEYS = {
    "u": "The decision was right",
    "o": "The decision was wrong",
    "s": "Save the labels as ticked",
    "f": "The first rule is wrong here",
    "n": "Note",
    "w": "Words to the merchant",
    "c": "Comment",
    "e": "Mark evidence",
    "h": "Hold until tomorrow",
    "r": "Release",
    "t": "Take over",
    "p": "Reopen",
    "z": "Undo",
    "j": "Next",
    "k": "Previous",
    "g": "Start with the first",
    "x": "Select in the list",
    "a": "Answer appeals, in bulk",
}
"""What each single-letter key does. Digits stand for the labels and stay."""


@dataclass(frozen=True, slots=True)
class OwnKeys:
    """`off`: no single-letter key does anything. `letters`: other letters, by the usual one."""

    off: bool = False
    letters: Mapping[str, str] = field(default_factory=dict)

    def plain(self) -> dict[str, object]:
        """As JSON."""
        return {"off": self.off, "letters": dict(self.letters)}


def own_keys(session: Session, me: Reviewer) -> OwnKeys:
    """The keys of a reviewer."""
    chosen = preferences(session, me)
    letters = chosen.get("letters")
    return OwnKeys(bool(chosen.get("off")), dict(letters) if isinstance(letters, dict) else {})


def keep_keys(session: Session, me: Reviewer, wanted: OwnKeys) -> None:
    """Keep the keys. Raises the 422 where a key is no letter, or stands for two things."""
    in_use = [wanted.letters.get(key, key) for key in KEYS]
    for usual, key in wanted.letters.items():
        if usual not in KEYS or len(key) != 1 or not key.isalpha() or key != key.lower():
            raise ServiceError(422, f"{usual}: one small letter.")
        if in_use.count(key) > 1:
            raise ServiceError(422, f"{usual}: the letter {key} stands for two things.")
    keep_preferences(session, me, wanted.plain())
