"""An artifact that is missing, altered, cut short or of another format is refused by name; loading runs no code."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from classifier.model.artifact import (
    ARRAYS,
    MANIFEST,
    SHIPPED,
    ArtifactError,
    ModelArtifact,
    digest,
    shipped_artifact,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "model"))


def test_the_shipped_artifact_loads_and_is_small(folder: Path) -> None:
    artifact = ModelArtifact.load(folder)
    assert artifact.version.startswith("model-")
    assert len(artifact.table) == len(artifact.keys)
    assert sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) < 40_000_000


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=MANIFEST):
        ModelArtifact.load(tmp_path)


@pytest.mark.parametrize("name", [ARRAYS, "vocabulary.json", "encoder/encoder.onnx"])
def test_a_file_cut_short_is_refused(folder: Path, name: str) -> None:
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(ArtifactError, match=name):
        ModelArtifact.load(folder)


def test_another_format_is_refused(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, "format": 99}))
    with pytest.raises(ArtifactError, match="format 99"):
        ModelArtifact.load(folder)


def test_an_array_that_would_run_code_is_not_loaded(folder: Path) -> None:
    np.savez(folder / ARRAYS, keys=np.array([print], dtype=object))
    with pytest.raises(ArtifactError):
        ModelArtifact.load(folder)


def test_the_registry_s_live_version_goes_before_the_shipped_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCREENING_HOME", str(tmp_path))
    assert shipped_artifact() == SHIPPED
    (tmp_path / "registry" / "versions" / "model-1").mkdir(parents=True)
    (tmp_path / "registry" / "live").write_text("model-1\n")
    assert shipped_artifact() == tmp_path / "registry" / "versions" / "model-1"
    (tmp_path / "registry" / "live").write_text("model-gone\n")
    assert shipped_artifact() == SHIPPED


def rewritten(folder: Path, **changes: object) -> None:
    """The manifest with other entries, and the version that belongs to them."""
    manifest = {**json.loads((folder / MANIFEST).read_text()), **changes}
    (folder / MANIFEST).write_text(json.dumps({**manifest, "version": digest(manifest)}))


def test_a_changed_manifest_is_refused(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["thresholds"]["substitute_offer"]["sure"] = 0.999
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match="not the digest"):
        ModelArtifact.load(folder)


@pytest.mark.parametrize("value", [2.0, -0.1, None, "high", float("nan")])
def test_a_threshold_that_is_no_probability_is_refused(folder: Path, value: object) -> None:
    thresholds = json.loads((folder / MANIFEST).read_text())["thresholds"]
    thresholds["substitute_offer"]["sure"] = value
    rewritten(folder, thresholds=thresholds)
    with pytest.raises(ArtifactError, match="substitute_offer"):
        ModelArtifact.load(folder)


@pytest.mark.parametrize("name", ["keys", "table", "bias", "stack", "stack_bias", "calibration", "encoder_stack"])
def test_an_array_of_another_shape_is_refused(folder: Path, name: str) -> None:
    with np.load(folder / ARRAYS) as kept:
        arrays = {key: kept[key] for key in kept.files}
    arrays[name] = arrays[name][..., :-1]
    np.savez_compressed(folder / ARRAYS, **arrays)
    files = json.loads((folder / MANIFEST).read_text())["files"]
    files[ARRAYS] = hashlib.sha256((folder / ARRAYS).read_bytes()).hexdigest()
    rewritten(folder, files=files)
    with pytest.raises(ArtifactError, match="has shape"):
        ModelArtifact.load(folder)
