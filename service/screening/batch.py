"""A batch: each draft validated, judged, kept and answered by itself; one that fails fails alone."""

import asyncio
from typing import Any

from pydantic import ValidationError

from service.dependencies import Parts
from service.http.api_keys import Caller
from service.http.errors import ServiceError, invalid
from service.screening import pipeline
from service.screening.schemas import DraftIn

MOST = 100
Outcome = dict[str, Any] | ServiceError


async def screen_batch(parts: Parts, caller: Caller, drafts: list[Any], key: str | None) -> list[Outcome]:
    """The answers in order. Item i of a batch with an Idempotency-Key has the key `<key>:<i>`."""
    looked = await asyncio.gather(*(_look(parts, caller, index, raw) for index, raw in enumerate(drafts)))
    good = [(index, one) for index, one in enumerate(looked) if isinstance(one, pipeline.Looked)]
    judged = await parts.screeners.judge_many(
        [one.draft for _, one in good], [one.facts.order for _, one in good], shadow=True
    )
    finished = await asyncio.gather(
        *(
            _finish(parts, caller, one, verdict, f"{key}:{index}" if key else None)
            for (index, one), verdict in zip(good, judged, strict=True)
        )
    )
    answers: dict[int, Outcome] = {index: done for (index, _), done in zip(good, finished, strict=True)}
    answers |= {index: one for index, one in enumerate(looked) if isinstance(one, ServiceError)}
    return [answers[index] for index in range(len(drafts))]


async def _look(parts: Parts, caller: Caller, index: int, raw: Any) -> pipeline.Looked | ServiceError:
    try:
        return await pipeline.look(parts, caller, DraftIn.model_validate(raw))
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        return invalid(found, prefix=("drafts", index))
    except ServiceError as error:
        return error


async def _finish(parts: Parts, caller: Caller, looked: pipeline.Looked, judged: Any, key: str | None) -> Outcome:
    try:
        return await pipeline.finish(parts, caller, looked, judged, key)
    except ServiceError as error:
        return error
