"""What the desk's forms carry, checked at the edge: each refusal names its field."""

import json
from typing import Literal

from pydantic import BaseModel, Field, TypeAdapter, ValidationError, model_validator

from classifier import Label
from service.http.errors import ServiceError
from service.review.auth.access import PostedForm
from service.review.cases.decisions import DecisionRequest
from service.review.cases.rules import OUTCOMES, Outcome


class EvidenceMark(BaseModel):
    """Words of the draft that a reviewer marked: code points [start, end) of a field, and the label they carry."""

    field: Literal["support_id", "subject", "body"]
    start: int = Field(ge=0)
    end: int = Field(ge=1)
    label: Label

    @model_validator(mode="after")
    def _ordered(self) -> "EvidenceMark":
        if self.start >= self.end:
            raise ValueError("start must come before end")
        return self


_EVIDENCE = TypeAdapter(list[EvidenceMark])
_MOST_MARKS = 100


def read_decision_request(sent: PostedForm) -> DecisionRequest:
    """What a reviewer's form asks for. Raises the 422 naming the field."""
    return DecisionRequest(
        outcome=read_outcome(sent),
        labels=frozenset(_label(text) for text in sent.texts("label")),
        note=sent.text("note"),
        evidence=tuple(mark.model_dump(mode="json") for mark in _evidence(sent)),
        wrong_rules=tuple(dict.fromkeys(text[:100] for text in sent.texts("wrong_rule"))),
        seen=_whole(sent, "seen"),
        reply=sent.text("reply"),
        appealed={"1": True, "0": False}.get(sent.text("appealed", 1)),
    )


def read_outcome(sent: PostedForm) -> Outcome:
    """The outcome asked for. Raises the 422."""
    text = sent.text("outcome", 20)
    for outcome in OUTCOMES:
        if text == outcome:
            return outcome
    raise ServiceError(422, "outcome: uphold, overturn or relabel.")


def _label(text: str) -> Label:
    try:
        return Label(text)
    except ValueError:
        raise ServiceError(422, "label: one of the six labels.") from None


def _evidence(sent: PostedForm) -> list[EvidenceMark]:
    raw = sent.text("evidence", 50_000) or "[]"
    try:
        marks = _EVIDENCE.validate_python(json.loads(raw))
    except (ValidationError, ValueError):
        raise ServiceError(422, "evidence: marks of the form {field, start, end, label}.") from None
    if len(marks) > _MOST_MARKS:
        raise ServiceError(422, f"evidence: at most {_MOST_MARKS} marks.")
    return marks


def _whole(sent: PostedForm, name: str) -> int:
    text = sent.text(name, 20)
    if not text.isdigit():
        raise ServiceError(422, f"{name}: a whole number.")
    return int(text)
