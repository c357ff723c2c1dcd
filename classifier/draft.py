"""A merchant's draft, what is known of its order, and a draft that a person has labelled."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from classifier.labels import Label

Field = Literal["support_id", "subject", "body"]
"""A part of the draft that a finding can point at."""

CancelledBy = Literal["customer", "merchant"]

Context = Literal["new_ticket", "reply"]
"""Whether a draft opens a ticket, or answers a customer in one that is open."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A ticket as typed, before it is sent. Any string is accepted in every field.

    A reply may come with the `customer_message` that it answers; in a new ticket that message is not read.
    """

    support_id: str
    subject: str
    body: str
    context: Context = "new_ticket"
    customer_message: str = ""

    @property
    def length(self) -> int:
        """How many characters there are to read, which is what judging costs."""
        return len(self.subject) + len(self.body) + len(self.customer_message)


@dataclass(frozen=True, slots=True)
class Order:
    """What is known of the order; None means unknown, never "not cancelled"."""

    cancelled_by: CancelledBy | None = None
    status: str | None = None
    unknown_to_source: bool = False
    """True when an order source was asked and does not know this Support ID."""


def known_order(order: Order | None, *, customer_cancels: bool = False) -> Order:
    """What is known of an order, from its source or the caller, and from the customer's message: one who writes that
    they cancel has cancelled, unless somebody is known to have done it."""
    order = order or Order()
    return replace(order, cancelled_by="customer") if customer_cancels and order.cancelled_by is None else order


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
