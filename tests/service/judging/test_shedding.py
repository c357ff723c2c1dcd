"""More than can be judged in time is refused at once, more than the encoder can read is judged without it: nobody waits
behind a burst."""

import asyncio
import itertools
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from classifier import Draft, Screener
from classifier.model.encoder import EncoderScores
from classifier.screener import PartialEvidence
from service.judging import encoder_queue, executor, incomplete_answers
from service.judging.encoder_queue import EncoderQueue, OverloadedError, Pace
from service.judging.executor import JudgedDraft, JudgingDeadline, JudgingExecutor, Pair
from service.judging.incomplete_answers import IncompleteAnswers
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


def test_who_would_wait_for_more_than_a_quarter_of_what_is_left_is_refused_at_once() -> None:
    queue, gate = EncoderQueue(), Gate()  # it is taken to need 0.02 s for a passage
    found = asyncio.run(begun(queue, gate, ("fits", 4, 0.42), ("too much", 4, 0.38), ("patient", 4, 50.0)))
    queue.close()
    assert [one if isinstance(one, str) else type(one) for one in found][2] is OverloadedError
    assert (found[0], found[3]) == ("first", "patient")


def test_the_most_urgent_is_read_first_and_only_those_before_it_count() -> None:
    queue, gate = EncoderQueue(), Gate()
    found = asyncio.run(begun(queue, gate, ("batch", 400, 90.0), ("single", 4, 40.0), ("another", 4, 30.0)))
    queue.close()
    assert found == ["first", "batch", "single", "another"]
    assert gate.order == ["first", "another", "single", "batch"]


def test_two_threads_read_two_drafts_at_once_and_twice_as_many_may_wait() -> None:
    queue, gates = EncoderQueue(threads=2), (Gate(), Gate())

    async def ask() -> list[Any]:
        asked = [asyncio.ensure_future(queue.ask(gate.work("read"), 1, by=60, left=60)) for gate in gates]
        for gate in gates:  # both are begun before either has ended
            assert await asyncio.to_thread(gate.begun.wait, 60)
        fits, too_much = (
            asyncio.ensure_future(queue.ask(lambda: "waited", 4, by=60, left=left)) for left in (0.27, 0.22)
        )
        await asyncio.sleep(0)
        for gate in gates:
            gate.go.set()
        return await asyncio.gather(*asked, fits, too_much, return_exceptions=True)

    *read, fits, too_much = asyncio.run(ask())
    queue.close()
    assert read == ["read", "read"]
    assert not isinstance(fits, OverloadedError)  # it waits; a busy machine may let its time end
    assert isinstance(too_much, OverloadedError)


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
    """Every draft is in doubt, and the encoder answers once it may."""

    go = threading.Event()

    def partial_evidence_of_many(self, *given: Any, **named: Any) -> list[PartialEvidence]:
        return [self._in_doubt(partial) for partial in super().partial_evidence_of_many(*given, **named)]

    def partial_evidence(self, *given: Any, **named: Any) -> PartialEvidence:
        return self._in_doubt(super().partial_evidence(*given, **named))

    def _in_doubt(self, partial: PartialEvidence) -> PartialEvidence:
        return replace(partial, scores=replace(partial.scores, asked=(0,))) if partial.scores else partial

    def encoder_scores(self, partial: PartialEvidence) -> tuple[EncoderScores, ...]:
        self.go.wait(120)
        return super().encoder_scores(partial)


PACE, BUDGET, FIT, COUNT = 40.0, 2470.0, 30, 70
"""A quarter of the budget is time for two threads to read thirty passages, if a passage takes so long."""


def judged_at_once(monkeypatch: pytest.MonkeyPatch, pair: Pair) -> tuple[list[JudgedDraft], list[JudgedDraft]]:
    """What becomes of drafts that all come at once: of those that are answered before the encoder answers anything, and
    of the others."""
    monkeypatch.setattr(encoder_queue, "_FIRST_GUESS", PACE)
    monkeypatch.setattr(executor, "spare_threads", lambda: 2)
    monkeypatch.setattr(incomplete_answers, "START", COUNT)  # as if many complete answers had gone before

    async def all_of_them() -> tuple[list[JudgedDraft], list[JudgedDraft]]:
        Doubtful.go.clear()
        judging = JudgingExecutor()
        draft = Draft(ALLOWED["support_id"], ALLOWED["subject"], ALLOWED["body"])
        asked = [asyncio.ensure_future(judging.short(pair, draft, None, JudgingDeadline(BUDGET))) for _ in range(COUNT)]
        at_once = [await one for one in itertools.islice(asyncio.as_completed(asked), COUNT - FIT)]
        Doubtful.go.set()
        judged = await asyncio.gather(*asked)
        judging.close()
        return at_once, [one for one in judged if not any(one is early for early in at_once)]

    return asyncio.run(all_of_them())


def test_of_more_than_the_encoder_can_read_the_rest_is_answered_without_it_and_marked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at_once, later = judged_at_once(monkeypatch, (Doubtful.load(), None))
    assert (len(at_once), len(later)) == (COUNT - FIT, FIT)
    assert {(one.verdict.complete, one.verdict.encoder) for one in later} == {(True, "consulted")}
    assert {(one.verdict.complete, one.verdict.encoder, one.verdict.decision) for one in at_once} == {
        (False, "absent", "warn")
    }
    assert all("could-not-judge" in [finding.id for finding in one.verdict.findings] for one in at_once)


def test_a_challenger_that_the_encoder_has_no_time_for_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once, later = judged_at_once(monkeypatch, (Screener.load(), Doubtful.load()))
    assert (len(at_once), len(later)) == (COUNT - FIT, FIT)
    assert all(one.verdict.complete for one in (*at_once, *later))
    assert {one.shadow for one in at_once} == {None}
    assert {one.shadow.complete for one in later if one.shadow} == {True}
    assert len([one for one in later if one.shadow]) == FIT


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


def test_once_a_burst_is_answered_incomplete_the_rest_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where far more comes all the time, what is accepted is complete."""
    burst = 10
    monkeypatch.setattr(incomplete_answers, "START", burst)
    monkeypatch.setattr(encoder_queue, "_FIRST_GUESS", PACE)
    monkeypatch.setattr(executor, "spare_threads", lambda: 2)
    made = Doubtful.load()

    async def all_of_them() -> list[JudgedDraft | BaseException]:
        Doubtful.go.clear()
        judging = JudgingExecutor()
        draft = Draft(ALLOWED["support_id"], ALLOWED["subject"], ALLOWED["body"])
        asked = [
            asyncio.ensure_future(judging.short((made, None), draft, None, JudgingDeadline(BUDGET)))
            for _ in range(COUNT)
        ]
        await asyncio.wait(asked[-1:])  # the last of them is refused, and all that is refused is refused at once
        Doubtful.go.set()
        try:
            return await asyncio.gather(*asked, return_exceptions=True)
        finally:
            judging.close()

    found = asyncio.run(all_of_them())
    judged = [one for one in found if isinstance(one, JudgedDraft)]
    assert sum(one.verdict.complete for one in judged) == FIT
    assert sum(not one.verdict.complete for one in judged) == burst
    assert sum(isinstance(one, OverloadedError) for one in found) == COUNT - FIT - burst


def test_who_waited_behind_others_until_it_was_too_late_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incomplete_answers, "START", 0)
    made = Screener.load()

    class Late(JudgingDeadline):
        """It has time when it comes, and none once others are judged."""

        def late(self) -> bool:
            return True

    async def two() -> list[JudgedDraft | BaseException]:
        judging = JudgingExecutor()
        asked = [judging.short((made, None), Draft(**ALLOWED), None, Late(60)) for _ in range(2)]
        try:
            found = await asyncio.gather(*asked, return_exceptions=True)
            assert judging.fits_loop(Draft(**ALLOWED), JudgingDeadline(60))  # a crowd is no sign of a slow draft
            return found
        finally:
            judging.close()

    alone, behind = asyncio.run(two())
    assert isinstance(alone, JudgedDraft)  # slow by itself: that is no overload, and it is answered so far
    assert not alone.verdict.complete
    assert isinstance(behind, OverloadedError)


def test_complete_answers_earn_incomplete_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incomplete_answers, "MOST", 2)
    allowance = IncompleteAnswers()
    assert not allowance.spend()
    for _ in range(101):
        allowance.earn()
    assert [allowance.spend() for _ in range(2)] == [True, False]
    for _ in range(1000):
        allowance.earn()
    assert [allowance.spend() for _ in range(3)] == [True, True, False]
