"""Write a fitted model as the folder that classifier/model/artifact.py loads; the same model gives the same bytes."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from classifier.estimator import ENTRY
from classifier.evidence import Thresholds
from classifier.labels import LABELS, Label
from classifier.model.artifact import ARRAYS, ENCODER, FORMAT, MANIFEST, VOCABULARY, digest
from classifier.model.passage_features import FEATURE_NAMES
from training.fitting.estimators import EstimatorStack
from training.fitting.linear_models import Fitted
from training.fitting.recipe import Recipe
from training.fitting.stacking import Calibration, Stack
from training.fitting.thresholds import as_record

if TYPE_CHECKING:
    from training.fitting.model_fitting import EncoderFit


def write(
    folder: Path, fitted: Fitted, thresholds: Mapping[Label, Thresholds], recipe: Recipe, calibration: Calibration, *,
    fingerprint: str, encoder: Path | None = None, encoder_fit: "EncoderFit | None" = None,
    extra: Mapping[str, Any] | None = None,
) -> str:  # fmt: skip
    """Write the artifact into an empty folder; returns its version, a digest of all it holds.

    `encoder` is the folder of an exported encoder and `encoder_fit` what was fitted around it. `extra` joins the
    manifest (versions of libraries, metrics).
    """
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, NDArray[Any]] = {
        "keys": fitted.linear.space.keys,
        "table": fitted.linear.table(),
        "bias": fitted.linear.bias(),
        **_stack(fitted.stack),
        "calibration": calibration,
    }
    if encoder is not None and encoder_fit is not None:
        arrays |= {
            "encoder_stack": encoder_fit.stack.weights, "encoder_bias": encoder_fit.stack.bias,
            "encoder_calibration": encoder_fit.calibration,
        }  # fmt: skip
        shutil.copytree(
            encoder, folder / ENCODER, dirs_exist_ok=True, ignore=shutil.ignore_patterns("weights.*", "checkpoint")
        )
    np.savez_compressed(folder / ARRAYS, allow_pickle=False, **arrays)
    (folder / VOCABULARY).write_text(json.dumps(fitted.linear.space.vocabulary, ensure_ascii=False), encoding="utf-8")
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "files": {name: _sha256(folder / name) for name in files_of(folder)},
        "recipe": recipe.as_record(),
        "data_fingerprint": fingerprint,
        "thresholds": as_record(thresholds),
        "doubt": encoder_fit.doubt if encoder_fit else None,
        "features": list(FEATURE_NAMES),
    }
    if isinstance(fitted.stack, EstimatorStack):
        manifest[ENTRY] = fitted.stack.as_entry(len(FEATURE_NAMES))
    manifest |= extra or {}
    version = digest(manifest)
    manifest = {"version": version, **manifest}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return version


def _stack(stack: Stack | EstimatorStack) -> dict[str, NDArray[Any]]:
    """The arrays of the stack; an estimator, which stands in the manifest, leaves zeros in its place."""
    if isinstance(stack, Stack):
        return {"stack": stack.weights, "stack_bias": stack.bias}
    return {"stack": np.zeros((len(LABELS), len(FEATURE_NAMES))), "stack_bias": np.zeros(len(LABELS))}


def files_of(folder: Path) -> list[str]:
    """The files of an artifact besides its manifest, as paths inside the folder."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
