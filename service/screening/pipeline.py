"""One screening from request to response: look up the order, judge, store, respond."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from anyio import move_on_after, to_thread
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session

from classifier import Draft
from classifier.evidence import Evidence
from service.dependencies import Services
from service.http.api_keys import Caller
from service.http.back_pressure import too_much
from service.http.errors import ServiceError
from service.http.store_deadline import store_is_silent
from service.judging.encoder_queue import OverloadedError
from service.judging.executor import JudgedDraft
from service.orders.contradictions import contradiction_findings
from service.orders.directory import NOT_ASKED, OrderFacts
from service.passes import PassTerms
from service.screening.reasons import language_confidence, with_reasons, without_ignored
from service.screening.responses import answer, changes, with_reply_deadline, with_thread
from service.screening.schemas import DraftIn
from service.screening.standing import standing_terms
from service.storage.health import StoreSilentError
from service.storage.screenings.documents import Document, evidence_document, verdict_document
from service.storage.screenings.group_commit import StoreUnavailableError
from service.storage.screenings.records import (
    NewScreening,
    ShadowVerdict,
    StoredScreening,
    WriteResult,
    draft_hash,
    new_id,
)
from service.storage.screenings.repository import Screenings

RENEWED_FOR = timedelta(days=1)
"""How long a screening gives a new pass once the one before has expired: after that orders and policy may have changed,
and the draft is screened again."""
LONGEST_STORE = 20.0
"""Seconds that a request waits for the store; longer than SQLite's own patience with another writer."""


@dataclass(frozen=True, slots=True)
class PreparedDraft:
    """A draft with what is known of its order and of the screening before it."""

    asked: DraftIn
    draft: Draft
    facts: OrderFacts
    previous: StoredScreening | None


async def screen(services: Services, caller: Caller, asked: DraftIn, key: str | None) -> dict[str, Any]:
    """Screen one draft. Raises the 409 of a used Idempotency-Key, the 503 of a store that is away."""
    started = time.perf_counter()
    deadline = services.screeners.deadline()
    prepared = await prepare(services, caller, asked)
    ordered = time.perf_counter()
    try:
        judged = await services.screeners.judge(
            prepared.draft, prepared.facts.order, shadow=asked.mode == "send", deadline=deadline
        )
    except OverloadedError as error:
        raise overloaded(services) from error
    services.metrics.stage("order", ordered - started)
    services.metrics.stage("judge", time.perf_counter() - ordered)
    result = await finish(services, caller, prepared, judged, key)
    services.metrics.stage("whole", time.perf_counter() - started)
    return result


def overloaded(services: Services) -> ServiceError:
    """The 503 of a draft that would not be judged in time, counted."""
    services.shedding.note("judging")
    return too_much()


async def prepare(services: Services, caller: Caller, asked: DraftIn) -> PreparedDraft:
    """Collect what judging needs. Raises the 422 where the previous screening is not the caller's, the 403
    where findings may not be ignored."""
    if asked.ignore and not caller.scopes & {"ignore", "admin"}:
        raise ServiceError(403, "This key has not the right `ignore`.")
    given = asked.order.order() if asked.order else None
    facts = NOT_ASKED
    if given is not None or services.orders.asks:
        facts = await services.orders.facts(asked.support_id, given)
    previous = None
    if asked.previous_screening_id:
        previous = await _previous(services, caller, asked.previous_screening_id)
    return PreparedDraft(asked, asked.draft(), facts, previous)


async def _previous(services: Services, caller: Caller, previous_id: str) -> StoredScreening:
    stored = None
    with move_on_after(LONGEST_STORE) as asking:  # the thread is left: nothing breaks off a driver that waits
        stored = await to_thread.run_sync(load, services, previous_id, caller.name, abandon_on_cancel=True)
    if asking.cancelled_caught:
        services.health.failed(StoreSilentError())
        raise store_is_silent()
    if stored is None:
        detail = "previous_screening_id: no screening of yours has this id"
        raise ServiceError(422, detail, errors=[{"field": "previous_screening_id", "message": detail}])
    return stored


def load(services: Services, screening_id: str, caller: str | None) -> StoredScreening | None:
    """A stored screening, in a session of its own."""
    with services.database.reading() as session:
        return Screenings(session, services.encryptor).get(screening_id, caller)


async def finish(
    services: Services, caller: Caller, prepared: PreparedDraft, judged: JudgedDraft, key: str | None
) -> dict[str, Any]:
    """Store the verdict, unless it is a preview, and build the response."""
    asked, verdict = prepared.asked, judged.verdict
    document = verdict_document(verdict, services.screeners.screener.policy)
    facts = prepared.facts.after(judged.evidence.customer)
    document["findings"] += contradiction_findings(facts, services.screeners.screener.policy)
    now = datetime.now(UTC)
    document = with_thread(document, asked, now, services)
    if asked.ignore:
        document = without_ignored(document, asked.ignore)
    extra: dict[str, Any] = {
        "order": facts.document(),
        "reminders": with_reply_deadline(document, now, services.clock),
    }
    if prepared.previous:
        extra["changes"] = changes(prepared.previous.verdict, document)
    if asked.mode == "preview":
        _count(services, asked.mode, document)
        return _answered(services, asked, document, prepared.draft, extra, evidence=judged.evidence)
    new = _new(services, caller, replace(prepared, facts=facts), judged, document, key, now)
    started = time.perf_counter()
    written = services.writer.submit(new)
    # while the store is at work: an answer that is sent only if this screening is the one that was kept
    granted = issue_pass(services, new.id, new.text_hash, document["decision"], new.created_at)
    response = _answered(
        services, asked, document, prepared.draft, extra, evidence=judged.evidence, screening_id=new.id, granted=granted
    )
    kept_id = await stored_id(written, new, silent=lambda _: services.health.failed(StoreSilentError()))
    services.metrics.stage("store", time.perf_counter() - started)
    if kept_id == new.id:  # a decision counts once it is kept
        _count(services, asked.mode, document)
    return response if kept_id == new.id else await _again(services, caller, kept_id, asked)


async def stored_id(
    written: Awaitable[WriteResult], new: NewScreening, *, longest: float = LONGEST_STORE,
    silent: Callable[[Exception], None] | None = None,
) -> str:  # fmt: skip
    """The id of the screening that is stored, an earlier one where the Idempotency-Key was used.

    Raises the 409 of a key that another draft used, the 503 of a store that refuses, or says nothing for `longest`
    seconds.
    """
    try:
        found = await asyncio.wait_for(written, longest)
    except TimeoutError as error:
        if silent:
            silent(error)
        raise store_is_silent() from error
    except StoreUnavailableError as error:
        detail = "The screening could not be stored, so it does not count; try again."
        raise ServiceError(503, detail, headers={"Retry-After": "2"}) from error
    if found.text_hash != new.text_hash:
        raise key_conflict()
    return found.id


def key_conflict() -> ServiceError:
    """The 409 of an Idempotency-Key that was used for another draft."""
    return ServiceError(409, "This Idempotency-Key was used for another draft.", kind="idempotency-conflict")


async def _again(services: Services, caller: Caller, screening_id: str, asked: DraftIn) -> dict[str, Any]:
    stored, granted = await run_in_threadpool(_load_with_pass, services, screening_id, caller.name)
    if stored is None:
        raise ServiceError(503, "The earlier screening cannot be read now; try again.", headers={"Retry-After": "2"})
    if stored.draft and stored.draft.customer_message != asked.customer_message:
        raise key_conflict()
    reminders = with_reply_deadline(stored.verdict, stored.created_at, services.clock)
    extra = {"order": dict(stored.order_state), "reminders": reminders}
    return _answered(services, asked, stored.verdict, stored.draft, extra, screening_id=stored.id, granted=granted)


def _answered(
    services: Services, asked: DraftIn, document: Document, draft: Draft | None, extra: Mapping[str, Any], *,
    evidence: Evidence | None = None, screening_id: str | None = None, granted: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    body = answer(
        document, draft, asked.offset_encoding, screening_id=screening_id, granted=granted, extra=extra,
        policy_url=services.settings.policy_url,
    )  # fmt: skip
    if asked.explain:
        screener, words = services.screeners.screener, draft or asked.draft()
        body = with_reasons(body, screener.book, evidence, words, asked.offset_encoding)
        body["language"] = {**body["language"], "confidence": language_confidence(screener, words)}
    return body


def _load_with_pass(services: Services, screening_id: str, caller: str) -> tuple[StoredScreening | None, str | None]:
    with services.database.reading() as session:
        stored = Screenings(session, services.encryptor).get(screening_id, caller)
        return stored, current_pass(services, session, stored) if stored else None


def current_pass(services: Services, session: Session, stored: StoredScreening) -> str | None:
    """The pass that a stored screening gives now: allowed, acknowledged, or overturned on appeal; never withdrawn. One
    that has expired is renewed: for some time where we judged, as long as the text is kept where a reviewer did."""
    terms = standing_terms(session, stored)
    if not terms:
        return None
    now, last = datetime.now(UTC), terms[-1]
    reviewed = last.decision != stored.decision
    fresh = stored.draft is not None if reviewed else now - last.issued_at < RENEWED_FOR
    return services.passes.issue(services.passes.renewed(last, now) if fresh else last)


def issue_pass(
    services: Services, screening_id: str, text_hash: str, decision: str, at: datetime, *, acknowledged: bool = False
) -> str | None:
    """A pass for an allowed draft, or for a warned one that was acknowledged; None otherwise."""
    if decision == "block" or (decision == "warn" and not acknowledged):
        return None
    return services.passes.issue(PassTerms(screening_id, text_hash, decision, at, acknowledged))


def _new(
    services: Services, caller: Caller, prepared: PreparedDraft, judged: JudgedDraft, document: Document,
    key: str | None, now: datetime,
) -> NewScreening:  # fmt: skip
    cases = _cases(judged)
    return NewScreening(
        id=new_id(now.timestamp()),
        created_at=now,
        caller=caller.name,
        merchant_id=prepared.asked.merchant_id,
        draft=prepared.draft,
        text_hash=draft_hash(prepared.draft),
        order_state=prepared.facts.document(),
        evidence=evidence_document(judged.evidence),
        verdict=document,
        rule_hits=tuple((hit.rule_id, hit.label) for hit in judged.evidence.rules.hits),
        shadow_rules=judged.verdict.shadow_hits,
        previous_id=prepared.previous.id if prepared.previous else None,
        idempotency_key=key,
        cases=cases,
        case_due=services.clock.deadline(now).reply_by if cases else None,
        second_review=bool(cases) and second_review(services),
        shadow=_shadow(judged),
    )


def second_review(services: Services) -> bool:
    """Whether a new case is one of those that a second reviewer sees blind."""
    return random.random() < services.settings.second_review_share


def _cases(judged: JudgedDraft) -> tuple[str, ...]:
    blocked = ("blocked",) if judged.verdict.decision == "block" else ()
    shadow = judged.shadow
    return (*blocked, "shadow") if shadow and shadow.decision != judged.verdict.decision else blocked


def _shadow(judged: JudgedDraft) -> ShadowVerdict | None:
    shadow = judged.shadow
    if shadow is None:
        return None
    chances = {label.value: round(chance, 4) for label, chance in shadow.probabilities.items()}
    return ShadowVerdict(shadow.versions.model, shadow.decision, tuple(sorted(shadow.labels)), chances)


def _count(services: Services, mode: str, document: Document) -> None:
    labels = [entry["label"] for entry in document["labels"] if entry["asserted"]]
    findings = [(finding["id"], finding["severity"]) for finding in document["findings"]]
    services.metrics.verdict(mode, document["decision"], labels, findings)
    if not document["complete"]:
        services.metrics.incomplete()
