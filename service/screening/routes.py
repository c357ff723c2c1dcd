"""POST /screen and what follows from it. The hot path reads and writes bytes itself: no second validation."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ValidationError

from classifier import Draft
from service.dependencies import (
    KeyedRoute,
    ScreeningCallerDep,
    ScreeningsDep,
    Services,
    ServicesDep,
    SessionDep,
    admit,
    services_of,
)
from service.http.errors import ServiceError, invalid, not_found, problem
from service.passes import PassVerification
from service.screening import batch, pipeline
from service.screening.openapi import BATCH_DOCS, REDEEM_DOCS, SCREEN_DOCS, SCREENING_EXAMPLE
from service.screening.responses import answer, draft_document, hear_language, with_reply_deadline
from service.screening.schemas import AcknowledgeIn, AppealIn, BatchIn, DraftIn, OffsetEncoding, PassIn
from service.screening.standing import checked_standing, found_prohibited, redeemed
from service.storage.screenings.records import StoredScreening, draft_hash

router = APIRouter(dependencies=[Depends(hear_language)])
router.route_class = KeyedRoute
_KEY = re.compile(r"[\x21-\x7e]+")
_LONGEST_BATCH_KEY = 250  # each of its drafts has a key of its own, `<key>:<i>`
Model = TypeVar("Model", bound=BaseModel)
JSON = "application/json"


def parsed(model: type[Model], raw: bytes) -> Model:
    """A request's body as `model`, validated once from its bytes. Raises the 422 naming the field."""
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        raise invalid(error.errors(include_url=False, include_input=False, include_context=False)) from None


def idempotency_key(request: Request, longest: int = 255) -> str | None:
    """The Idempotency-Key. Raises the 422 of one that is empty, too long or not plain ASCII."""
    key = request.headers.get("idempotency-key")
    if key is not None and (len(key) > longest or not _KEY.fullmatch(key)):
        detail = f"Idempotency-Key: 1 to {longest} visible ASCII characters"
        raise ServiceError(422, detail, errors=[{"field": "Idempotency-Key", "message": detail}])
    return key


@router.post("/screen", summary="Screen one draft", tags=["screening"], openapi_extra=SCREEN_DOCS)
async def screen(request: Request) -> Response:
    """Judge a draft: allow, warn or block, with the words at fault and what to do instead.

    `mode` `preview` stores nothing and issues no pass; `send` (the default) is on disk before it is answered.
    """
    await hear_language(request)  # of a request that comes here directly, past the router
    services = services_of(request)
    caller = await admit(request, "screen")
    services.limit.take(caller)
    asked = parsed(DraftIn, await request.body())
    key = idempotency_key(request)
    return _json(await pipeline.screen(services, caller, asked, key))


@router.post("/screen/batch", summary="Screen up to 100 drafts", tags=["screening"], openapi_extra=BATCH_DOCS)
async def screen_batch(request: Request) -> Response:
    """Judge up to 100 drafts; `answers` holds, in order, an answer or a problem for each."""
    services = services_of(request)
    caller = await admit(request, "screen")
    asked = parsed(BatchIn, await request.body())
    if not 1 <= len(asked.drafts) <= batch.MOST:
        detail = f"drafts: 1 to {batch.MOST} drafts"
        raise ServiceError(422, detail, errors=[{"field": "drafts", "message": detail}])
    key = idempotency_key(request, _LONGEST_BATCH_KEY)
    services.limit.take(caller, len(asked.drafts))
    answers = await batch.screen_batch(services, caller, asked.drafts, key)
    return _json({"answers": [_item(one) for one in answers]})


def _json(body: Any) -> Response:
    """An answer; moments in UTC end in Z, as in all others."""
    return Response(orjson.dumps(body, option=orjson.OPT_UTC_Z), media_type=JSON)


def _item(one: dict[str, Any] | ServiceError) -> dict[str, Any]:
    return problem(one) if isinstance(one, ServiceError) else one


@router.get(
    "/screenings/{screening_id}",
    summary="What became of a screening",
    tags=["screening"],
    responses={200: {"content": {JSON: {"example": SCREENING_EXAMPLE}}}},
)
def screening(
    screening_id: str,
    services: ServicesDep,
    caller: ScreeningCallerDep,
    screenings: ScreeningsDep,
    session: SessionDep,
    offset_encoding: Annotated[OffsetEncoding, Query()] = "utf-16",
) -> Response:
    """The stored answer, with acknowledgement, appeal and withdrawal; the draft's words until they are purged."""
    stored = screenings.get(screening_id, None if "admin" in caller.scopes else caller.name)
    if stored is None:
        raise not_found()
    draft = stored.draft
    extra = {
        "created_at": stored.created_at,
        "merchant_id": stored.merchant_id,
        "order": dict(stored.order_state),
        "reminders": with_reply_deadline(stored.verdict, stored.created_at, services.clock),
        "previous_screening_id": stored.previous_id,
        "draft": draft_document(draft) if draft else None,
        **stored.after,
    }
    granted = pipeline.current_pass(services, session, stored)
    shown = answer(
        stored.verdict, draft, offset_encoding, screening_id=stored.id, granted=granted, extra=extra,
        policy_url=services.settings.policy_url,
    )  # fmt: skip
    return _json(shown)


def _step_refused(detail: str) -> ServiceError:
    return ServiceError(409, detail, kind="step-refused")


def _mine(screenings: ScreeningsDep, screening_id: str, caller: ScreeningCallerDep) -> StoredScreening:
    stored = screenings.get(screening_id, caller.name, alone=True)
    if stored is None:
        raise not_found()
    return stored


@router.post("/screenings/{screening_id}/acknowledge", summary="Send a warned draft all the same", tags=["screening"])
def acknowledge(
    screening_id: str, services: ServicesDep, caller: ScreeningCallerDep, screenings: ScreeningsDep,
    session: SessionDep, asked: AcknowledgeIn | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Note who sends a warned draft all the same and why; the answer holds the pass. Again gives the same pass, or once
    it has expired a new one."""
    stored = _mine(screenings, screening_id, caller)
    if stored.decision != "warn":
        why = "A blocked draft cannot be acknowledged." if stored.decision == "block" else "This draft needs no word."
        raise _step_refused(why)
    if stored.after["withdrawn_at"]:
        raise _step_refused("This draft was withdrawn.")
    if found_prohibited(session, stored.id):
        raise _step_refused("A reviewer found that this draft is not permitted.")
    at = stored.after["acknowledged_at"]
    if at is None:
        at = datetime.now(UTC)
        by, reason = (asked.acknowledged_by, asked.reason) if asked else (None, None)
        screenings.acknowledge(stored.id, at, caller.name, by, reason)
        due = services.clock.deadline(at).reply_by
        screenings.open_case(stored, "warned_sent", at, due, second=pipeline.second_review(services))
        granted = pipeline.issue_pass(services, stored.id, stored.text_hash, "warn", at, acknowledged=True)
    else:
        granted = pipeline.current_pass(services, session, stored)
    return {"screening_id": stored.id, "pass": granted, "acknowledged_at": at}


@router.post("/screenings/{screening_id}/appeal", summary="Contest a block or a warning", tags=["screening"])
def appeal(
    screening_id: str, services: ServicesDep, caller: ScreeningCallerDep, screenings: ScreeningsDep,
    asked: AppealIn,
) -> dict[str, Any]:  # fmt: skip
    """Put a screening before the reviewers, with the merchant's words. Again gives the state of the same appeal; other
    words are added to it while it is open."""
    stored = _mine(screenings, screening_id, caller)
    if stored.decision == "allow":
        raise _step_refused("An allowed draft cannot be contested.")
    if stored.after["withdrawn_at"]:
        raise _step_refused("This draft was withdrawn.")
    known = stored.after["appeal"]
    if known is not None and not screenings.add_to_appeal(stored.id, asked.message):
        raise _step_refused("This appeal is decided, or holds as many words as it may.")
    if known is None:
        at = datetime.now(UTC)
        due = services.clock.deadline(at).reply_by
        screenings.appeal(stored.id, at, caller.name, asked.message)
        screenings.open_case(stored, "appealed", at, due, second=pipeline.second_review(services))
        known = {"state": "open", "at": at, "decided_at": None, "note": None}
    return {"screening_id": stored.id, "appeal": {**known, "due_at": services.clock.deadline(known["at"]).reply_by}}


@router.post("/screenings/{screening_id}/withdraw", summary="A draft will not be sent", tags=["screening"])
def withdraw(screening_id: str, caller: ScreeningCallerDep, screenings: ScreeningsDep) -> dict[str, Any]:
    """Note that a draft was given up: no pass is issued for it any more, and one that was is revoked. Again changes
    nothing."""
    stored = _mine(screenings, screening_id, caller)
    at = stored.after["withdrawn_at"]
    if at is None:
        at = datetime.now(UTC)
        screenings.withdraw(stored.id, at, caller.name)
    return {"screening_id": stored.id, "withdrawn_at": at}


@router.post("/passes/verify", summary="Check a pass against a text", tags=["passes"])
def verify(services: ServicesDep, caller: ScreeningCallerDep, asked: PassIn) -> dict[str, Any]:
    """Whether exactly this text may be sent: `valid`, or the `reason` why not: `malformed`, `foreign`, `expired`,
    `text-changed`, `revoked` (withdrawn, or reviewed differently since) or `spent`. Changes nothing."""
    checked = _checked(services, asked, datetime.now(UTC))
    if checked.valid:
        with services.database.reading() as session:
            checked = checked_standing(session, services.encryptor, checked)
    return _said_of(checked)


@router.post("/passes/redeem", summary="Spend a pass, once", tags=["passes"], openapi_extra=REDEEM_DOCS)
def redeem(
    request: Request, services: ServicesDep, caller: ScreeningCallerDep, session: SessionDep, asked: PassIn
) -> dict[str, Any]:
    """As `/passes/verify`, and the pass is spent: of many who ask, one is answered `valid`, the others `spent`. With an
    Idempotency-Key the same caller may ask again and gets the same answer."""
    now = datetime.now(UTC)
    key = idempotency_key(request)
    checked = _checked(services, asked, now)
    if checked.valid:
        checked = redeemed(session, services.encryptor, checked, caller.name, key, now)
    return _said_of(checked)


def _checked(services: Services, asked: PassIn, now: datetime) -> PassVerification:
    draft = Draft(asked.support_id, asked.subject, asked.body, asked.context)
    return services.passes.check(asked.token, draft_hash(draft), now)


def _said_of(checked: PassVerification) -> dict[str, Any]:
    return {
        "valid": checked.valid,
        "reason": checked.reason,
        "message": checked.message,
        "screening_id": checked.screening_id,
        "decision": checked.decision,
        "expires_at": checked.expires_at,
    }


@router.get("/passes/keys", summary="Public keys for offline verification", tags=["passes"])
def public_keys(services: ServicesDep, response: Response) -> dict[str, Any]:
    """The public keys as a JWK set; a retired key leaves it."""
    response.headers["cache-control"] = "public, max-age=300"
    return services.passes.public_keys()
