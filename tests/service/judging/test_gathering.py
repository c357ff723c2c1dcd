"""Drafts that arrive together are looked at together, with the same result, and each fails or succeeds by itself."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from classifier import Draft, Order, Screener
from classifier.screener import PartialEvidence
from service.judging.micro_batching import MOST_TOGETHER, MicroBatcher
from tests.service.drafts import ALLOWED, BLOCKED

LONGEST = 1_000


class Recorder:
    """Stands in for a screener: notes which drafts it saw together, and cannot bear the word BAD."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []

    def partial_evidence(self, draft: Draft, order: Order | None, *, late: Callable[[], bool]) -> Any:
        return self.partial_evidence_of_many([draft], [order], late=late)[0]

    def partial_evidence_of_many(
        self, drafts: Sequence[Draft], orders: Sequence[Order | None], *, late: Callable[[], bool]
    ) -> Any:
        self.groups.append([draft.body for draft in drafts])
        if any("BAD" in draft.body for draft in drafts):
            raise ValueError("bad")
        return [f"{draft.body} {'late' if late() else 'in time'}" for draft in drafts]


def never() -> bool:
    return False


def asked(
    screener: Any, bodies: Sequence[str], late: Callable[[], bool] = never, overran: Callable[[], None] = lambda: None
) -> list[Any]:
    """What comes of drafts that arrive in one turn of the loop; an error in the place of its draft."""

    async def together() -> list[Any]:
        gathering = MicroBatcher(LONGEST, overran)
        futures = [
            gathering.partial_evidence(cast(Screener, screener), Draft("GG-1", "", body), None, late) for body in bodies
        ]
        return await asyncio.gather(*futures, return_exceptions=True)

    return asyncio.run(together())


def test_who_arrives_in_one_turn_is_looked_at_in_groups_in_order() -> None:
    recorder = Recorder()
    bodies = [str(number) for number in range(MOST_TOGETHER + 2)]
    assert asked(recorder, bodies) == [f"{body} in time" for body in bodies]
    assert recorder.groups == [bodies[:MOST_TOGETHER], bodies[MOST_TOGETHER:]]


def test_a_group_is_no_longer_than_the_longest_draft() -> None:
    recorder = Recorder()
    asked(recorder, ["a" * LONGEST, "b" * 600, "c" * 400, "d"])
    assert [[body[0] for body in group] for group in recorder.groups] == [["a"], ["b", "c"], ["d"]]


def test_a_draft_that_cannot_be_looked_at_fails_by_itself() -> None:
    first, second, third = asked(Recorder(), ["good", "BAD", "better"])
    assert (first, third) == ("good in time", "better in time")
    assert isinstance(second, ValueError)


def test_a_deadline_that_passes_meanwhile_is_told_and_one_passed_before_is_not() -> None:
    overruns: list[str] = []
    clock = iter([False, True, True, True])
    assert asked(Recorder(), ["x"], lambda: next(clock), lambda: overruns.append("x")) == ["x late"]
    assert overruns == ["x"]
    assert asked(Recorder(), ["x"], lambda: True, lambda: overruns.append("again")) == ["x late"]
    assert overruns == ["x"]


@pytest.fixture(scope="module")
def screener() -> Screener:
    return Screener.load()


def test_together_gives_the_verdicts_of_each_alone(screener: Screener) -> None:
    drafts = [Draft(**one) for one in (ALLOWED, BLOCKED, ALLOWED)]

    async def together() -> list[PartialEvidence]:
        gathering = MicroBatcher(6_000, lambda: None)
        return await asyncio.gather(*(gathering.partial_evidence(screener, draft, None, never) for draft in drafts))

    for draft, partial in zip(drafts, asyncio.run(together()), strict=True):
        evidence = screener.combine(partial, screener.encoder_scores(partial) if partial.doubtful else ())
        assert screener.policy.decide(evidence) == screener.screen(draft)


def test_stages_are_left_out_once_nobody_is_in_time(screener: Screener) -> None:
    for partial in screener.partial_evidence_of_many(
        [Draft(**BLOCKED), Draft(**ALLOWED)], [None, None], late=lambda: True
    ):
        assert (partial.in_time, partial.rules.hits, partial.scores) == (False, (), None)
