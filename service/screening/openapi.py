"""What the OpenAPI document says of the routes that read their bytes themselves, with examples."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from classifier.policy.translations import LANGUAGES
from service.screening.answer_schemas import answer_schemas
from service.screening.schemas import IDEMPOTENCY_KEY, BatchIn, DraftIn

DRAFT_EXAMPLE = {
    "support_id": "GG-8K2P-4L7Q-XY19",
    "subject": "Your blue mug",
    "body": "Hello, the blue mug is sold out. Would you accept the green one instead?",
    "mode": "send",
    "order": {"cancelled_by": None, "status": None},
    "merchant_id": "m-1042",
    "offset_encoding": "utf-16",
    "explain": False,
}
REPLY_EXAMPLE = {
    "support_id": "GG-8K2P-4L7Q-XY19",
    "subject": "",
    "body": "Hello, yes, we will gladly exchange the blue mug for the green one. A prepaid label is attached.",
    "context": "reply",
    "customer_message": "Could I exchange the blue mug for a green one?",
    "received_at": "2026-11-25T15:00:00-06:00",
}
ANSWER_EXAMPLE: dict[str, Any] = {
    "screening_id": "0199f2d3a4b57c1d2e3f405162738495",
    "decision": "block",
    "labels": [
        {"label": "address_request", "probability": 0.01, "asserted": False, "policy": "permitted"},
        {"label": "delay_notice", "probability": 0.02, "asserted": False, "policy": "permitted"},
        {"label": "returned_to_sender", "probability": 0.01, "asserted": False, "policy": "permitted"},
        {"label": "inventory_cancellation", "probability": 0.07, "asserted": False, "policy": "permitted"},
        {"label": "substitute_offer", "probability": 0.99, "asserted": True, "policy": "prohibited"},
        {"label": "cancellation_probing", "probability": 0.01, "asserted": False, "policy": "prohibited"},
    ],
    "findings": [
        {
            "id": "substitute.would-you-accept",
            "label": "substitute_offer",
            "severity": "block",
            "score": 0.99,
            "field": "body",
            "start": 33,
            "end": 71,
            "text": "Would you accept the green one instead",
            "message": "This offers something other than what the customer ordered.",
            "guidance": "If the item is out of stock, cancel the order and tell the customer why.",
            "policy_ref": "Inappropriate Situations: Arranging a product substitute",
            "policy_url": "/policy#inappropriate-situations-arranging-a-product-substitute",
            "witness": "rule",
            "replacement": "Unfortunately the item is out of stock, so we have cancelled your order.",
            "replace_start": 33,
            "replace_end": 72,
            "replacements": [
                {
                    "text": "Unfortunately the item is out of stock, so we have cancelled your order.",
                    "condition": "You have cancelled this order and refunded the customer.",
                }
            ],
        }
    ],
    "reminders": [
        {
            "id": "reply-within-one-business-day",
            "message": "Reply within 1 business day.",
            "reply_by": "2026-11-25T09:00:00-06:00",
        }
    ],
    "model_version": "…",
    "rules_version": "…",
    "policy_version": "…",
    "language": {"code": "en", "judged": "full"},
    "complete": True,
    "encoder": "not_needed",
    "pass": None,
    "order": {"state": "not_asked", "cancelled_by": None, "status": None},
}
PROBLEM_EXAMPLE = {
    "type": "urn:draft-screening:problem:invalid",
    "title": "Invalid",
    "status": 422,
    "detail": "body: Field required",
    "request_id": "5f1c0d2e9ab34477",
    "errors": [{"field": "body", "message": "Field required"}],
}
SCREENING_EXAMPLE: dict[str, Any] = {
    **ANSWER_EXAMPLE,
    "created_at": "2026-11-02T15:04:05Z",
    "merchant_id": "m-1042",
    "previous_screening_id": None,
    "draft": {name: DRAFT_EXAMPLE[name] for name in ("support_id", "subject", "body")},
    "acknowledged_at": None,
    "acknowledged_by": None,
    "appeal": {"state": "open", "at": "2026-11-02T15:09:00Z", "decided_at": None, "note": None},
    "withdrawn_at": None,
    "redeemed_at": None,
}
ACCEPT_LANGUAGE = {
    "name": "Accept-Language",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "example": "de, en;q=0.8",
    "description": f"The language of messages and guidance (RFC 9110), of {', '.join(LANGUAGES)}; else English.",
}
BATCH_EXAMPLE = {"answers": [ANSWER_EXAMPLE, {**PROBLEM_EXAMPLE, "detail": "drafts.1.body: Field required"}]}
REFUSALS = {
    "400": "The request cannot be read",
    "401": "No key, or a key that is not known",
    "403": "A key without this right",
    "404": "No screening of yours has this id",
    "408": "The request came too slowly",
    "409": "A conflict: an Idempotency-Key used for another draft, or a step that this screening does not allow",
    "413": "Too large",
    "415": "A body in an encoding that is not read",
    "422": "Invalid, naming the field",
    "429": "Too many; see Retry-After",
    "503": "Not ready, or the store is away; see Retry-After",
    "default": "Any other refusal",
}
_KEYED = ("401", "403", "422", "503", "default")
_WITH_BODY = ("400", "408", "413", "415")
_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def refusals(statuses: Iterable[str]) -> dict[str, Any]:
    """Error answers, each a problem."""
    return {status: {"description": REFUSALS[status], "content": _PROBLEM} for status in sorted(set(statuses))}


def _docs(model: type[DraftIn] | type[BatchIn], asked: Any, answered: Any, description: str) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "schema": {**IDEMPOTENCY_KEY, "maxLength": 250 if model is BatchIn else 255},
        "description": "The same key and draft give the same stored screening; with another draft it is a 409.",
    }
    return {
        "parameters": [key],
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema, "example": asked}}},
        "responses": {"200": {"description": description, "content": {"application/json": {"example": answered}}}},
    }


SCREEN_DOCS = _docs(DraftIn, DRAFT_EXAMPLE, ANSWER_EXAMPLE, "The verdict, whatever the decision")
BATCH_DOCS = _docs(
    BatchIn,
    {"drafts": [DRAFT_EXAMPLE, REPLY_EXAMPLE]},
    BATCH_EXAMPLE,
    "An answer or a problem for each draft, in order",
)


REDEEM_DOCS: dict[str, Any] = {
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "schema": IDEMPOTENCY_KEY,
            "description": "The same key of the same caller gives the same answer again; another finds the pass spent.",
        }
    ]
}


def for_app(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """The app's OpenAPI document: FastAPI's own, with the refusals of every route as problem+json."""
    plain = app.openapi

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(plain())
        return app.openapi_schema

    return document


@dataclass(frozen=True, slots=True)
class _Operation:
    """What the document says of a route beyond its summary: its short id, the schema of its answer, the refusals that
    others do not have, and whether it asks for a key."""

    id: str
    answer: str | None
    refusals: tuple[str, ...] = ()
    keyed: bool = True
    example: Any = None
    linked: bool = False
    spoken: bool = False
    """Whether Accept-Language chooses the language of what merchants read in the answer."""


_STEP = ("404", "409")
_OPERATIONS = {
    ("/screen", "post"): _Operation(
        "screen", "Screening", ("409", "429"), example=ANSWER_EXAMPLE, linked=True, spoken=True
    ),
    ("/screen/batch", "post"): _Operation("screenBatch", "Batch", ("409", "429"), example=BATCH_EXAMPLE, spoken=True),
    ("/screenings/{screening_id}", "get"): _Operation(
        "getScreening", "StoredScreening", ("404",), example=SCREENING_EXAMPLE, spoken=True
    ),
    ("/screenings/{screening_id}/acknowledge", "post"): _Operation("acknowledge", "Acknowledged", _STEP),
    ("/screenings/{screening_id}/appeal", "post"): _Operation("appeal", "Appealed", _STEP),
    ("/screenings/{screening_id}/withdraw", "post"): _Operation("withdraw", "Withdrawn", _STEP),
    ("/passes/verify", "post"): _Operation("verifyPass", "PassCheck"),
    ("/passes/redeem", "post"): _Operation("redeemPass", "PassCheck"),
    ("/passes/keys", "get"): _Operation("getPassKeys", "PassKeys", keyed=False),
    ("/unscreened", "post"): _Operation("reportUnscreened", "Unscreened", ("429",)),
    ("/reply-deadline", "get"): _Operation("getReplyDeadline", "ReplyDeadline"),
    ("/policy", "get"): _Operation("getPolicy", "EnforcedPolicy", keyed=False),
    ("/healthz", "get"): _Operation("isAlive", "Alive", keyed=False),
    ("/readyz", "get"): _Operation("isReady", "Ready", ("503",), keyed=False),
    ("/metrics", "get"): _Operation("getMetrics", None, ("401",), keyed=False),
}
_KEY_SHOWS_MORE = ("getMetrics", "getPolicy", "isReady")
_SCREENING_ID = {"type": "string", "minLength": 1, "maxLength": 32, "pattern": "^[0-9a-z]+$"}


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas.update(answer_schemas())
    schemas["Problem"]["example"] = PROBLEM_EXAMPLE
    for model in (DraftIn, BatchIn):
        given = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(given.pop("$defs", {}))
        schemas[model.__name__] = given
    schemas["BatchIn"]["properties"]["drafts"]["items"] = {"$ref": "#/components/schemas/DraftIn"}
    components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _complete(operation, _OPERATIONS[path, method])
    return document


def _complete(operation: dict[str, Any], known: _Operation) -> None:
    operation["operationId"] = known.id
    answers = operation["responses"]
    answers.pop("422", None)
    well = answers[next(status for status in answers if status.startswith("2"))]
    if known.answer:
        content: dict[str, Any] = {"schema": {"$ref": f"#/components/schemas/{known.answer}"}}
        if known.example:  # as it is: FastAPI drops what is null from an example, and the contract shows nulls
            content["example"] = known.example
        well["content"] = {"application/json": content}
    else:
        well["content"] = {"text/plain": {"schema": {"type": "string"}}}
    if known.linked:
        well["links"] = {other: _link(other) for other in ("getScreening", "acknowledge", "appeal", "withdraw")}
    body = _WITH_BODY if "requestBody" in operation else ()
    answers.update(refusals([*known.refusals, *body, *(_KEYED if known.keyed else ("default",))]))
    operation.pop("security", None)
    if known.keyed:
        operation["security"] = [{"key": []}]
    elif known.id in _KEY_SHOWS_MORE:
        operation["security"] = [{}, {"key": []}]
    if known.spoken:
        operation.setdefault("parameters", []).append(ACCEPT_LANGUAGE)
    for parameter in operation.get("parameters", ()):
        if parameter["name"] == "screening_id":
            parameter["schema"] = _SCREENING_ID


def _link(operation: str) -> dict[str, Any]:
    return {"operationId": operation, "parameters": {"screening_id": "$response.body#/screening_id"}}
