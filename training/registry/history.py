"""What happened to the registry, one line an event, only ever added to: who, when, why."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

from training import atomic_files

Action = Literal["publish", "promote", "refuse", "rollback", "shadow-set", "shadow-clear"]
SHIPPED_NAME = "shipped"
"""What the history calls the model that comes with the source, live until another is promoted."""

_MOVES_LIVE = ("promote", "rollback")


@dataclass(frozen=True, slots=True)
class RegistryEvent:
    """One event. `at` is UTC, ISO 8601; `previous` is the version that was live (or in shadow) before.

    `digest` is the version of the shipped model, where "shipped" goes live: another source has another shipped model.
    `detail` names the checks that refused.
    """

    at: str
    who: str
    action: Action
    version: str
    why: str = ""
    previous: str = ""
    override: bool = False
    gate: str = ""
    """"passed", "refused" (and overridden) or "" where no gate applies."""

    digest: str = ""
    detail: str = ""


class RegistryHistory:
    """The file of events. A last line that a kill cut short is not read, and goes with the next event."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, event: RegistryEvent) -> None:
        """Append, and wait until it is on the disk."""
        atomic_files.append_line(self.path, json.dumps(asdict(event), ensure_ascii=False))

    def events(self) -> list[RegistryEvent]:
        """All events, oldest first. Raises ValueError naming the line that was tampered with."""
        return list(self._read())

    def _read(self) -> Iterator[RegistryEvent]:
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        whole = text[: text.rfind("\n") + 1]
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                yield RegistryEvent(**json.loads(line))
            except (TypeError, ValueError) as error:
                raise ValueError(f"{self.path}:{number}: no event: {error}") from error

    def last_move(self) -> RegistryEvent | None:
        """The event that made the live version live; None while the shipped one always was."""
        moves = [event for event in self.events() if event.action in _MOVES_LIVE]
        return moves[-1] if moves else None

    def live_on(self, day: date) -> RegistryEvent | None:
        """The event that made live what was live at the end of that day (UTC); None: the shipped model."""
        moves = [e for e in self.events() if e.action in _MOVES_LIVE and datetime.fromisoformat(e.at).date() <= day]
        return moves[-1] if moves else None

    def before(self) -> str | None:
        """The version that the next rollback makes live; None if nothing was live before the present one.

        A promotion goes one step forward, a rollback back to a version that was live: a version that was rolled back
        does not return.
        """
        steps = self._steps()
        return steps[-2] if len(steps) > 1 else None

    def _steps(self) -> list[str]:
        steps = [SHIPPED_NAME]
        for event in self.events():
            if event.action == "rollback" and event.version in steps:
                del steps[len(steps) - steps[::-1].index(event.version) :]
            elif event.action in _MOVES_LIVE:
                steps.append(event.version)
        return steps

    def was_live(self, version: str) -> bool:
        """Whether a version has ever been live; the shipped model was, before the first promotion."""
        return version == SHIPPED_NAME or version in self.lived()

    def lived(self) -> list[str]:
        """The versions that were live, the latest first, each once; the shipped model is the first of all."""
        moves = [event.version for event in self.events() if event.action in _MOVES_LIVE]
        return list(dict.fromkeys([*reversed(moves), SHIPPED_NAME]))


def now() -> str:
    """The present moment as events keep it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def as_row(event: RegistryEvent) -> dict[str, Any]:
    """The event as a dictionary, for reports."""
    return asdict(event)
