"""Judging within a time budget. Where the threads are was measured.

The cheap witnesses judge a short draft on the event loop, in less time than a thread would take to be woken, and all
that arrive in one turn of the loop together (`micro_batching.py`). The encoder, asked in doubt, takes ten times as long
and frees the interpreter while it works: it alone goes to threads, so that a doubtful draft holds up nobody. Where more
doubtful drafts come than it can read in time, a few are answered without it, at once and incomplete, and the rest are
refused (`incomplete_answers.py`). A long draft goes to the lane, a thread with a screener of its own.

What runs on the event loop cannot be broken off. So only drafts go there that take a small part of their budget; and
once one has overrun it all the same, every draft goes to the lane for a while, where the budget ends the waiting.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace

from classifier import Draft, Order, Screener, Verdict
from classifier.evidence import Evidence, LanguageGuess, RuleEvidence
from classifier.model.encoder import EncoderScores
from classifier.screener import RULES_ONLY, PartialEvidence
from service.judging.encoder_queue import EncoderQueue, OverloadedError, Pace, spare_threads
from service.judging.incomplete_answers import IncompleteAnswers
from service.judging.micro_batching import MicroBatcher
from service.telemetry.logs import event

LONGEST_INLINE = 6_000
"""Drafts of at most so many characters are judged on the event loop."""
SECONDS_PER_CHARACTER = 20e-6
"""What a character may cost on the event loop: twice what the slowest kind of text was measured to take."""
DISTRUST_SECONDS = 60.0
"""How long after an overrun no draft is judged on the event loop."""
SHARE = 0.5
"""The part of what is left of a budget that a draft may be expected to wait before it is judged at all."""
_LANE_GUESS = 5e-6
"""Seconds that a character takes in the lane, until it is known."""

Pair = tuple[Screener, Screener | None]
"""The screener that decides and its challenger, which is asked too unless it is None."""


@dataclass(frozen=True, slots=True)
class JudgedDraft:
    """A verdict, what it rests on, and what the challenger would have said."""

    verdict: Verdict
    evidence: Evidence
    shadow: Verdict | None = None


class JudgingDeadline:
    """The moment by which a draft must be judged; every stage may ask how much is left."""

    def __init__(self, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.seconds = seconds
        self._at = clock() + seconds

    @property
    def at(self) -> float:
        """The moment, on the clock of the deadlines."""
        return self._at

    def late(self) -> bool:
        """Whether the moment has passed."""
        return self._clock() >= self._at

    def left(self) -> float:
        """Seconds that are left, never less than 0."""
        return max(0.0, self._at - self._clock())


class JudgingExecutor:
    """The threads of one process in which drafts are judged, and the event loop beside them."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.lane = ThreadPoolExecutor(1, "slow-lane")
        self._clock = clock
        self._distrusted_until = float("-inf")
        self._micro_batcher = MicroBatcher(LONGEST_INLINE, self._distrust)
        self._encoder = EncoderQueue(threads=spare_threads(), clock=clock)
        self._lane_pace = Pace(_LANE_GUESS)
        self._in_lane = 0
        self._incomplete = IncompleteAnswers()
        self._behind = 0

    def close(self) -> None:
        """End the threads once they have finished what they are at."""
        self.lane.shutdown(wait=True, cancel_futures=True)
        self._encoder.close()

    def fits_loop(self, draft: Draft, deadline: JudgingDeadline) -> bool:
        """Whether a draft may be judged on the event loop, where nothing ends a stage that takes too long."""
        length = draft.length
        quick = length <= LONGEST_INLINE and length * SECONDS_PER_CHARACTER <= deadline.seconds
        return quick and self._clock() >= self._distrusted_until

    def _distrust(self) -> None:
        if self._behind:  # where drafts wait for each other, one that ends late is no sign of a slow one
            return
        event("budget-overrun", level=logging.WARNING, stage="loop")
        self._distrusted_until = self._clock() + DISTRUST_SECONDS

    async def short(self, pair: Pair, draft: Draft, order: Order | None, deadline: JudgingDeadline) -> JudgedDraft:
        """The verdict on a draft that may be read on the event loop: without the encoder, and incomplete, where too
        much waits for that, but not for long (`incomplete_answers.py`). Raises OverloadedError where too much waits."""
        wait = self._micro_batcher.seconds_before(draft)
        if wait > SHARE * deadline.left():
            raise OverloadedError
        verdict, evidence = await self._verdict(
            pair[0], draft, order, deadline, waits=wait > 0, may_be_incomplete=self._incomplete.spend
        )
        if verdict.complete:
            self._incomplete.earn()
        shadow = None
        if pair[1] is not None:
            with suppress(OverloadedError):  # a challenger only watches: it says all that it would, or nothing
                shadow, _ = await self._verdict(pair[1], draft, order, deadline)
        return JudgedDraft(verdict, evidence, shadow)

    async def long(self, pair: Pair, draft: Draft, order: Order | None, deadline: JudgingDeadline) -> JudgedDraft:
        """The verdict on a draft that is read in the lane, with the lane's own `pair`. Raises OverloadedError where too
        much waits."""
        length = draft.length
        if self._in_lane and (self._in_lane + length) * self._lane_pace.seconds > SHARE * deadline.left():
            raise OverloadedError
        self._in_lane += length
        loop = asyncio.get_running_loop()
        work = self.lane.submit(self._paced, length, pair, draft, order, deadline)
        work.add_done_callback(lambda _: self._left_lane(loop, length))
        try:
            return await asyncio.wait_for(asyncio.wrap_future(work), deadline.left())
        except TimeoutError:
            event("budget-overrun", level=logging.WARNING, stage="lane")
            return unjudged(pair[0])

    def _paced(
        self, length: int, pair: Pair, draft: Draft, order: Order | None, deadline: JudgingDeadline
    ) -> JudgedDraft:
        begun = self._clock()
        judged = _in_lane(pair, draft, order, deadline)
        self._lane_pace.took(self._clock() - begun, length)
        return judged

    def _left_lane(self, loop: asyncio.AbstractEventLoop, length: int) -> None:
        def leave() -> None:
            self._in_lane -= length

        with suppress(RuntimeError):  # the loop has ended, and with it all that waited
            loop.call_soon_threadsafe(leave)

    async def _verdict(
        self, screener: Screener, draft: Draft, order: Order | None, deadline: JudgingDeadline, *,
        waits: bool = False, may_be_incomplete: Callable[[], bool] = lambda: False,
    ) -> tuple[Verdict, Evidence]:  # fmt: skip
        """Raises OverloadedError where others took the time of this draft and it may not be answered incomplete.
        `waits`: it came behind others."""
        self._behind += waits
        try:
            partial = await self._micro_batcher.partial_evidence(screener, draft, order, deadline.late)
        finally:
            self._behind -= waits
        if waits and deadline.late() and (partial.doubtful or not partial.in_time) and not may_be_incomplete():
            raise OverloadedError
        scores: tuple[EncoderScores, ...] | None = ()
        if partial.doubtful:
            try:
                scores = await self._encoder_scores(screener, partial, deadline, waits=waits)
            except OverloadedError:
                if not may_be_incomplete():
                    raise
                event("budget-overrun", level=logging.WARNING, stage="encoder-queue")
                scores = None
        return _decided(screener, partial, scores)

    async def _encoder_scores(
        self, screener: Screener, partial: PartialEvidence, deadline: JudgingDeadline, *, waits: bool
    ) -> tuple[EncoderScores, ...] | None:
        """The encoder's word; None, and the evidence is incomplete, if it takes too long or fails. Raises
        OverloadedError where too much waits before the encoder, or where the time ends because others took it."""
        passages = len(partial.scores.asked) if partial.scores else 1
        begun = False

        def work() -> tuple[EncoderScores, ...]:
            nonlocal begun
            begun = True
            return screener.encoder_scores(partial)

        try:
            return await self._encoder.ask(work, passages, by=deadline.at, left=deadline.left())
        except OverloadedError:
            raise
        except TimeoutError:
            if waits or not begun:
                raise OverloadedError from None
            event("budget-overrun", level=logging.WARNING, stage="encoder")
        except Exception as error:  # the other witnesses have spoken: an encoder that fails must not silence them
            event("encoder-failed", level=logging.ERROR, kind=type(error).__name__)
        return None


def _in_lane(pair: Pair, draft: Draft, order: Order | None, deadline: JudgingDeadline) -> JudgedDraft:
    verdict, evidence = _at_once(pair[0], draft, order, deadline)
    return JudgedDraft(verdict, evidence, _at_once(pair[1], draft, order, deadline)[0] if pair[1] else None)


def _at_once(
    screener: Screener, draft: Draft, order: Order | None, deadline: JudgingDeadline
) -> tuple[Verdict, Evidence]:
    partial = screener.partial_evidence(draft, order, late=deadline.late)
    scores = (
        None if partial.doubtful and deadline.late() else screener.encoder_scores(partial) if partial.doubtful else ()
    )
    return _decided(screener, partial, scores)


def _decided(
    screener: Screener, partial: PartialEvidence, scores: tuple[EncoderScores, ...] | None
) -> tuple[Verdict, Evidence]:
    evidence = screener.combine(partial, scores)
    verdict = screener.policy.decide(evidence, partial.order)
    if partial.scores is None and not evidence.complete:
        verdict = _without_reason(verdict)
    return verdict, evidence


def _without_reason(verdict: Verdict) -> Verdict:
    """Nobody looked for a reason to write, so its absence is not held against the draft."""
    return replace(verdict, findings=tuple(f for f in verdict.findings if f.id != "no-recognised-reason"))


def unjudged(screener: Screener) -> JudgedDraft:
    """What is said of a draft that could not be judged in time: a warning, marked as incomplete."""
    evidence = Evidence(
        rules=RuleEvidence((), (), screener.book.version),
        model=None,
        form=(),
        language=LanguageGuess("und", "none"),
        thresholds=RULES_ONLY,
        complete=False,
    )
    verdict = screener.policy.decide(evidence)
    kept = tuple(finding for finding in verdict.findings if finding.id == "could-not-judge")
    return JudgedDraft(replace(verdict, findings=kept), evidence)
