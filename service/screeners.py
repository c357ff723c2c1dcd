"""The screeners that serve: the promoted model, followed without a restart, and a challenger in shadow.

A short draft is judged on the event loop: it takes less time than handing it to a thread. A long one goes to the slow
lane, a thread with a screener of its own, and is given up after the time budget.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from classifier import Draft, Order, Screener, Verdict
from classifier.artifact import SHIPPED, ArtifactError, ModelArtifact
from classifier.evidence import Evidence, LanguageGuess, RuleEvidence
from classifier.policy import Policy
from classifier.rulebook import RuleBook
from classifier.screener import RULES_ONLY
from service.logs import event

LONGEST_INLINE = 6_000
"""Drafts of at most so many characters are judged on the event loop."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict, what it rests on, and what the challenger would have said."""

    verdict: Verdict
    evidence: Evidence
    shadow: Verdict | None = None


Pair = tuple[Screener, Screener | None]
"""The screener that decides and its challenger."""


@dataclass(slots=True)
class _Loaded:
    """One model, rule book and challenger, built twice: `slow` for the lane, once it is first needed."""

    live: Pair
    build: Callable[[], Pair]
    slow: Future[Pair] | None = None


class Screeners:
    """What judges the drafts of this process."""

    def __init__(self, home: Path, *, budget: float) -> None:
        """`budget` in seconds. Raises what `Screener.load` raises, naming the file at fault."""
        self._home = home
        self._budget = budget
        self._seen = self._signature()
        self.failed: str = ""
        self._lane = ThreadPoolExecutor(1, "slow-lane")
        self._loaded = self._first()
        self._loading = threading.Lock()

    @property
    def screener(self) -> Screener:
        """The screener that serves now."""
        return self._loaded.live[0]

    @property
    def model_version(self) -> str:
        """The version of the model that serves now."""
        artifact = self.screener.artifact
        return artifact.version if artifact else "none"

    def close(self) -> None:
        """End the slow lane."""
        self._lane.shutdown(wait=True, cancel_futures=True)

    async def judge(self, draft: Draft, order: Order | None, *, shadow: bool) -> Judged:
        """The verdict on one draft; incomplete where the time budget ran out. `shadow`: ask the challenger too."""
        if len(draft.body) + len(draft.subject) <= LONGEST_INLINE:
            return _judge(self._loaded.live, draft, order, shadow=shadow)
        return (await self.judge_many([draft], [order], shadow=shadow))[0]

    async def judge_many(
        self, drafts: Sequence[Draft], orders: Sequence[Order | None], *, shadow: bool
    ) -> list[Judged]:
        """The verdicts on a batch, in order, within the sum of their budgets."""
        loaded = self._loaded
        if loaded.slow is None:
            loaded.slow = self._lane.submit(loaded.build)
        pair = await asyncio.wrap_future(loaded.slow)

        def work() -> list[Judged]:
            return [_judge(pair, draft, order, shadow=shadow) for draft, order in zip(drafts, orders, strict=True)]

        budget = self._budget * max(len(drafts), 1)
        try:
            return await asyncio.wait_for(asyncio.get_running_loop().run_in_executor(self._lane, work), budget)
        except TimeoutError:
            event("budget-overrun", level=logging.WARNING, budget_s=budget, drafts=len(drafts))
            return [unjudged(self.screener)] * len(drafts)

    def refresh(self) -> bool:
        """Load what was promoted, put in shadow or published since; True if something changed.

        What will not load is logged and left; the screeners that serve stay.
        """
        with self._loading:
            signature = self._signature()
            if signature == self._seen:
                return False
            self._seen = signature
            try:
                self._loaded = self._load(_named(self._home, "live") or SHIPPED)
            except (ValueError, OSError, KeyError, TypeError) as error:
                self.failed = f"{type(error).__name__}: {error}"
                event("model-refused", level=logging.ERROR, reason=self.failed, serving=self.model_version)
                return False
            self.failed = ""
            event("model-loaded", model=self.model_version, shadow=_version(self._loaded.live[1]))
            return True

    def _first(self) -> _Loaded:
        """At the start: a promoted model that will not load gives way to the shipped one, and is reported."""
        try:
            return self._load(_named(self._home, "live") or SHIPPED)
        except ArtifactError as error:
            self.failed = str(error)
            event("model-refused", level=logging.ERROR, reason=self.failed, serving="shipped")
            return self._load(SHIPPED)

    def _load(self, live: Path) -> _Loaded:
        started = time.perf_counter()
        policy, book = Policy.load(), self._book()
        artifact = ModelArtifact.load(live)
        challenger = self._challenger()

        def build() -> Pair:
            shadow = Screener(policy=policy, book=book, artifact=challenger) if challenger else None
            return Screener(policy=policy, book=book, artifact=artifact), shadow

        loaded = _Loaded(build(), build)
        event("loaded", seconds=round(time.perf_counter() - started, 2))
        return loaded

    def _challenger(self) -> ModelArtifact | None:
        """The model named in registry/shadow; one that will not load has no say and stops nothing."""
        folder = _named(self._home, "shadow")
        try:
            return ModelArtifact.load(folder) if folder else None
        except (ValueError, OSError, KeyError, TypeError) as error:
            event("shadow-refused", level=logging.ERROR, reason=f"{type(error).__name__}: {error}")
            return None

    def _book(self) -> RuleBook:
        folder = self._home / "rules"
        return RuleBook.load(folder) if folder.is_dir() else RuleBook.load()

    def _signature(self) -> tuple[object, ...]:
        rules = sorted((self._home / "rules").glob("*.toml"))
        written = tuple((path.name, path.stat().st_mtime_ns) for path in rules)
        return _named(self._home, "live"), _named(self._home, "shadow"), written


def _judge(pair: Pair, draft: Draft, order: Order | None, *, shadow: bool) -> Judged:
    screener, challenger = pair if shadow else (pair[0], None)
    evidence = screener.evidence(draft, order)
    verdict = screener.policy.decide(evidence, order)
    return Judged(verdict, evidence, challenger.screen(draft, order) if challenger else None)


def unjudged(screener: Screener) -> Judged:
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
    return Judged(replace(verdict, findings=kept), evidence)


def _named(home: Path, pointer: str) -> Path | None:
    """The folder of the version that registry/<pointer> names; None where there is none."""
    registry = home / "registry"
    try:
        name = (registry / pointer).read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return registry / "versions" / name if name else None


def _version(screener: Screener | None) -> str | None:
    return screener.artifact.version if screener and screener.artifact else None
