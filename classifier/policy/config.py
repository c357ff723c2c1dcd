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


@dataclass(frozen=True, slots=True)
class ReplyPolicy:
    """What holds in a reply. `without`: findings that say nothing there. `standards`: what breaches of the Merchant
    Standards weigh. `variants`: each word for a colour or make, and the name of the variant."""

    without: frozenset[str]
    standards: Mapping[str, Severity]
    variants: Mapping[str, str]


def reply_policy(entry: dict[str, Any], findings: Mapping[str, Any], standards: Mapping[str, Severity]) -> ReplyPolicy:
    """The `[reply]` entry. Raises KeyError for an unknown finding, standard or severity, TypeError for other keys."""
    for name in (*entry["without"], *entry["standards"]):
        if name not in findings and name not in standards:
            raise KeyError(f"reply: {name}")
    if unknown := set(entry["standards"].values()) - set(SEVERITIES):
        raise KeyError(f"reply.standards: {unknown}")
    variants = {word: line.split()[0] for line in entry.pop("variants") for word in line.split()}
    return ReplyPolicy(
        without=frozenset(entry.pop("without")), standards={**standards, **entry.pop("standards")}, variants=variants,
        **entry,
    )  # fmt: skip


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
