"""What may be asked of the screening routes. Answers are built by `answers.py` and described by `service.openapi`."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from classifier import Draft, Order

OffsetEncoding = Literal["utf-16", "utf-32", "utf-8"]
Name = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Words = Annotated[str, StringConstraints(max_length=5000)]


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


class DraftIn(RequestModel):
    """A draft to be screened."""

    support_id: Annotated[str, StringConstraints(max_length=1000)]
    subject: Annotated[str, StringConstraints(max_length=10_000)]
    body: Annotated[str, StringConstraints(max_length=200_000)]
    mode: Literal["send", "preview"] = "send"
    order: OrderIn | None = None
    merchant_id: Name | None = None
    offset_encoding: OffsetEncoding = "utf-16"
    previous_screening_id: Annotated[str, StringConstraints(max_length=32, pattern="^[0-9a-z]+$")] | None = None

    def draft(self) -> Draft:
        """As the classifier reads it."""
        return Draft(self.support_id, self.subject, self.body)


class BatchIn(BaseModel):
    """Up to 100 drafts. Each is validated by itself, so that one bad draft is one error in the answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    drafts: list[Any]


class AcknowledgeIn(RequestModel):
    """A warned draft is sent all the same."""

    acknowledged_by: Name | None = None
    reason: Words | None = None


class AppealIn(RequestModel):
    """A verdict is contested, in the merchant's words."""

    message: Words | None = None


class PassIn(RequestModel):
    """A pass and the text that is about to be sent."""

    token: Annotated[str, StringConstraints(max_length=4000)]
    support_id: str
    subject: str
    body: str


class UnscreenedIn(RequestModel):
    """A draft that was sent while screening could not be reached."""

    support_id: Annotated[str, StringConstraints(max_length=1000)]
    subject: Annotated[str, StringConstraints(max_length=10_000)]
    body: Annotated[str, StringConstraints(max_length=200_000)]
    merchant_id: Name | None = None
    reason: Name = "unreachable"
    sent_at: Annotated[datetime | None, Field(strict=False)] = None
