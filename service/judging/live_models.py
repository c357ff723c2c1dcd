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
from classifier.matching.rulebook import RuleBook, RuleError
from classifier.model.artifact import MANIFEST, SHIPPED, ModelArtifact
from classifier.model.registry_layout import RegistryLayout, RegistryNameError
from classifier.policy.policy import Policy
from service.garbage_collection import return_free_memory
from service.judging.canaries import judge_canaries
from service.judging.encoder_queue import OverloadedError
from service.judging.executor import JudgedDraft, JudgingDeadline, JudgingExecutor, Pair, unjudged
from service.judging.micro_batching import MOST_TOGETHER
from service.telemetry.logs import event

UNFINISHED = ".unfinished"
"""Stands in the folder of the rules while its files are replaced: they are no whole yet."""


@dataclass(slots=True)
class _Loaded:
    """One model, rule book and challenger, built twice: `slow` for the lane, once it is first needed."""

    live: Pair
    build: Callable[[], Pair]
    slow: Future[Pair] | None = None


class Screeners:
    """Judges the drafts of this process with the live model."""

    def __init__(
        self, home: Path, *, budget: float, encoder: bool = True, make: Callable[..., Screener] = Screener,
        registry: Path | None = None, rules: Path | None = None,
    ) -> None:  # fmt: skip
        """`budget` in seconds; `encoder` False: no model asks its own. `registry` and `rules` are folders that are not
        those of `home`. Raises RuleError or ValueError where not even the shipped model can judge with these rules."""
        self._registry = RegistryLayout(registry) if registry else RegistryLayout.of_home(home)
        self._rules = rules or home / "rules"
        self._budget = budget
        self._encoder = encoder
        self._make = make
        self._seen = self._signature()
        self._refused = ""
        self._rules_refused = ""
        self._replaced = False
        self.challenger_failed: str = ""
        self._judging = JudgingExecutor()
        self._loaded = self._first()
        self._loading = threading.Lock()

    @property
    def failed(self) -> str:
        """Why the model or rule book that is named does not serve; empty where it does."""
        return "; ".join(filter(None, (self._refused, self._rules_refused)))

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
        """The verdict on one draft; incomplete where the time budget ran out. `shadow`: ask the challenger too. Raises
        OverloadedError where so much waits that it would run out."""
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
    ) -> list[JudgedDraft | OverloadedError]:
        """The verdicts on a batch, in order, within the sum of their budgets, or that too much waited for one of them.
        After each group others have a turn."""
        deadline = self.deadline(len(drafts))
        begun = []
        for number, (draft, order) in enumerate(zip(drafts, orders, strict=True), 1):
            begun.append(asyncio.ensure_future(self._judge_or_not(draft, order, shadow=shadow, deadline=deadline)))
            if number % MOST_TOGETHER == 0:
                await asyncio.sleep(0)
        return await asyncio.gather(*begun)

    async def _judge_or_not(
        self, draft: Draft, order: Order | None, *, shadow: bool, deadline: JudgingDeadline
    ) -> JudgedDraft | OverloadedError:
        try:
            return await self.judge(draft, order, shadow=shadow, deadline=deadline)
        except OverloadedError as error:
            return error

    def refresh(self) -> bool:
        """Load what was promoted, put in shadow or published since; True if something changed.

        What will not load, or judges a canary draft wrongly, is logged and left; the screeners that serve stay.
        """
        with self._loading:
            if self._replaced:  # by now no draft is judged any more with what was replaced
                self._replaced = False
                return_free_memory()
            signature = self._signature()
            if signature == self._seen or self._is_being_written():
                return False
            self._seen = signature
            try:
                self._loaded = self._load(self._live_folder())
            except Exception as error:  # whatever is wrong with the newcomer, what serves goes on
                self._refuse(error, serving=self.model_version)
                return False
            self._refused, self._replaced = "", True
            event("model-loaded", model=self.model_version, shadow=_version(self._loaded.live[1]))
            return True

    def _first(self) -> _Loaded:
        """At the start: a promoted model that cannot judge gives way to the shipped one, and is reported."""
        if _pointed(self._registry.live_version) is None:
            return self._load(SHIPPED)
        try:
            return self._load(self._live_folder())
        except RuleError:
            raise
        except Exception as error:
            self._refuse(error, serving="shipped")
            return self._load(SHIPPED)

    def _refuse(self, error: Exception, *, serving: str) -> None:
        self._refused = f"{type(error).__name__}: {error}"
        event("model-refused", level=logging.ERROR, reason=self._refused, serving=serving)

    def try_book(self, book: RuleBook) -> None:
        """Judge the canary drafts by a rule book that is to serve, with the live model. Raises CanaryError."""
        with self._loading:  # one after another: each screener takes its memory
            judge_canaries(self._make(policy=Policy.load(), book=book, artifact=self.screener.artifact))

    def rules_refused(self, reason: str) -> None:
        """The rule book that the desk has in force cannot judge; with an empty `reason` it can."""
        if reason and reason != self._rules_refused:
            event("rules-refused", level=logging.ERROR, reason=reason, serving=self.screener.book.version)
        self._rules_refused = reason

    def _live_folder(self) -> Path:
        version = _pointed(self._registry.live_version)
        return self._folder(version) if version else SHIPPED

    def _folder(self, version: str) -> Path:
        """The folder of a version. Raises RegistryNameError where its name or a link leads out of the registry."""
        folder = self._registry.folder(version)
        if not folder.resolve().is_relative_to(self._registry.versions.resolve()):
            raise RegistryNameError(f"{folder} leads out of the registry")
        return folder

    def _load(self, live: Path) -> _Loaded:
        started = time.perf_counter()
        policy, book = Policy.load(), self._book()
        artifact = self._artifact(live)

        def screener(of: ModelArtifact) -> Screener:
            return self._make(policy=policy, book=book, artifact=of)

        champion = screener(artifact)
        judge_canaries(champion)
        challenger = self._challenger(screener)
        shadow = challenger.artifact if challenger else None
        loaded = _Loaded((champion, challenger), lambda: (screener(artifact), screener(shadow) if shadow else None))
        event("loaded", seconds=round(time.perf_counter() - started, 2))
        return loaded

    def _challenger(self, screener: Callable[[ModelArtifact], Screener]) -> Screener | None:
        """The model named in registry/shadow; None, with a logged event, where it does not load or cannot judge."""
        self.challenger_failed = ""
        version = _pointed(self._registry.shadow_version)
        if version is None:
            return None
        try:
            challenger = screener(self._artifact(self._folder(version)))
            judge_canaries(challenger)
        except Exception as error:  # a challenger only watches: without it all goes on
            self.challenger_failed = f"{type(error).__name__}: {error}"
            event("shadow-refused", level=logging.ERROR, reason=self.challenger_failed)
            return None
        return challenger

    def _artifact(self, folder: Path) -> ModelArtifact:
        artifact = ModelArtifact.load(folder)
        return artifact if self._encoder else replace(artifact, encoder_folder=None)

    def _book(self) -> RuleBook:
        """The rules of the folder; the shipped ones where there is no folder, or a kill left half of it written."""
        return RuleBook.load(self._rules) if self._rules.is_dir() and not self._is_being_written() else RuleBook.load()

    def _is_being_written(self) -> bool:
        return (self._rules / UNFINISHED).exists()

    def _signature(self) -> tuple[object, ...]:
        """Changes when another model is named, a named one is mended, or a rule file is written."""
        named = [_pointed(read) for read in (self._registry.live_version, self._registry.shadow_version)]
        manifests = [_written(self._registry.versions / name / MANIFEST) if name else None for name in named]
        rules = tuple((path.name, _written(path)) for path in sorted(self._rules.glob("*.toml")))
        return (*named, *manifests, self._rules.is_dir(), rules)


def _pointed(read: Callable[[], str | None]) -> str | None:
    """The version that a pointer of the registry names; what is no text is a name that no version has."""
    try:
        return read()
    except ValueError:
        return "(not UTF-8)"


def _written(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except (OSError, ValueError):  # ValueError: a NUL in a name
        return None


def _version(screener: Screener | None) -> str | None:
    return screener.artifact.version if screener and screener.artifact else None
