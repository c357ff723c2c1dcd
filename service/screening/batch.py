"""A batch: each draft validated, judged, kept and answered by itself; one that fails fails alone."""

import asyncio
import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from fastapi.concurrency import run_in_threadpool
from pydantic import ValidationError

from service.dependencies import Services
from service.http.api_keys import Caller
from service.http.errors import ServiceError, invalid
from service.judging.encoder_queue import OverloadedError
from service.judging.executor import JudgedDraft
from service.screening import pipeline
from service.screening.schemas import DraftIn
from service.storage.screenings.batch_keys import first_use

MOST = 100
Outcome = dict[str, Any] | ServiceError


async def screen_batch(services: Services, caller: Caller, drafts: list[Any], key: str | None) -> list[Outcome]:
    """The answers in order. Item i of a batch with an Idempotency-Key has the key `<key>:<i>`. Raises the 409 of a key
    that another batch used."""
    if key:
        await run_in_threadpool(_compare_whole, services, caller, drafts, key)
    prepared = await asyncio.gather(*(_prepare(services, caller, index, raw) for index, raw in enumerate(drafts)))
    good = [(index, one) for index, one in enumerate(prepared) if isinstance(one, pipeline.PreparedDraft)]
    judged = await services.screeners.judge_many(
        [one.draft for _, one in good], [one.facts.order for _, one in good], shadow=True
    )
    finished = await asyncio.gather(
        *(
            _finish(services, caller, one, verdict, f"{key}:{index}" if key else None)
            for (index, one), verdict in zip(good, judged, strict=True)
        )
    )
    answers: dict[int, Outcome] = {index: done for (index, _), done in zip(good, finished, strict=True)}
    answers |= {index: one for index, one in enumerate(prepared) if isinstance(one, ServiceError)}
    return [answers[index] for index in range(len(drafts))]


def _compare_whole(services: Services, caller: Caller, drafts: list[Any], key: str) -> None:
    drafts_hash = hashlib.sha256(json.dumps(drafts, sort_keys=True).encode()).hexdigest()
    with services.database.writing() as session:
        known = first_use(session, caller.name, key, drafts_hash, datetime.now(UTC))
    if known != drafts_hash:
        raise ServiceError(409, "This Idempotency-Key was used for another batch.", kind="idempotency-conflict")


async def _prepare(services: Services, caller: Caller, index: int, raw: Any) -> pipeline.PreparedDraft | ServiceError:
    try:
        return await pipeline.prepare(services, caller, DraftIn.model_validate(raw))
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        return invalid(found, prefix=("drafts", index))
    except ServiceError as error:
        return error


async def _finish(
    services: Services,
    caller: Caller,
    prepared: pipeline.PreparedDraft,
    judged: JudgedDraft | OverloadedError,
    key: str | None,
) -> Outcome:
    if isinstance(judged, OverloadedError):
        return pipeline.overloaded(services)
    try:
        return await pipeline.finish(services, caller, prepared, judged, key)
    except ServiceError as error:
        return error
