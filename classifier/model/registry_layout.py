"""The paths of the model registry in a home folder, shared by the classifier, the workbench and the service.

registry/live                  the name of the version that the service follows; absent: the shipped model
registry/shadow                the name of the challenger that judges beside it; absent: no challenger
registry/versions/<version>/   an artifact; written once
registry/history.jsonl         every event
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class RegistryNameError(ValueError):
    """A version name that could lead out of the registry."""


def default_home() -> Path:
    """The folder of the state: $SCREENING_HOME, else ./var."""
    return Path(os.environ.get("SCREENING_HOME", "var"))


@dataclass(frozen=True, slots=True)
class RegistryLayout:
    """The registry of one home. Holds paths only; reads the two pointers and writes nothing."""

    root: Path

    @classmethod
    def of_home(cls, home: Path | None = None) -> "RegistryLayout":
        """The registry of a home folder, by default of `default_home()`."""
        return cls((home or default_home()) / "registry")

    @property
    def live(self) -> Path:
        """The file that names the live version."""
        return self.root / "live"

    @property
    def shadow(self) -> Path:
        """The file that names the challenger in shadow."""
        return self.root / "shadow"

    @property
    def history(self) -> Path:
        """The file of events."""
        return self.root / "history.jsonl"

    @property
    def versions(self) -> Path:
        """The folder of all versions."""
        return self.root / "versions"

    def folder(self, version: str) -> Path:
        """The folder of a version, whether or not it exists. Raises RegistryNameError for a name that is no plain file
        name: it could lead out of the registry."""
        if not _NAME.fullmatch(version):
            raise RegistryNameError(f"{version!r} cannot be the name of a version")
        return self.versions / version

    def live_version(self) -> str | None:
        """The name of the live version; None where the shipped model is live."""
        return _named(self.live)

    def shadow_version(self) -> str | None:
        """The name of the challenger; None without one."""
        return _named(self.shadow)


def _named(pointer: Path) -> str | None:
    try:
        return pointer.read_text(encoding="utf-8").strip() or None
    except OSError:
        return None
