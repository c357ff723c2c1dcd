"""The registry of models: publish a version, promote it, roll back, put one in shadow, and record who did it when.

The paths are those of classifier/model/registry_layout.py. A move is written to the history first and to `live` after
it; where a process is killed between the two, the next one that opens the registry completes the move.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from classifier.model.artifact import MANIFEST, SHIPPED, ArtifactError, ModelArtifact
from classifier.model.registry_layout import RegistryLayout, RegistryNameError, default_home
from training import atomic_files
from training.registry.history import SHIPPED_NAME, RegistryEvent, RegistryHistory, now

__all__ = ["ModelRegistry", "RegisteredModel", "RegistryError", "default_home", "verify"]


class RegistryError(ValueError):
    """An unknown or ambiguous version, or a move that is not possible; the text says which."""


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """One version of the registry with its manifest."""

    version: str
    folder: Path
    manifest: Mapping[str, Any]
    live: bool
    shadow: bool


def verify(folder: Path) -> str:
    """The version of an artifact that can be served and whose files are all unaltered. Raises ArtifactError."""
    artifact = ModelArtifact.load(folder)
    for name, digest in artifact.manifest["files"].items():
        file = folder / name
        if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != digest:
            raise ArtifactError(f"{file}: missing, or its SHA-256 is not the manifest's")
    return artifact.version


class ModelRegistry:
    """The registry of one home. Every change takes a lock and is complete or not there at all."""

    def __init__(self, home: Path | None = None) -> None:
        self.layout = RegistryLayout.of_home(home)
        self.root = self.layout.root
        self.history = RegistryHistory(self.layout.history)
        if self.history.path.exists():
            with self._lock():
                self._finish_last_move()

    def incoming(self) -> Path:
        """The parent of unfinished work, on the same disk as the versions."""
        return self.root / "incoming"

    def publish(self, folder: Path, *, who: str, why: str = "") -> str:
        """Add a finished artifact folder (it is moved); the same version twice is one. Returns the version.

        Raises ArtifactError if it cannot be served.
        """
        version = verify(folder)
        with self._lock():
            target = self.layout.folder(version)
            if not target.exists():
                atomic_files.move_folder(folder, target)
                self.history.add(RegistryEvent(now(), who, "publish", version, why))
        return version

    def promote(self, version: str, *, who: str, why: str, override: bool = False, gate: str = "") -> str:
        """Make a version live. Raises RegistryError, or ArtifactError if it will not load; `live` stays then."""
        return self._move("promote", self.resolve(version), who, why, override=override, gate=gate)

    def refuse(self, version: str, *, who: str, why: str, checks: Sequence[str]) -> None:
        """Record that the gate refused a promotion, and by which checks. `live` stays."""
        with self._lock():
            event = RegistryEvent(now(), who, "refuse", self.resolve(version), why, self.live(), gate="refused")
            self.history.add(replace(event, detail=", ".join(checks)))

    def rollback(self, *, who: str, why: str, to: str | None = None) -> str:
        """Make the version live that was so before, or `to`, which must have been live once. Returns its name.

        A further rollback goes one step further back. Raises RegistryError.
        """
        if to is None:
            target = self.history.before()
            if target is None:
                raise RegistryError(f"{self.live()} is live; there is nothing before it")
        else:
            target = self.resolve(to)
            if not self.history.was_live(target):
                raise RegistryError(f"{target} was never live, so nothing proves it; use promote, which asks the gate")
        return self._move("rollback", target, who, why)

    def _move(self, action: Any, version: str, who: str, why: str, *, override: bool = False, gate: str = "") -> str:
        digest = self._verified(version)
        with self._lock():
            current = self.live()
            if current == version:
                raise RegistryError(f"{version} is live already")
            shipped = digest if version == SHIPPED_NAME else ""
            self.history.add(RegistryEvent(now(), who, action, version, why, current, override, gate, shipped))
            self._point(self.layout.live, version)
            if self.shadow() == version:
                self.history.add(RegistryEvent(now(), who, "shadow-clear", version, "it is live now"))
                self.layout.shadow.unlink(missing_ok=True)
        return version

    def set_shadow(self, version: str, *, who: str, why: str) -> str:
        """Let a version judge beside the live one. Raises RegistryError, or ArtifactError if it will not load."""
        version = self.resolve(version)
        if version == self.live():
            raise RegistryError(f"{version} is live; a shadow is another version")
        if version == SHIPPED_NAME:  # the service finds a shadow among the versions only
            version = self._publish_shipped(who)
        self._verified(version)
        with self._lock():
            self.history.add(RegistryEvent(now(), who, "shadow-set", version, why, self.shadow() or ""))
            self._point(self.layout.shadow, version)
        return version

    def _publish_shipped(self, who: str) -> str:
        with atomic_files.workspace(self.incoming()) as place:
            shutil.copytree(SHIPPED, place / "model")
            return self.publish(place / "model", who=who, why="the shipped model, to judge in shadow")

    def clear_shadow(self, *, who: str, why: str) -> str:
        """End the shadow; returns the version that was in it. Raises RegistryError without a version in shadow."""
        version = self.shadow()
        if version is None:
            raise RegistryError("no version is in shadow")
        with self._lock():
            self.history.add(RegistryEvent(now(), who, "shadow-clear", version, why))
            self.layout.shadow.unlink(missing_ok=True)
        return version

    def live(self) -> str:
        """The version that the service follows, or "shipped"."""
        return self.layout.live_version() or SHIPPED_NAME

    def shadow(self) -> str | None:
        """The version in shadow."""
        return self.layout.shadow_version()

    def versions(self) -> list[RegisteredModel]:
        """All versions, the shipped model first where it exists, the others by name."""
        parent = self.layout.versions
        folders = sorted(f for f in parent.iterdir() if f.is_dir()) if parent.is_dir() else []
        named = [(f.name, f) for f in folders]
        if (SHIPPED / MANIFEST).exists():
            named.insert(0, (SHIPPED_NAME, SHIPPED))
        live, shadow = self.live(), self.shadow()
        return [
            RegisteredModel(name, folder, _manifest(folder), name == live, name == shadow) for name, folder in named
        ]

    def resolve(self, version: str) -> str:
        """The full name of a version given whole, by an unambiguous beginning, or as "live" or "shadow"."""
        if version in ("live", "shadow"):
            version = self.live() if version == "live" else self.shadow() or "(none in shadow)"
        if version == SHIPPED_NAME or self._holds(version):
            return version
        found = [s.version for s in self.versions() if s.version.startswith(version)] if version else []
        if len(found) != 1:
            raise RegistryError(f"{version!r} is {'ambiguous: ' + ', '.join(found) if found else 'no version here'}")
        return found[0]

    def _holds(self, version: str) -> bool:
        try:
            return (self.layout.folder(version) / MANIFEST).exists()
        except RegistryNameError:
            return False

    def folder(self, version: str) -> Path:
        """The artifact's folder. Raises RegistryError for an unknown version."""
        name = self.resolve(version)
        return SHIPPED if name == SHIPPED_NAME else self.layout.folder(name)

    def _verified(self, version: str) -> str:
        """The digest of an unaltered artifact that stands under its own name. Raises ArtifactError."""
        folder = self.folder(version)
        digest = verify(folder)
        if version not in (SHIPPED_NAME, digest):
            raise ArtifactError(f"{folder}: holds {digest}; a version stands under its own name")
        return digest

    def _lock(self) -> Any:
        return atomic_files.locked(self.root / ".lock")

    def _point(self, pointer: Path, version: str) -> None:
        if version == SHIPPED_NAME:
            pointer.unlink(missing_ok=True)
        else:
            atomic_files.write_text(pointer, version + "\n")

    def _finish_last_move(self) -> None:
        last = self.history.last_move()
        if last is not None and last.version != self.live():
            self._point(self.layout.live, last.version)


def _manifest(folder: Path) -> Mapping[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return {"unreadable": str(error)}
    return manifest
