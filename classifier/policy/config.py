"""What policy.toml says: sections of the policy text, wordings and weights of labels and findings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from classifier.evidence import Severity
from classifier.labels import Label

SEVERITIES: tuple[Severity, ...] = ("block", "warn", "info")
"""Gravest first."""


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the policy text: what messages cite and the console quotes."""

    id: str
    title: str
    quote: str


@dataclass(frozen=True, slots=True)
class LabelPolicy:
    """How the policy treats one label, and the words for it. Wordings are empty for permitted labels."""

    label: Label
    policy: Literal["permitted", "prohibited"]
    title: str
    section: Section
    block: str = ""
    warn: str = ""
    guidance: str = ""
    replacement: str = ""


@dataclass(frozen=True, slots=True)
class FindingPolicy:
    """Wording and weight of a finding that no label causes."""

    id: str
    severity: Severity
    section: Section
    message: str
    guidance: str


@dataclass(frozen=True, slots=True)
class FormPolicy:
    """The settings of the form checks: patterns as regular expressions, subjects in lower case."""

    support_id: str
    permalink: str
    vague_subjects: frozenset[str]


def label_policy(label: Label, entry: dict[str, Any], sections: Mapping[str, Section]) -> LabelPolicy:
    """One `[label.…]` entry. Raises KeyError for an unknown section, TypeError for an unknown key."""
    entry["section"] = sections[entry["section"]]
    return LabelPolicy(label, **entry)


def finding_policy(id: str, entry: dict[str, Any], sections: Mapping[str, Section]) -> FindingPolicy:
    """One `[finding.…]` entry. Raises as `label_policy` does, and KeyError for an unknown severity."""
    entry["section"] = sections[entry["section"]]
    if entry["severity"] not in SEVERITIES:
        raise KeyError(f"finding.{id}.severity")
    return FindingPolicy(id, **entry)
