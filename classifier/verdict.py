"""What the judge says of a draft."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from classifier.evidence import Finding, LanguageGuess
from classifier.labels import Label

Decision = Literal["allow", "warn", "block"]


@dataclass(frozen=True, slots=True)
class Reminder:
    """Something to remember once the ticket is open; never changes the decision."""

    id: str
    message: str


@dataclass(frozen=True, slots=True)
class Versions:
    """Which model, rule book and policy spoke; together they make a verdict repeatable."""

    model: str
    rules: str
    policy: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision with all that led to it. Findings are ordered: gravest first, then by place."""

    decision: Decision
    labels: frozenset[Label]
    probabilities: Mapping[Label, float]
    findings: tuple[Finding, ...]
    reminders: tuple[Reminder, ...]
    versions: Versions
    language: LanguageGuess
    complete: bool = True
    encoder: Literal["absent", "not_needed", "consulted"] = "absent"
    shadow_hits: tuple[str, ...] = ()
    """Ids of shadow rules that matched; they had no say."""
