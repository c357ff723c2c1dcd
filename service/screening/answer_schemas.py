"""What answers look like, for the OpenAPI document alone: answers are built as plain JSON, and the tests hold each to
its model here. A model without its `Out` is its name in the document."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema
from typing_extensions import TypeAliasType

from service.http.errors import PROBLEM_TYPES

# With names of their own, so that generated clients have one type for each and not one for each place.
Decision = TypeAliasType("Decision", Literal["allow", "warn", "block"])
Severity = TypeAliasType("Severity", Literal["block", "warn", "info"])
PolicyKind = TypeAliasType("PolicyKind", Literal["permitted", "prohibited"])
FieldName = TypeAliasType("FieldName", Literal["support_id", "subject", "body"])
LabelName = TypeAliasType(
    "LabelName",
    Literal[
        "address_request", "delay_notice", "returned_to_sender", "inventory_cancellation", "substitute_offer",
        "cancellation_probing",
    ],
)  # fmt: skip
Place = Annotated[int, Field(ge=0)]


class AnswerModel(BaseModel):
    """Fields may be added to answers; those that stand here stay."""

    model_config = ConfigDict(extra="allow")


class LabelOut(AnswerModel):
    """One of the six labels: its calibrated probability, and whether we say that the draft carries it."""

    label: LabelName
    probability: Annotated[float, Field(ge=0, le=1)]
    asserted: bool
    policy: PolicyKind


class PassageOut(AnswerModel):
    """A sentence of the draft that the model read for this finding, and which part of it read it last."""

    field: FieldName
    start: Place
    end: Place
    text: str
    read_by: Literal["linear", "encoder"]


class ReasonOut(AnswerModel):
    """Why something was found (`explain`): the rule with its patterns as they are written, or the passages that decided
    for the model."""

    rule: str | None
    patterns: list[str]
    passages: list[PassageOut]


class ReplacementOut(AnswerModel):
    """What may be written instead; `condition` is what the merchant must confirm first, null where there is nothing."""

    text: str
    condition: str | None


class FindingOut(AnswerModel):
    """One thing that the merchant should know. `start` and `end` are null where no words are to blame, `label` and
    `score` (the probability of that label) where no label causes it. `replacement` is for [`replace_start`,
    `replace_end`)."""

    id: str
    label: LabelName | None
    severity: Severity
    score: Annotated[float, Field(ge=0, le=1)] | None
    field: FieldName | None
    start: Place | None
    end: Place | None
    text: str | None
    message: str
    guidance: str
    policy_ref: str
    policy_url: str
    witness: Literal["rule", "model", "form", "order", "policy"]
    replacement: str | None
    replace_start: Place | None
    replace_end: Place | None
    replacements: list[ReplacementOut] = []
    why: ReasonOut | None = None


class ReminderOut(AnswerModel):
    """What must be done after sending; `reply_by` where there is a deadline. `late` in a reply to a message whose
    arrival is known: whether the deadline was past when the reply was screened."""

    id: str
    message: str
    reply_by: datetime | None = None
    late: bool | None = None


class LanguageOut(AnswerModel):
    """ISO 639-1 code, and how far drafts in it are judged. `confidence` with `explain`: of the words that tell
    languages apart, the share that speak for this one; null where there are too few."""

    code: str
    judged: Literal["full", "partial", "none"]
    confidence: Annotated[float, Field(ge=0, le=1)] | None = None


class OrderStateOut(AnswerModel):
    """What is known of the order, and from where; `contradicted` holds what the caller said otherwise."""

    state: str
    cancelled_by: Literal["customer", "merchant"] | None
    status: str | None
    contradicted: dict[str, str] = {}


class ChangeOut(AnswerModel):
    """A finding that an edit cleared or left, in short."""

    id: str
    label: LabelName | None
    severity: Severity
    field: FieldName | None
    message: str


class ChangesOut(AnswerModel):
    """What an edit did, where `previous_screening_id` was sent."""

    cleared: list[ChangeOut]
    remaining: list[ChangeOut]
    new: list[ChangeOut]


class ScreeningOut(AnswerModel):
    """A verdict. `screening_id` is null in a preview; `pass` is for an allowed or acknowledged draft.
    `ignored` names the findings that the caller set aside. `context` and `received_at` are those of a reply."""

    screening_id: str | None
    decision: Decision
    labels: Annotated[list[LabelOut], Field(min_length=6, max_length=6)]
    findings: list[FindingOut]
    reminders: list[ReminderOut]
    granted: Annotated[str | None, Field(alias="pass")]
    model_version: str
    rules_version: str
    policy_version: str
    language: LanguageOut
    complete: bool
    encoder: Literal["absent", "not_needed", "consulted"]
    order: OrderStateOut
    changes: ChangesOut | None = None
    ignored: list[str] = []
    context: Literal["reply"] | None = None
    received_at: datetime | None = None


class DraftWordsOut(AnswerModel):
    """The draft as it was typed; a reply with the message that it answers."""

    support_id: str
    subject: str
    body: str
    context: Literal["reply"] | None = None
    customer_message: str | None = None


class AppealStateOut(AnswerModel):
    """Where an appeal stands; `note` is the reviewer's answer to the merchant."""

    state: Literal["open", "upheld", "overturned"]
    at: datetime
    decided_at: datetime | None
    note: str | None
    due_at: datetime | None = None


class StoredScreeningOut(ScreeningOut):
    """A stored verdict and what became of it; `draft` is null once its text is purged."""

    screening_id: str
    created_at: datetime
    merchant_id: str | None
    previous_screening_id: str | None
    draft: DraftWordsOut | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    appeal: AppealStateOut | None
    withdrawn_at: datetime | None
    redeemed_at: datetime | None = None


class FieldErrorOut(AnswerModel):
    """A field that is wrong, and how."""

    field: str
    message: str


class ProblemOut(AnswerModel):
    """A refusal (RFC 9457). Tell them apart by `type`, which stays; name `request_id` where you ask about one."""

    type: Annotated[str, Field(json_schema_extra={"enum": list(PROBLEM_TYPES)})]
    title: str
    status: int
    detail: str
    request_id: str
    errors: list[FieldErrorOut] = []


class BatchOut(AnswerModel):
    """An answer or a problem for each draft, in order."""

    answers: list[ScreeningOut | ProblemOut]


class AcknowledgedOut(AnswerModel):
    """The pass of a warned draft that is sent all the same."""

    screening_id: str
    granted: Annotated[str, Field(alias="pass")]
    acknowledged_at: datetime


class AppealedOut(AnswerModel):
    """The appeal, and by when reviewers answer it."""

    screening_id: str
    appeal: AppealStateOut


class WithdrawnOut(AnswerModel):
    """The draft was given up."""

    screening_id: str
    withdrawn_at: datetime


class PassCheckOut(AnswerModel):
    """Whether exactly this text may be sent; where not, `reason` in a word and `message` in a sentence."""

    valid: bool
    reason: str | None
    message: str | None
    screening_id: str | None
    decision: Decision | None
    expires_at: datetime | None


class PassKeyOut(AnswerModel):
    """A public key (RFC 8037)."""

    kty: str
    crv: str
    use: str
    alg: str
    kid: str
    x: str


class PassKeysOut(AnswerModel):
    """A JWK set."""

    keys: list[PassKeyOut]


class UnscreenedOut(AnswerModel):
    """What screening says of a draft that went out without it."""

    screening_id: str
    decision: Decision


class AliveOut(AnswerModel):
    """The process lives."""

    status: Literal["ok"]


class ReadyOut(AnswerModel):
    """It can screen."""

    status: Literal["ready"]
    model_version: str
    model_refused: str | None = None


class LabelPolicyOut(AnswerModel):
    """What the policy says of a label."""

    label: LabelName
    policy: PolicyKind
    title: str
    policy_ref: str
    guidance: str


class PolicySectionOut(AnswerModel):
    """A section of the policy, quoted."""

    id: str
    title: str
    quote: str


class PolicyFindingOut(AnswerModel):
    """What a finding of the policy weighs and says."""

    id: str
    severity: Severity
    message: str
    guidance: str


class EnforcedPolicyOut(AnswerModel):
    """The policy that is enforced; the last three fields only for those who may see details."""

    version: str
    labels: list[LabelPolicyOut]
    sections: list[PolicySectionOut]
    reminders: list[ReminderOut]
    rules_version: str | None = None
    model_version: str | None = None
    findings: list[PolicyFindingOut] = []


class ReplyDeadlineOut(AnswerModel):
    """By when a response must be answered."""

    received_at: datetime
    counted_from: datetime
    reply_by: datetime
    message: str


ANSWER_MODELS: tuple[type[AnswerModel], ...] = (
    ScreeningOut, StoredScreeningOut, BatchOut, ProblemOut, AcknowledgedOut, AppealedOut, WithdrawnOut, PassCheckOut,
    PassKeysOut, UnscreenedOut, AliveOut, ReadyOut, EnforcedPolicyOut, ReplyDeadlineOut,
)  # fmt: skip


def answer_schemas() -> dict[str, Any]:
    """The schemas of all answers by their names in the document."""
    _, found = models_json_schema(
        [(model, "validation") for model in ANSWER_MODELS], ref_template="#/components/schemas/{model}"
    )
    schemas: dict[str, Any] = _without_suffix(found["$defs"])
    return schemas


def _without_suffix(value: Any) -> Any:
    if isinstance(value, dict):
        return {name.removesuffix("Out"): _reference(name, inner) for name, inner in value.items()}
    return [_without_suffix(inner) for inner in value] if isinstance(value, list) else value


def _reference(name: str, inner: Any) -> Any:
    if name in ("$ref", "title") and isinstance(inner, str):
        return inner.removesuffix("Out")
    return _without_suffix(inner)
