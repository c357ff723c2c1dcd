"""Judging within a time budget: a stage that is slow holds up nobody, and is left out where the budget ends."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from classifier import Draft, Order, Screener
from classifier.model.encoder import EncoderScores
from classifier.screener import PartialEvidence
from service.judging.executor import JudgingDeadline, JudgingExecutor
from service.judging.live_models import Screeners
from tests.service.drafts import ALLOWED, BLOCKED
from tests.service.running import Running, running, settings_for

SLOW = "This one takes long."


class OneByOne(Screener):
    """Looks at each draft alone, also at those that arrive together."""

    def partial_evidence_of_many(
        self, drafts: Sequence[Draft], orders: Sequence[Order | None], **named: Any
    ) -> list[PartialEvidence]:
        return [self.partial_evidence(draft, order, **named) for draft, order in zip(drafts, orders, strict=True)]


class SlowScreener(OneByOne):
    """In doubt about every draft that holds SLOW, with an encoder that answers once it is allowed to."""

    asked = threading.Event()
    go = threading.Event()

    def partial_evidence(self, draft: Draft, *given: Any, **named: Any) -> PartialEvidence:
        partial = super().partial_evidence(draft, *given, **named)
        if SLOW not in draft.body or partial.scores is None:
            return partial
        return replace(partial, scores=replace(partial.scores, asked=(0,)))

    def encoder_scores(self, partial: PartialEvidence) -> tuple[EncoderScores, ...]:
        if SLOW in partial.draft.body:
            self.asked.set()
            self.go.wait(30)
        return super().encoder_scores(partial)


class BrokenScreener(SlowScreener):
    """Its encoder fails."""

    def encoder_scores(self, partial: PartialEvidence) -> tuple[EncoderScores, ...]:
        if SLOW in partial.draft.body:
            raise RuntimeError(partial.draft.body)
        return super().encoder_scores(partial)


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    SlowScreener.asked.clear()
    SlowScreener.go.clear()
    yield
    SlowScreener.go.set()


def slow(draft: dict[str, str]) -> dict[str, str]:
    return {**draft, "body": f"{draft['body']} {SLOW}"}


def service_with(home: Path, make: type[Screener], budget: float) -> Any:
    return running(settings_for(home), screeners=Screeners(home, budget=budget, make=make))


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with service_with(tmp_path_factory.mktemp("patient"), SlowScreener, 30) as started:
        yield started


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with service_with(tmp_path_factory.mktemp("hasty"), SlowScreener, 0.3) as started:
        yield started


def test_a_doubtful_draft_holds_up_no_other(patient: Running) -> None:
    with ThreadPoolExecutor(1) as threads:
        doubtful = threads.submit(patient.screen, slow(ALLOWED))
        assert SlowScreener.asked.wait(30)
        assert patient.screen(ALLOWED, mode="preview")["decision"] == "allow"  # which is in no doubt
        assert not doubtful.done()
        SlowScreener.go.set()
        answer = doubtful.result(30)
    assert (answer["encoder"], answer["complete"], answer["decision"]) == ("consulted", True, "allow")


def test_a_batch_holds_up_no_other(patient: Running) -> None:
    with ThreadPoolExecutor(1) as threads:
        batch = threads.submit(patient.client.post, "/screen/batch", json={"drafts": [slow(ALLOWED), BLOCKED] * 20})
        assert SlowScreener.asked.wait(30)
        assert patient.screen(ALLOWED, mode="preview")["decision"] == "allow"
        assert not batch.done()
        SlowScreener.go.set()
        answers = batch.result(30).json()["answers"]
    assert [answer["decision"] for answer in answers] == ["allow", "block"] * 20
    assert all(answer["complete"] for answer in answers)


@pytest.mark.parametrize(("draft", "decision"), [(ALLOWED, "warn"), (BLOCKED, "block")])
def test_a_stage_that_overruns_makes_a_short_drafts_answer_incomplete(
    hasty: Running, draft: dict[str, str], decision: str
) -> None:
    answer = hasty.screen(slow(draft))
    assert (answer["complete"], answer["encoder"], answer["pass"]) == (False, "absent", None)
    assert answer["decision"] == decision  # what the other witnesses are sure of, stands
    assert "could-not-judge" in [finding["id"] for finding in answer["findings"]]
    stored = hasty.client.get(f"/screenings/{answer['screening_id']}").json()
    assert stored["complete"] is False
    assert "screening_incomplete_total" in hasty.client.get("/metrics").text


class StuckScreener(OneByOne):
    """Each stage of it takes as long as it is not allowed to go on, 0.2 seconds on the event loop."""

    go = threading.Event()

    def partial_evidence(self, draft: Draft, *given: Any, **named: Any) -> PartialEvidence:
        on_the_loop = threading.current_thread().name != "slow-lane_0"
        self.go.wait(0.2 if on_the_loop else 60)
        return super().partial_evidence(draft, *given, **named)


def test_once_a_stage_has_overrun_on_the_event_loop_the_next_is_not_waited_for(tmp_path: Path) -> None:
    with service_with(tmp_path, StuckScreener, 0.1) as service:
        for _ in range(3):  # the first waits on the loop, the others would wait in the lane until they may go
            answer = service.screen(ALLOWED)
            assert (answer["complete"], answer["decision"], answer["pass"]) == (False, "warn", None)
            assert [finding["id"] for finding in answer["findings"]] == ["could-not-judge"]
        assert not StuckScreener.go.is_set()
        assert service.client.get("/healthz").status_code == 200
        StuckScreener.go.set()


def test_what_may_take_too_long_for_its_budget_is_not_judged_on_the_event_loop() -> None:
    now = [0.0]
    judging = JudgingExecutor(clock=lambda: now[0])
    draft = Draft("GG-1", "", "x" * 1000)
    assert judging.fits_loop(draft, JudgingDeadline(2.0))
    assert not judging.fits_loop(draft, JudgingDeadline(0.01))
    assert not judging.fits_loop(Draft("GG-1", "", "x" * 6001), JudgingDeadline(60))
    judging.close()


def test_an_encoder_that_fails_makes_the_answer_incomplete(tmp_path: Path) -> None:
    with service_with(tmp_path, BrokenScreener, 30) as service:
        answer = service.screen(slow(ALLOWED))
        assert (answer["complete"], answer["decision"]) == (False, "warn")
        assert service.screen(ALLOWED)["complete"] is True


class Asked:
    """A clock that passes the deadline at the n-th time it is asked whether it is late."""

    def __init__(self, late_at: int) -> None:
        self.left = late_at

    def __call__(self) -> bool:
        self.left -= 1
        return self.left <= 0


@pytest.mark.parametrize(("late_at", "hits", "model"), [(1, False, False), (2, True, False), (3, True, True)])
def test_stages_after_the_deadline_are_left_out(screener: Screener, late_at: int, hits: bool, model: bool) -> None:
    partial = screener.partial_evidence(Draft(**BLOCKED), late=Asked(late_at))
    evidence = screener.combine(partial, None)
    assert (bool(evidence.rules.hits), evidence.model is not None) == (hits, model)
    assert evidence.complete is (model and not partial.doubtful)


def test_where_no_stage_was_in_time_the_draft_is_not_called_unreasonable(screener: Screener) -> None:
    judging = JudgingExecutor()
    for judge in (judging.short, judging.long):
        past = JudgingDeadline(0)
        judged = asyncio.run(judge((screener, None), Draft(**ALLOWED), None, past))
        assert [finding.id for finding in judged.verdict.findings] == ["could-not-judge"]
        assert (judged.verdict.decision, judged.verdict.complete) == ("warn", False)
    judging.close()


def test_the_two_steps_give_what_one_call_gives(screener: Screener) -> None:
    judging = JudgingExecutor()
    for words in (ALLOWED, BLOCKED):
        draft = Draft(**words)
        judged = asyncio.run(judging.short((screener, screener), draft, None, JudgingDeadline(60)))
        assert judged.evidence == screener.evidence(draft)
        assert judged.verdict == judged.shadow == screener.screen(draft)
    judging.close()
