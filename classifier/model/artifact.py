"""The folder that training writes and the screener reads: arrays, words and a manifest. Loading executes nothing."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.evidence import Thresholds
from classifier.labels import LABELS, Label

FORMAT = 1
SHIPPED = Path(__file__).parents[1] / "shipped"
ARRAYS, VOCABULARY, MANIFEST, ENCODER = "arrays.npz", "vocabulary.json", "manifest.json", "encoder"
_SHAPED = ("keys", "table", "bias", "stack", "stack_bias")


class ArtifactError(ValueError):
    """The folder holds no artifact that this version can serve; the text names the file and the reason."""


@dataclass(frozen=True, slots=True, eq=False)
class ModelArtifact:
    """A fitted model as plain data.

    keys (m,) int64: the n-grams of `NgramSpace`. table (m, 19) float32: per n-gram the weighted coefficients of the
    draft, naive-Bayes and window models (six each) and its squared weight. bias (18,). stack (6, k), stack_bias (6,):
    from the witnesses' numbers to a calibrated logit; encoder_stack (6, k + 6), encoder_bias (6,) with the encoder's.
    """

    version: str
    vocabulary: tuple[str, ...]
    keys: NDArray[np.int64]
    table: NDArray[np.float32]
    bias: NDArray[np.float32]
    stack: NDArray[np.float64]
    stack_bias: NDArray[np.float64]
    encoder_stack: NDArray[np.float64] | None
    encoder_bias: NDArray[np.float64] | None
    thresholds: Mapping[Label, Thresholds]
    manifest: Mapping[str, Any]
    encoder_folder: Path | None

    @classmethod
    def load(cls, folder: Path) -> "ModelArtifact":
        """Read an artifact. Raises ArtifactError for anything missing, altered or of another format."""
        manifest = _manifest(folder)
        arrays = _arrays(folder, manifest)
        vocabulary = json.loads(_checked(folder, VOCABULARY, manifest))
        thresholds = {Label(name): Thresholds(**limits) for name, limits in manifest["thresholds"].items()}
        if set(thresholds) != set(LABELS):
            raise ArtifactError(f"{folder / MANIFEST}: thresholds are not those of the six labels")
        for name in manifest["files"]:
            if name.startswith(f"{ENCODER}/"):
                _checked(folder, name, manifest)
        encoder = folder / ENCODER
        return cls(
            version=manifest["version"],
            vocabulary=tuple(vocabulary),
            **{name: arrays[name] for name in _SHAPED},
            encoder_stack=arrays.get("encoder_stack"),
            encoder_bias=arrays.get("encoder_bias"),
            thresholds=thresholds,
            manifest=manifest,
            encoder_folder=encoder if encoder.is_dir() and "encoder_stack" in arrays else None,
        )


def shipped_artifact() -> Path:
    """The folder of the promoted model: the registry's live version under $SCREENING_HOME, else the shipped one."""
    registry = Path(os.environ.get("SCREENING_HOME", "var")) / "registry"
    live = registry / "live"
    try:
        folder = registry / "versions" / live.read_text(encoding="utf-8").strip()
    except OSError:
        return SHIPPED
    return folder if folder.is_dir() else SHIPPED


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path}: {error}") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ArtifactError(f"{path}: format {manifest.get('format')!r} is not {FORMAT}")
    return manifest


def _checked(folder: Path, name: str, manifest: Mapping[str, Any]) -> bytes:
    path = folder / name
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path}: {error}") from error
    if hashlib.sha256(data).hexdigest() != manifest["files"].get(name):
        raise ArtifactError(f"{path}: its SHA-256 is not the manifest's; the file was altered or cut short")
    return data


def _arrays(folder: Path, manifest: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    _checked(folder, ARRAYS, manifest)
    try:
        with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{folder / ARRAYS}: {error}") from error
    if missing := [name for name in _SHAPED if name not in found]:
        raise ArtifactError(f"{folder / ARRAYS}: no array {missing[0]!r}")
    found["table"] = found["table"].astype(np.float32)
    return found
