"""The yardstick: a bare FastAPI endpoint that parses the same request and answers, in the same process model.

It is what FastAPI's tutorial would write, run by the same uvicorn (uvloop, httptools, no access log) as the service:
a pydantic model of the contract's request, all fields with their types and limits; a handler that does nothing; and
an answer of the contract's shape and of the usual size (1.5 kB: six labels, one finding, one reminder, the versions).
The handler's answer is a plain dict, built anew for each request, which FastAPI serialises in its usual way. Nothing
is slowed down: no middleware, no authorization, no storage, no response model to be validated. Nothing is left out
either: the body is read, parsed and validated, and the answer is JSON made from Python objects, not bytes kept from
before.
"""

from typing import Annotated, Any, Literal

from fastapi import FastAPI
from pydantic import BaseModel, StringConstraints

app = FastAPI(docs_url=None, redoc_url=None)
LABELS = (
    ("address_request", "permitted"), ("delay_notice", "permitted"), ("returned_to_sender", "permitted"),
    ("inventory_cancellation", "permitted"), ("substitute_offer", "prohibited"), ("cancellation_probing", "prohibited"),
)  # fmt: skip
MESSAGE = "This bargains with a customer who cancelled, which is not permitted."
GUIDANCE = (
    "Only confirm the cancellation and say when the refund arrives. Leave out questions, offers, coupons and links to "
    "reorder. If it was you who cancelled for lack of stock, say that you cancelled and why."
)
REFERENCE = "Inappropriate Situations: Questions re: customer cancellation"
REPLACEMENT = "Your order has been cancelled as you requested, and your refund is on its way."
REMINDER = "Once the ticket is open, every customer response must receive your reply within 1 business day."


class BareOrder(BaseModel):
    """What the caller knows of the order."""

    cancelled_by: Literal["customer", "merchant"] | None = None
    status: Annotated[str, StringConstraints(max_length=200)] | None = None


class BareDraft(BaseModel):
    """The contract's request."""

    support_id: Annotated[str, StringConstraints(max_length=1000)]
    subject: Annotated[str, StringConstraints(max_length=10_000)]
    body: Annotated[str, StringConstraints(max_length=200_000)]
    mode: Literal["send", "preview"] = "send"
    order: BareOrder | None = None
    merchant_id: Annotated[str, StringConstraints(max_length=200)] | None = None
    offset_encoding: Literal["utf-16", "utf-32", "utf-8"] = "utf-16"


@app.post("/screen")
async def screen(draft: BareDraft) -> dict[str, Any]:
    """Parse and answer."""
    return {
        "screening_id": None,
        "decision": "block",
        "labels": [
            {"label": label, "probability": 0.0123, "asserted": False, "policy": policy} for label, policy in LABELS
        ],
        "findings": [finding(draft.body[40:70])],
        "reminders": [{"id": "reply-within-one-business-day", "message": REMINDER, "reply_by": "2026-01-02T17:00:00Z"}],
        "pass": None,
        "model_version": "model-0123456789ab",
        "rules_version": "rules-0123456789ab",
        "policy_version": "policy-0123456789ab",
        "language": {"code": "en", "judged": "full"},
        "complete": True,
        "encoder": "not_needed",
        "order": {"state": "not_asked", "cancelled_by": None, "status": None},
    }


def finding(text: str) -> dict[str, Any]:
    """One finding, as the contract shows it."""
    return {
        "id": "bare.finding", "label": "cancellation_probing", "severity": "block", "field": "body", "start": 40,
        "end": 70, "text": text, "message": MESSAGE, "guidance": GUIDANCE, "policy_ref": REFERENCE, "witness": "rule",
        "replacement": REPLACEMENT, "replace_start": 40, "replace_end": 70,
    }  # fmt: skip
