"""The folder that training writes and the screener reads: arrays, words and a manifest. Loading executes nothing."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.evidence import Thresholds
from classifier.labels import LABELS, Label
from classifier.model.linear import WIDTH
from classifier.model.passage_features import FEATURE_NAMES
from classifier.model.registry_layout import RegistryLayout, RegistryNameError

FORMAT = 2
SHIPPED = Path(__file__).parents[1] / "shipped"
ARRAYS, VOCABULARY, MANIFEST, ENCODER = "arrays.npz", "vocabulary.json", "manifest.json", "encoder"
_ENTRIES = ("version", "files", "thresholds", "features", "doubt")
_SHAPED = ("keys", "table", "bias", "stack", "stack_bias", "calibration")


class ArtifactError(ValueError):
    """The folder holds no artifact that this version can serve; the text names the file and the reason."""


@dataclass(frozen=True, slots=True, eq=False)
class ModelArtifact:
    """A fitted model as plain data.

    keys (m,) int64: the n-grams of `NgramSpace`. table (m, 13) float32: per n-gram the weighted coefficients of the
    logistic and naive-Bayes models of passages (six each) and its squared weight. bias (12,). stack (6, k), stack_bias
    (6,): from a passage's features to its logit. calibration (2, 6): scale and offset from the highest logit of a
    draft's passages to that of the draft. encoder_stack (6, 7), encoder_bias (6,): from a passage's own logit and the
    encoder's six to its logit; encoder_calibration (2, 6) as calibration, where an encoder is asked.
    """

    version: str
    vocabulary: tuple[str, ...]
    keys: NDArray[np.int64]
    table: NDArray[np.float32]
    bias: NDArray[np.float32]
    stack: NDArray[np.float64]
    stack_bias: NDArray[np.float64]
    calibration: NDArray[np.float64]
    encoder_stack: NDArray[np.float64] | None
    encoder_bias: NDArray[np.float64] | None
    encoder_calibration: NDArray[np.float64]
    thresholds: Mapping[Label, Thresholds]
    manifest: Mapping[str, Any]
    encoder_folder: Path | None

    @classmethod
    def load(cls, folder: Path) -> "ModelArtifact":
        """Read an artifact. Raises ArtifactError for anything missing, altered, of another format or shape, or that
        could not judge."""
        manifest = _manifest(folder)
        arrays = _arrays(folder, manifest)
        vocabulary = json.loads(_checked(folder, VOCABULARY, manifest))
        thresholds = _thresholds(folder, manifest)
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
            encoder_calibration=arrays.get("encoder_calibration", arrays["calibration"]),
            thresholds=thresholds,
            manifest=manifest,
            encoder_folder=encoder if encoder.is_dir() and "encoder_stack" in arrays else None,
        )


def shipped_artifact() -> Path:
    """The folder of the promoted model: the registry's live version under $SCREENING_HOME, else the shipped one."""
    registry = RegistryLayout.of_home()
    try:
        folder = registry.folder(registry.live_version() or "")
    except RegistryNameError:
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
    if missing := [name for name in _ENTRIES if name not in manifest]:
        raise ArtifactError(f"{path}: no entry {missing[0]!r}")
    if manifest["version"] != digest(manifest):
        raise ArtifactError(f"{path}: the version is not the digest of the manifest; the file was altered")
    if list(manifest["features"]) != list(FEATURE_NAMES):
        raise ArtifactError(f"{path}: the features are not those that this version computes")
    return manifest


def digest(manifest: Mapping[str, Any]) -> str:
    """The version of an artifact: a digest of everything in its manifest, which holds the digests of all files."""
    content = {name: value for name, value in manifest.items() if name != "version"}
    return "model-" + hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def _thresholds(folder: Path, manifest: Mapping[str, Any]) -> dict[Label, Thresholds]:
    path = folder / MANIFEST
    try:
        found = {Label(name): Thresholds(**limits) for name, limits in manifest["thresholds"].items()}
    except (TypeError, ValueError, AttributeError) as error:
        raise ArtifactError(f"{path}: thresholds: {error}") from error
    if set(found) != set(LABELS):
        raise ArtifactError(f"{path}: thresholds are not those of the six labels")
    for label, limits in found.items():
        for name in ("possible", "asserted", "sure"):
            value = getattr(limits, name)
            if not isinstance(value, int | float) or not 0 <= value <= 1:
                raise ArtifactError(f"{path}: threshold {name} of {label} is {value!r}, not between 0 and 1")
    return found


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
    _check_shapes(folder / ARRAYS, found)
    found["table"] = found["table"].astype(np.float32)
    return found


def _check_shapes(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    n, columns = len(LABELS), arrays["keys"].shape[0] if arrays["keys"].ndim == 1 else -1
    shapes = {
        "keys": (columns,), "table": (columns, WIDTH + 1), "bias": (WIDTH,), "stack": (n, len(FEATURE_NAMES)),
        "stack_bias": (n,), "calibration": (2, n), "encoder_stack": (n, n + 1), "encoder_bias": (n,),
        "encoder_calibration": (2, n),
    }  # fmt: skip
    for name, array in arrays.items():
        if name not in shapes:
            raise ArtifactError(f"{path}: unknown array {name!r}")
        if array.shape != shapes[name]:
            raise ArtifactError(f"{path}: array {name!r} has shape {array.shape}, not {shapes[name]}")
        if not np.isfinite(array).all():
            raise ArtifactError(f"{path}: array {name!r} holds a value that is not a finite number")
    if arrays["keys"].dtype != np.int64 or (np.diff(arrays["keys"]) <= 0).any():
        raise ArtifactError(f"{path}: the keys are not ascending 64-bit integers")
    if (arrays["calibration"][0] < 0).any():
        raise ArtifactError(f"{path}: a calibration that turns more evidence into less certainty")
