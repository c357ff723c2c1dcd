"""More than can be judged in time is refused at once, so that what is accepted is judged whole."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from classifier import Draft, Screener
from classifier.model.encoder import EncoderScores
from classifier.screener import PartialEvidence
from service.judging.encoder_queue import EncoderQueue, OverloadedError, Pace
from service.judging.executor import JudgedDraft, JudgingDeadline, JudgingExecutor
from service.judging.live_models import Screeners
from tests.service.drafts import ALLOWED
from tests.service.running import running, settings_for


class Gate:
    """Work for the encoder that waits until it may go on, and notes who came when."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()
        self.order: list[str] = []

    def work(self, name: str) -> Callable[[], str]:
        def waits() -> str:
            self.begun.set()
            self.go.wait(60)
            self.order.append(name)
            return name

        return waits


async def begun(queue: EncoderQueue, gate: Gate, *asked: tuple[str, int, float]) -> list[Any]:
    """What becomes of those who ask, by name, passages and deadline, behind one that the encoder is at."""
    first = asyncio.ensure_future(queue.ask(gate.work("first"), 1, by=60, left=60))
    await asyncio.to_thread(gate.begun.wait, 60)
    others = [asyncio.ensure_future(queue.ask(gate.work(n), p, by=by, left=by)) for n, p, by in asked]
    await asyncio.sleep(0)
    gate.go.set()
    return await asyncio.gather(first, *others, return_exceptions=True)


def test_who_would_wait_for_more_than_half_of_what_is_left_is_refused_at_once() -> None:
    queue, gate = EncoderQueue(), Gate()  # it is taken to need 0.02 s for a passage
    found = asyncio.run(begun(queue, gate, ("fits", 4, 0.4), ("too much", 4, 0.17), ("patient", 4, 50.0)))
    queue.close()
    assert [one if isinstance(one, str) else type(one) for one in found][2] is OverloadedError
    assert (found[0], found[3]) == ("first", "patient")


def test_the_most_urgent_is_read_first_and_only_those_before_it_count() -> None:
    queue, gate = EncoderQueue(), Gate()
    found = asyncio.run(begun(queue, gate, ("batch", 400, 90.0), ("single", 4, 40.0), ("another", 4, 30.0)))
    queue.close()
    assert found == ["first", "batch", "single", "another"]
    assert gate.order == ["first", "another", "single", "batch"]


def test_an_encoder_that_is_idle_takes_a_draft_however_short_its_budget() -> None:
    queue = EncoderQueue()
    assert asyncio.run(queue.ask(lambda: "read", 4, by=1, left=60)) == "read"
    queue.close()


def test_who_has_gone_is_not_read_and_an_error_ends_nothing() -> None:
    queue, gate = EncoderQueue(), Gate()

    def fails() -> str:
        raise RuntimeError("no")

    async def ask() -> None:
        first = asyncio.ensure_future(queue.ask(gate.work("first"), 1, by=60, left=60))
        await asyncio.to_thread(gate.begun.wait, 60)
        gone = asyncio.ensure_future(queue.ask(gate.work("gone"), 1, by=60, left=60))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.wait([gone])
        await asyncio.sleep(0)
        gate.go.set()
        await first
        with pytest.raises(RuntimeError):
            await queue.ask(fails, 1, by=60, left=60)
        assert await queue.ask(lambda: "on", 1, by=60, left=60) == "on"

    asyncio.run(ask())
    queue.close()
    assert gate.order == ["first"]


def test_one_stall_is_not_taken_for_the_pace() -> None:
    pace = Pace(0.02)
    pace.took(10, 1)
    assert pace.seconds < 0.04
    for _ in range(50):
        pace.took(0.1, 2)
    assert pace.seconds == pytest.approx(0.05, rel=0.01)


class Doubtful(Screener):
    """Every draft is in doubt, and the encoder takes as long as it is told to."""

    seconds = 0.02

    def partial_evidence_of_many(self, *given: Any, **named: Any) -> list[PartialEvidence]:
        return [self._in_doubt(partial) for partial in super().partial_evidence_of_many(*given, **named)]

    def partial_evidence(self, *given: Any, **named: Any) -> PartialEvidence:
        return self._in_doubt(super().partial_evidence(*given, **named))

    def _in_doubt(self, partial: PartialEvidence) -> PartialEvidence:
        return replace(partial, scores=replace(partial.scores, asked=(0,))) if partial.scores else partial

    def encoder_scores(self, partial: PartialEvidence) -> tuple[EncoderScores, ...]:
        time.sleep(self.seconds)
        return super().encoder_scores(partial)


def judged_at_once(screener: Screener, count: int, budget: float) -> Sequence[JudgedDraft | BaseException]:
    async def all_of_them() -> list[JudgedDraft | BaseException]:
        judging = JudgingExecutor()
        asked = (judging.short((screener, None), Draft(**ALLOWED), None, JudgingDeadline(budget)) for _ in range(count))
        try:
            return await asyncio.gather(*asked, return_exceptions=True)
        finally:
            judging.close()

    return asyncio.run(all_of_them())


def test_of_many_times_what_can_be_judged_what_is_accepted_is_complete() -> None:
    found = judged_at_once(Doubtful.load(), 200, 2.0)
    accepted = [one for one in found if isinstance(one, JudgedDraft)]
    assert {type(one) for one in found} == {JudgedDraft, OverloadedError}
    assert len(accepted) >= 5
    assert sum(one.verdict.complete for one in accepted) >= 0.99 * len(accepted)


def test_over_http_it_is_a_503_that_readiness_tells_of(tmp_path: Path) -> None:
    screeners = Screeners(tmp_path, budget=1, make=Doubtful)
    with running(settings_for(tmp_path), screeners=screeners) as service:

        async def refuse(*given: Any, **named: Any) -> None:
            raise OverloadedError

        screeners.judge = refuse  # type: ignore[method-assign,assignment]
        refused = service.client.post("/screen", json=ALLOWED)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        batch = service.client.post("/screen/batch", json={"drafts": [ALLOWED]}).json()
        assert batch["answers"][0]["status"] == 503
        assert service.client.get("/readyz").json()["shedding"] == ["judging"]
