"""How the service is: alive, ready, its policy, its metrics, and the reply clock."""

from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any

from anyio import CapacityLimiter, move_on_after, to_thread
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse

from classifier import Screener
from classifier.labels import LABELS
from classifier.policy.config import Section
from service.dependencies import ScreeningCallerDep, Services, ServicesDep, admit
from service.http.errors import ServiceError
from service.http.loopback import is_loopback
from service.overview import gauges as overview
from service.overview.pages import page, prefers_page
from service.screening.responses import section_anchor
from service.screening.schemas import Moment
from service.storage.database import Database
from service.storage.health import StoreHealth
from service.storage.maintenance.backlog import backlog
from service.telemetry.metrics import LabelledGauge

router = APIRouter()
SILENT = "the database does not answer"
LONGEST_QUESTION = 5.0
"""Seconds after which a database that says nothing is not ready."""
LONGEST_SCRAPE = 4.0
"""Seconds after which the metrics come without what the database holds; Prometheus waits for ten."""


async def sees_details(request: Request, services: ServicesDep) -> bool:
    """Whether the setting `details_for` lets the sender see what only those who run the service need."""
    setting = services.settings.details_for
    here = request.client is not None and is_loopback(request.client.host)
    if setting == "all" or (setting == "loopback" and here):
        return True
    try:
        await admit(request, "screen")
    except ServiceError as error:
        return error.status == 403  # a key all the same
    return True


DetailsDep = Annotated[bool, Depends(sees_details)]


@router.get("/healthz", summary="The process is alive", tags=["status"])
async def healthz() -> dict[str, str]:
    """Alive; says nothing about readiness."""
    return {"status": "ok"}


@router.get("/readyz", summary="Ready to screen", tags=["status"])
async def readyz(services: ServicesDep, details: DetailsDep) -> dict[str, Any]:
    """Ready: a model judges, the database answers at this version's schema. Otherwise 503 with what is missing. What
    names files is for a key, or for this machine (`SCREENING_DETAILS_FOR`)."""
    if reasons := await missing(services):
        raise ServiceError(503, "Not ready: " + "; ".join(reasons) + ".", headers={"Retry-After": "5"}, missing=reasons)
    state = {"status": "ready", "model_version": services.screeners.model_version, **_troubles(services)}
    refused = services.screeners.failed
    return state | ({"model_refused": refused if details else "see the log"} if refused else {})


async def missing(services: Services) -> list[str]:
    """Why the service cannot screen; nothing if it can."""
    with move_on_after(LONGEST_QUESTION):  # a thread of its own, so that a silent database takes none of the others
        return await to_thread.run_sync(_missing, services, abandon_on_cancel=True, limiter=_asking())
    return [SILENT]


def _troubles(services: Services) -> dict[str, Any]:
    """What a service that is ready turns away, and the challenger that it does without."""
    challenger = "see the log" if services.screeners.challenger_failed else ""
    details = {"shedding": services.shedding.lately(), "challenger_refused": challenger}
    return {name: value for name, value in details.items() if value}


def _missing(services: Services) -> list[str]:
    database, health = services.database, services.health
    if not database.answers():
        return [SILENT]
    at, wanted = database.schema()
    if at != wanted:
        return [f"the database is at schema {at}, not {wanted}"]
    return [] if tried(database, health) else [f"the database takes no writes: {health.kind}"]


def tried(database: Database, health: StoreHealth) -> bool:
    """Whether the store works; where it failed last, by writing something."""
    if health.failing:
        try:
            database.try_to_write()
        except Exception as error:
            health.failed(error)
            return False
        health.worked()
    return True


@cache
def _asking() -> CapacityLimiter:
    return CapacityLimiter(1)


@router.get("/metrics", summary="Prometheus metrics", tags=["status"], response_class=Response)
async def metrics(services: ServicesDep, details: DetailsDep) -> Response:
    """Decisions, labels, rule hits, latency by stage, queue depth and oldest age, the model that serves. For a key, or
    for this machine (`SCREENING_DETAILS_FOR`)."""
    if not details:
        headers = {"WWW-Authenticate": "Bearer"}
        raise ServiceError(401, "Metrics are for a key: `Authorization: Bearer <key>`.", headers=headers)
    gauges, labelled = await _of_store(services)
    labelled = [*overview.of_process(services), *labelled]
    body = services.metrics.text(_of_process(services) | gauges, services.screeners.model_version, labelled)
    return Response(body, media_type="text/plain; version=0.0.4; charset=utf-8")


def _of_process(services: Services) -> dict[str, float]:
    return {
        "writes_waiting": float(services.writer.depth),
        "store_up": float(not services.health.failing),
        "model_refused": float(bool(services.screeners.failed)),
    }


async def _of_store(services: Services) -> tuple[dict[str, float], list[LabelledGauge]]:
    """What the database says; that it is not up where it is away or says nothing: metrics are read most then."""
    with move_on_after(LONGEST_SCRAPE), suppress(Exception):
        return await to_thread.run_sync(_asked_of_store, services, abandon_on_cancel=True, limiter=_scraping())
    return {"store_up": 0.0}, []


def _asked_of_store(services: Services) -> tuple[dict[str, float], list[LabelledGauge]]:
    now, webhooks = datetime.now(UTC), services.delivery is not None
    with services.database.reading() as session:
        return backlog(session, now, webhooks=webhooks), list(overview.of_store(session, now, webhooks=webhooks))


@cache
def _scraping() -> CapacityLimiter:
    return CapacityLimiter(1)


@router.get("/policy", summary="The policy that is enforced", tags=["policy"], response_class=JSONResponse)
def policy(request: Request, services: ServicesDep, details: DetailsDep) -> Response:
    """Each label with its weight, wording and section; the sections quoted. Each finding with its weight and wording,
    and the versions of rules and model, for a key or for this machine (`SCREENING_DETAILS_FOR`). A browser
    (`Accept: text/html`) gets a page with an anchor for each section: `policy_url` of a finding leads there."""
    if prefers_page(request.headers.get("accept")):
        answer: Response = _policy_page(request, services.screeners.screener)
    else:
        answer = JSONResponse(_policy_document(services, details=details))
    answer.headers["vary"] = "accept"
    return answer


def _policy_page(request: Request, screener: Screener) -> Response:
    rules = screener.policy
    sections = [
        {
            "anchor": section_anchor(title),
            "title": title,
            "quote": quote,
            "labels": [rules.labels[label] for label in LABELS if rules.labels[label].section.title == title],
        }
        for title, quote in _cited(screener).items()
    ]
    # what is said of one reply alone, with its hour, is no general reminder
    reminders = [one.message for one in rules.reminders.values() if "{" not in one.message]
    return page(request, "policy.html", sections=sections, reminders=reminders, version=rules.version)


def _cited(screener: Screener) -> dict[str, str]:
    """Whatever a finding can cite, with its text: the policy's sections, and what rules name besides."""
    sections = screener.policy.sections
    quotes = {section.title: section.quote for section in sections.values()}
    for rule in screener.book.rules:
        if rule.policy_ref and rule.policy_ref not in quotes:
            quotes[rule.policy_ref] = sections[rule.policy_ref].quote if rule.policy_ref in sections else ""
    return quotes


def _policy_document(services: Services, *, details: bool) -> dict[str, Any]:
    screener = services.screeners.screener
    rules = screener.policy
    versions = {"rules_version": screener.book.version, "model_version": services.screeners.model_version}
    findings = [
        {"id": f.id, "severity": f.severity, "message": f.message, "guidance": f.guidance}
        for f in rules.findings.values()
    ]
    return {
        "version": rules.version,
        **(versions if details else {}),
        "labels": [
            {
                "label": label.value,
                "policy": rules.labels[label].policy,
                "title": rules.labels[label].title,
                "policy_ref": rules.labels[label].section.title,
                "guidance": rules.labels[label].guidance,
            }
            for label in LABELS
        ],
        **({"findings": findings} if details else {}),
        "sections": [_section(section) for section in rules.sections.values()],
        "reminders": [{"id": r.id, "message": r.message} for r in rules.reminders.values()],
    }


def _section(section: Section) -> dict[str, str]:
    return {"id": section.id, "title": section.title, "quote": section.quote}


@router.get("/reply-deadline", summary="By when a response must be answered", tags=["policy"])
def reply_deadline(
    services: ServicesDep, caller: ScreeningCallerDep, received_at: Annotated[Moment | None, Query()] = None
) -> dict[str, Any]:
    """One business day after `received_at` (now, if it is missing; UTC, if it has no zone)."""
    try:
        deadline = services.clock.deadline(received_at or datetime.now(UTC))
    except (OverflowError, ValueError):
        detail = "received_at: a moment that the calendar does not reach"
        raise ServiceError(422, detail, errors=[{"field": "received_at", "message": detail}]) from None
    message = services.screeners.screener.policy.reminders["reply-within-one-business-day"].message
    return {
        "received_at": deadline.received_at,
        "counted_from": deadline.counted_from,
        "reply_by": deadline.reply_by,
        "message": message,
    }
