"""Write a fitted model as the folder that classifier/model/artifact.py loads; the same model gives the same bytes."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.evidence import Thresholds
from classifier.labels import Label
from classifier.model.artifact import ARRAYS, ENCODER, FORMAT, MANIFEST, VOCABULARY
from classifier.model.scorer import WITNESS_NAMES
from training.fitting.linear_models import Fitted
from training.fitting.recipe import Recipe
from training.fitting.stacking import Stack
from training.fitting.thresholds import as_record


def write(
    folder: Path, fitted: Fitted, thresholds: Mapping[Label, Thresholds], recipe: Recipe, *, fingerprint: str,
    encoder: Path | None = None, encoder_stack: Stack | None = None, doubt: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> str:  # fmt: skip
    """Write the artifact into an empty folder; returns its version, a digest of all it holds.

    `encoder` is the folder of an exported encoder and `encoder_stack` (weights (6, k + 6)) goes with it. `doubt` says
    when it is asked. `extra` joins the manifest (versions of libraries, metrics).
    """
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, NDArray[Any]] = {
        "keys": fitted.linear.space.keys,
        "table": fitted.linear.table(),
        "bias": fitted.linear.bias(),
        "stack": fitted.stack.weights,
        "stack_bias": fitted.stack.bias,
    }
    if encoder is not None and encoder_stack is not None:
        arrays |= {"encoder_stack": encoder_stack.weights, "encoder_bias": encoder_stack.bias}
        shutil.copytree(encoder, folder / ENCODER, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.pt"))
    np.savez_compressed(folder / ARRAYS, allow_pickle=False, **arrays)
    (folder / VOCABULARY).write_text(json.dumps(fitted.linear.space.vocabulary, ensure_ascii=False), encoding="utf-8")
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "files": {name: _sha256(folder / name) for name in files_of(folder)},
        "recipe": asdict(recipe),
        "data_fingerprint": fingerprint,
        "thresholds": as_record(thresholds),
        "doubt": doubt,
        "witnesses": list(WITNESS_NAMES),
    }
    version = "model-" + hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()[:12]
    manifest = {"version": version, **manifest, **(extra or {})}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return version


def files_of(folder: Path) -> list[str]:
    """The files of an artifact besides its manifest, as paths inside the folder."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
