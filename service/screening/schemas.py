"""What may be asked of the screening routes. Answers are built by `answers.py` and described by `service.openapi`."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from classifier import Draft, Order
from classifier.draft import Context

IDEMPOTENCY_KEY = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[\x21-\x7e]+$"}
"""The schema of the header."""
_YEAR = r"([1-9]\d{3}|0[1-9]\d{2}|00[1-9]\d|000[1-9])"
_DAY = r"(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
_TIME = r"([01]\d|2[0-3]):[0-5]\d"
_MOMENT = rf"^{_YEAR}-{_DAY}[Tt ]{_TIME}(:[0-5]\d(\.\d{{1,9}})?)?([Zz]|[+-]{_TIME})?$"


def _written_out(value: object) -> object:
    if isinstance(value, datetime) or (isinstance(value, str) and re.fullmatch(_MOMENT.strip("^$"), value)):
        return value
    raise ValueError("a moment as in RFC 3339: 2026-11-25T15:00:00-06:00")


Moment = Annotated[
    datetime,
    Field(strict=False),
    BeforeValidator(_written_out),
    WithJsonSchema({"type": "string", "pattern": _MOMENT, "examples": ["2026-11-25T15:00:00-06:00"]}),
]
"""A moment as in RFC 3339; without a zone it is UTC. Numbers and bare days are none."""
OffsetEncoding = Literal["utf-16", "utf-32", "utf-8"]
Name = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Words = Annotated[str, StringConstraints(max_length=5000)]
SupportId = Annotated[str, StringConstraints(max_length=1000)]
Subject = Annotated[str, StringConstraints(max_length=10_000)]
Body = Annotated[str, StringConstraints(max_length=200_000)]


FindingId = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[a-z0-9._-]+$")]


class RequestModel(BaseModel):
    """Refuses fields that it does not know, and values of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class OrderIn(RequestModel):
    """What the caller knows of the order."""

    cancelled_by: Literal["customer", "merchant"] | None = None
    status: Name | None = None

    def order(self) -> Order:
        """As the classifier reads it."""
        return Order(cancelled_by=self.cancelled_by, status=self.status)


class DraftWordsIn(RequestModel):
    """The words of a draft. `context` tells a new ticket from a reply in an open one; only a reply may come with the
    `customer_message` that it answers, as the customer wrote it."""

    support_id: SupportId
    subject: Subject
    body: Body
    context: Context = "new_ticket"
    customer_message: Body = ""

    @field_validator("customer_message")
    @classmethod
    def _of_a_reply(cls, value: Any, info: ValidationInfo) -> Any:
        return only_in_reply(value, info)

    def draft(self) -> Draft:
        """As the classifier reads it."""
        return Draft(self.support_id, self.subject, self.body, self.context, self.customer_message)


def only_in_reply(value: Any, info: ValidationInfo) -> Any:
    """Refuses what only a reply may hold. Raises ValueError."""
    if value and info.data.get("context", "reply") != "reply":
        raise ValueError("only with context reply")
    return value


class DraftIn(DraftWordsIn):
    """A draft to be screened. `received_at`: when the customer's message came that a reply answers."""

    received_at: Moment | None = None
    mode: Literal["send", "preview"] = "send"
    order: OrderIn | None = None
    merchant_id: Name | None = None
    offset_encoding: OffsetEncoding = "utf-16"
    explain: bool = False
    ignore: Annotated[list[FindingId], Field(max_length=50)] = []
    previous_screening_id: Annotated[str, StringConstraints(max_length=32, pattern="^[0-9a-z]+$")] | None = None

    @field_validator("received_at")
    @classmethod
    def _of_a_message(cls, value: Any, info: ValidationInfo) -> Any:
        return only_in_reply(value, info)


class BatchIn(BaseModel):
    """Up to 100 drafts. Each is validated by itself, so that one bad draft is one error in the answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    drafts: Annotated[list[Any], Field(json_schema_extra={"minItems": 1, "maxItems": 100})]


class AcknowledgeIn(RequestModel):
    """A warned draft is sent all the same."""

    acknowledged_by: Name | None = None
    reason: Words | None = None


class AppealIn(RequestModel):
    """A verdict is contested, in the merchant's words."""

    message: Annotated[str, StringConstraints(min_length=1, max_length=5000, pattern=r"\S")]


class PassIn(RequestModel):
    """A pass and the text that is about to be sent: as a new ticket, or as a reply. A pass for one does not do for the
    other."""

    token: Annotated[str, StringConstraints(max_length=4000)]
    support_id: SupportId
    subject: Subject
    body: Body
    context: Context = "new_ticket"


class UnscreenedIn(DraftWordsIn):
    """A draft that was sent while screening could not be reached."""

    merchant_id: Name | None = None
    reason: Name = "unreachable"
    sent_at: Moment | None = None
