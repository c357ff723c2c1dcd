"""The screeners that serve: the promoted model, followed without a restart, and a challenger in shadow.

A short draft is judged on the event loop: it takes less time than handing it to a thread. A long one goes to the slow
lane, a thread with a screener of its own, and is given up after the time budget.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Sequence
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


@dataclass(frozen=True, slots=True)
class _Loaded:
    """One model, rule book and challenger; `slow` is built once the lane needs it, so that the start need not wait."""

    screener: Screener
    shadow: Screener | None
    slow: Future[tuple[Screener, Screener | None]]


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
        return self._loaded.screener

    @property
    def model_version(self) -> str:
        """The version of the model that serves now."""
        artifact = self._loaded.screener.artifact
        return artifact.version if artifact else "none"

    def close(self) -> None:
        """End the slow lane."""
        self._lane.shutdown(wait=True, cancel_futures=True)

    async def judge(self, draft: Draft, order: Order | None, *, shadow: bool) -> Judged:
        """The verdict on one draft; incomplete where the time budget ran out. `shadow`: ask the challenger too."""
        loaded = self._loaded
        if len(draft.body) + len(draft.subject) <= LONGEST_INLINE:
            return _judge(loaded.screener, loaded.shadow if shadow else None, draft, order)
        return (await self._in_lane(loaded, [draft], [order], shadow=shadow))[0]

    async def judge_many(
        self, drafts: Sequence[Draft], orders: Sequence[Order | None], *, shadow: bool
    ) -> list[Judged]:
        """The verdicts on a batch, in order, within the sum of their budgets."""
        return await self._in_lane(self._loaded, drafts, orders, shadow=shadow)

    async def _in_lane(
        self, loaded: _Loaded, drafts: Sequence[Draft], orders: Sequence[Order | None], *, shadow: bool
    ) -> list[Judged]:
        def work() -> list[Judged]:
            screener, challenger = loaded.slow.result()
            asked = challenger if shadow else None
            return [_judge(screener, asked, draft, order) for draft, order in zip(drafts, orders, strict=True)]

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
            event("model-loaded", model=self.model_version, shadow=_version(self._loaded.shadow))
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

        def build() -> tuple[Screener, Screener | None]:
            shadow = Screener(policy=policy, book=book, artifact=challenger) if challenger else None
            return Screener(policy=policy, book=book, artifact=artifact), shadow

        screener, shadow = build()
        loaded = _Loaded(screener, shadow, self._lane.submit(build))
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


def _judge(screener: Screener, challenger: Screener | None, draft: Draft, order: Order | None) -> Judged:
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
