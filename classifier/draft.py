"""A merchant's draft, what is known of its order, and a draft that a person has labelled."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from classifier.labels import Label

Field = Literal["support_id", "subject", "body"]
"""A part of the draft that a finding can point at."""

CancelledBy = Literal["customer", "merchant"]


@dataclass(frozen=True, slots=True)
class Draft:
    """A ticket as typed, before it is sent. Any string is accepted in every field."""

    support_id: str
    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class Order:
    """What is known of the order; None means unknown, never "not cancelled"."""

    cancelled_by: CancelledBy | None = None
    status: str | None = None
    unknown_to_source: bool = False
    """True when an order source was asked and does not know this Support ID."""


@dataclass(frozen=True, slots=True)
class LabelledDraft:
    """A draft with the labels a person gave it and the words that carry each label."""

    id: str
    writer: str
    scenario: str
    draft: Draft
    labels: frozenset[Label]
    order: Order | None = None
    evidence: Mapping[Label, tuple[str, ...]] = field(default_factory=dict)
    note: str = ""
    language: str = "en"
