"""What the OpenAPI document says of the routes that read their bytes themselves, with examples."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

from service.screening.schemas import BatchIn, DraftIn

DRAFT_EXAMPLE = {
    "support_id": "GG-8K2P-4L7Q-XY19",
    "subject": "Your blue mug",
    "body": "Hello, the blue mug is sold out. Would you accept the green one instead?",
    "mode": "send",
    "order": {"cancelled_by": None, "status": None},
    "merchant_id": "m-1042",
    "offset_encoding": "utf-16",
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
            "field": "body",
            "start": 33,
            "end": 71,
            "text": "Would you accept the green one instead",
            "message": "This offers something other than what the customer ordered.",
            "guidance": "If the item is out of stock, cancel the order and tell the customer why.",
            "policy_ref": "Inappropriate Situations: Arranging a product substitute",
            "witness": "rule",
            "replacement": "Unfortunately the item is out of stock, so we have cancelled your order.",
            "replace_start": 33,
            "replace_end": 72,
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
    "type": "about:blank",
    "title": "Invalid",
    "status": 422,
    "detail": "body: Field required",
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
}
BATCH_EXAMPLE = {"answers": [ANSWER_EXAMPLE, {**PROBLEM_EXAMPLE, "detail": "drafts.1.body: Field required"}]}
REFUSALS = {
    "401": "No key, or a key that is not known",
    "403": "A key without this right",
    "409": "A conflict: an Idempotency-Key used for another draft, or a step that this screening does not allow",
    "413": "Too large",
    "422": "Invalid, naming the field",
    "429": "Too many; see Retry-After",
    "503": "Not ready, or the store is away; see Retry-After",
}
_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
    "example": PROBLEM_EXAMPLE,
}


def refusals() -> dict[str, Any]:
    """The error answers that every keyed route may give."""
    return {status: {"description": words, "content": _PROBLEM} for status, words in REFUSALS.items()}


def _schema(model: type[DraftIn] | type[BatchIn]) -> dict[str, Any]:
    return model.model_json_schema(ref_template="#/components/schemas/{model}")


def _docs(model: type[DraftIn] | type[BatchIn], asked: Any, answered: Any, description: str) -> dict[str, Any]:
    schema = _schema(model)
    schema.pop("$defs", None)
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "schema": {"type": "string", "maxLength": 250 if model is BatchIn else 255},
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
    {"drafts": [DRAFT_EXAMPLE]},
    BATCH_EXAMPLE,
    "An answer or a problem for each draft, in order",
)


def for_app(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """The app's OpenAPI document: FastAPI's own, with the refusals of every route as problem+json."""
    plain = app.openapi

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(plain())
        return app.openapi_schema

    return document


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = PROBLEM_SCHEMA
    schemas.update(DraftIn.model_json_schema(ref_template="#/components/schemas/{model}").get("$defs", {}))
    for path, method, example in _EXAMPLES:  # FastAPI drops what is null from an example, and the contract shows nulls
        document["paths"][path][method]["responses"]["200"]["content"]["application/json"]["example"] = example
    components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    for path, operations in document["paths"].items():
        for operation in operations.values():
            operation["responses"].pop("422", None)
            if path not in _OPEN:
                operation["responses"].update(refusals())
                operation["security"] = [{"key": []}]
    return document


_EXAMPLES: tuple[tuple[str, str, Any], ...] = (
    ("/screen", "post", ANSWER_EXAMPLE),
    ("/screen/batch", "post", BATCH_EXAMPLE),
    ("/screenings/{screening_id}", "get", SCREENING_EXAMPLE),
)
_OPEN = ("/healthz", "/readyz", "/metrics", "/policy", "/passes/keys")
