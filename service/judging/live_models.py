"""The live screeners: the promoted model, reloaded without a restart, and a challenger in shadow."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path

from classifier import Draft, Order, Screener
from classifier.matching.rulebook import RuleBook
from classifier.model.artifact import SHIPPED, ArtifactError, ModelArtifact
from classifier.model.registry_layout import RegistryLayout, RegistryNameError
from classifier.policy.policy import Policy
from service.judging.executor import JudgedDraft, JudgingDeadline, JudgingExecutor, Pair, unjudged
from service.judging.micro_batching import MOST_TOGETHER
from service.telemetry.logs import event


@dataclass(slots=True)
class _Loaded:
    """One model, rule book and challenger, built twice: `slow` for the lane, once it is first needed."""

    live: Pair
    build: Callable[[], Pair]
    slow: Future[Pair] | None = None


class Screeners:
    """Judges the drafts of this process with the live model."""

    def __init__(
        self, home: Path, *, budget: float, encoder: bool = True, make: Callable[..., Screener] = Screener
    ) -> None:
        """`budget` in seconds; `encoder` False: no model asks its own. Raises what `Screener.load` raises, naming the
        file at fault."""
        self._home = home
        self._registry = RegistryLayout.of_home(home)
        self._budget = budget
        self._encoder = encoder
        self._make = make
        self._seen = self._signature()
        self.failed: str = ""
        self._judging = JudgingExecutor()
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
        """End the threads that judge."""
        self._judging.close()

    def deadline(self, drafts: int = 1) -> JudgingDeadline:
        """When so many drafts must be judged that are asked for now."""
        return JudgingDeadline(self._budget * max(drafts, 1))

    async def judge(
        self, draft: Draft, order: Order | None, *, shadow: bool, deadline: JudgingDeadline | None = None
    ) -> JudgedDraft:
        """The verdict on one draft; incomplete where the time budget ran out. `shadow`: ask the challenger too."""
        loaded, deadline = self._loaded, deadline or self.deadline()
        if self._judging.fits_loop(draft, deadline):
            pair = loaded.live if shadow else (loaded.live[0], None)
            return await self._judging.short(pair, draft, order, deadline)
        slow = await self._slow(loaded, deadline)
        if slow is None:
            return unjudged(loaded.live[0])
        return await self._judging.long(slow if shadow else (slow[0], None), draft, order, deadline)

    async def _slow(self, loaded: _Loaded, deadline: JudgingDeadline) -> Pair | None:
        """The lane's own pair, built when it is first needed; None where the draft cannot wait for it."""
        if loaded.slow is None:
            loaded.slow = self._judging.lane.submit(loaded.build)
        try:
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(loaded.slow)), deadline.left())
        except TimeoutError:
            event("budget-overrun", level=logging.WARNING, stage="lane-start")
            return None

    async def judge_many(
        self, drafts: Sequence[Draft], orders: Sequence[Order | None], *, shadow: bool
    ) -> list[JudgedDraft]:
        """The verdicts on a batch, in order, within the sum of their budgets. After each group others have a turn."""
        deadline = self.deadline(len(drafts))
        begun = []
        for number, (draft, order) in enumerate(zip(drafts, orders, strict=True), 1):
            begun.append(asyncio.ensure_future(self.judge(draft, order, shadow=shadow, deadline=deadline)))
            if number % MOST_TOGETHER == 0:
                await asyncio.sleep(0)
        return await asyncio.gather(*begun)

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
                self._loaded = self._load(self._live_folder())
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
            return self._load(self._live_folder())
        except (ArtifactError, RegistryNameError) as error:
            self.failed = str(error)
            event("model-refused", level=logging.ERROR, reason=self.failed, serving="shipped")
            return self._load(SHIPPED)

    def _live_folder(self) -> Path:
        version = self._registry.live_version()
        return self._registry.folder(version) if version else SHIPPED

    def _load(self, live: Path) -> _Loaded:
        started = time.perf_counter()
        policy, book = Policy.load(), self._book()
        artifact = self._artifact(live)
        challenger = self._challenger()

        def build() -> Pair:
            shadow = self._make(policy=policy, book=book, artifact=challenger) if challenger else None
            return self._make(policy=policy, book=book, artifact=artifact), shadow

        loaded = _Loaded(build(), build)
        event("loaded", seconds=round(time.perf_counter() - started, 2))
        return loaded

    def _challenger(self) -> ModelArtifact | None:
        """The model named in registry/shadow; None, with a logged event, where it does not load."""
        version = self._registry.shadow_version()
        try:
            return self._artifact(self._registry.folder(version)) if version else None
        except (ValueError, OSError, KeyError, TypeError) as error:
            event("shadow-refused", level=logging.ERROR, reason=f"{type(error).__name__}: {error}")
            return None

    def _artifact(self, folder: Path) -> ModelArtifact:
        artifact = ModelArtifact.load(folder)
        return artifact if self._encoder else replace(artifact, encoder_folder=None)

    def _book(self) -> RuleBook:
        folder = self._home / "rules"
        return RuleBook.load(folder) if folder.is_dir() else RuleBook.load()

    def _signature(self) -> tuple[object, ...]:
        rules = sorted((self._home / "rules").glob("*.toml"))
        written = tuple((path.name, path.stat().st_mtime_ns) for path in rules)
        return self._registry.live_version(), self._registry.shadow_version(), written


def _version(screener: Screener | None) -> str | None:
    return screener.artifact.version if screener and screener.artifact else None
