"""An artifact that is missing, altered, cut short or of another format is refused by name; loading runs no code."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from classifier.model.artifact import ARRAYS, MANIFEST, SHIPPED, ArtifactError, ModelArtifact, shipped_artifact


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
