"""POST /unscreened: a draft that was sent while screening could not be reached is screened now, for the reviewers."""

from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool

from service.dependencies import KeyedRoute, Services, ServicesDep, admit
from service.screening import pipeline
from service.screening.schemas import DraftIn, DraftWordsIn, UnscreenedIn
from service.storage.screenings.repository import Screenings
from service.storage.screenings.unscreened import add_unscreened

router = APIRouter(route_class=KeyedRoute)
EARLIEST = timedelta(days=365)
"""The oldest `sent_at` that is accepted. An older or future moment is set to the nearest accepted one."""


@router.post("/unscreened", status_code=202, summary="A draft that was sent unscreened", tags=["screening"])
async def unscreened(request: Request, services: ServicesDep, asked: UnscreenedIn) -> dict[str, Any]:
    """Keep it, judge it, and put it before the reviewers unless it would have been allowed. No pass is issued."""
    caller = await admit(request, "screen")
    services.limit.take(caller)
    words = asked.model_dump(include={*DraftWordsIn.model_fields, "merchant_id"})
    draft = DraftIn(**words)
    answered = await pipeline.screen(services, caller, draft, None)
    await run_in_threadpool(_note, services, caller.name, asked, answered["screening_id"])
    return {"screening_id": answered["screening_id"], "decision": answered["decision"]}


def _note(services: Services, caller: str, asked: UnscreenedIn, screening_id: str) -> None:
    now = datetime.now(UTC)
    sent = min(max(_aware(asked.sent_at or now), now - EARLIEST), now)
    with services.database.writing() as session:
        screenings = Screenings(session, services.encryptor)
        stored = screenings.get(screening_id)
        if stored is None or stored.draft is None:
            return
        add_unscreened(
            session, services.encryptor, stored.draft, caller=caller, merchant_id=asked.merchant_id,
            reason=asked.reason, screening_id=screening_id, at=sent,
        )  # fmt: skip
        if stored.decision != "allow":
            due = services.clock.deadline(now).reply_by
            screenings.open_case(stored, "unscreened", now, due, second=pipeline.second_review(services))


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
