"""The registry: what is published stays, what is promoted is live, a killed process leaves no trace."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pytest

from classifier.model.artifact import (
    ARRAYS,
    MANIFEST,
    SHIPPED,
    VOCABULARY,
    ArtifactError,
    ModelArtifact,
    digest,
    shipped_artifact,
)
from classifier.model.registry_layout import RegistryLayout, RegistryNameError
from training import atomic_files
from training.__main__ import call
from training.registry.history import RegistryEvent, RegistryHistory
from training.registry.model_registry import ModelRegistry, RegistryError

ROOT = Path(__file__).parents[3]


def twin(registry: ModelRegistry, version: str, tmp_path: Path, name: str = "twin") -> str:
    """Publish the same model once more with another fingerprint of its data, which makes another version of it."""
    copy = tmp_path / name
    shutil.copytree(registry.folder(version), copy)
    manifest = {**json.loads((copy / MANIFEST).read_text()), "data_fingerprint": name}
    (copy / MANIFEST).write_text(json.dumps({**manifest, "version": digest(manifest)}))
    return registry.publish(copy, who="ada")


def test_the_service_follows_what_is_promoted(registered: tuple[ModelRegistry, str]) -> None:
    registry, version = registered
    assert registry.live() == "shipped"
    registry.promote(version, who="ada", why="better")
    assert shipped_artifact().name == version
    assert registry.rollback(who="bob", why="worse after all") == "shipped"
    assert shipped_artifact().name == "shipped"


def test_rollback_goes_to_what_was_live_before(registered: tuple[ModelRegistry, str], tmp_path: Path) -> None:
    registry, version = registered
    second = twin(registry, version, tmp_path)
    registry.promote(version, who="ada", why="one")
    registry.promote(second, who="ada", why="two")
    assert registry.rollback(who="bob", why="back") == version
    with pytest.raises(RegistryError, match="live already"):
        registry.promote(version, who="ada", why="again")


@pytest.mark.parametrize("name", ["../../elsewhere", "..", "", "a/b", ".hidden", "/etc"])
def test_a_version_name_cannot_lead_out_of_the_registry(tmp_path: Path, name: str) -> None:
    layout = RegistryLayout.of_home(tmp_path)
    with pytest.raises(RegistryNameError):
        layout.folder(name)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / MANIFEST).write_text("{}")
    with pytest.raises(RegistryError):
        ModelRegistry(tmp_path).folder(name)
    assert layout.folder("model-1.2_b") == tmp_path / "registry" / "versions" / "model-1.2_b"


def test_a_pointer_that_leads_out_of_the_registry_is_not_followed(home: Path, tmp_path: Path) -> None:
    shutil.copytree(SHIPPED, tmp_path / "elsewhere")
    (home / "registry" / "versions").mkdir(parents=True)
    (home / "registry" / "live").write_text("../../../elsewhere\n")
    assert shipped_artifact() == SHIPPED


def test_a_second_rollback_does_not_bring_the_bad_model_back(
    registered: tuple[ModelRegistry, str], tmp_path: Path
) -> None:
    registry, first = registered
    second, third = (twin(registry, first, tmp_path, name) for name in ("two", "three"))
    for version in (first, second, third):
        registry.promote(version, who="ada", why="better")
    assert registry.rollback(who="bob", why="worse") == second
    assert registry.rollback(who="bob", why="worse, too") == first
    registry.promote(third, who="ada", why="mended")
    assert registry.rollback(who="bob", why="not mended") == first
    assert registry.history.before() == "shipped"
    assert registry.history.lived() == [first, third, second, "shipped"]


def test_rollback_never_makes_an_unproven_model_live(registered: tuple[ModelRegistry, str], tmp_path: Path) -> None:
    registry, first = registered
    with pytest.raises(RegistryError, match="nothing before it"):
        registry.rollback(who="bob", why="")
    second = twin(registry, first, tmp_path)
    registry.promote(first, who="ada", why="better")
    registry.refuse(second, who="ada", why="hope", checks=["f1 of delay_notice", "cost"])
    with pytest.raises(RegistryError, match="was never live"):
        registry.rollback(who="bob", why="", to=second)
    assert registry.live() == first
    event = registry.history.events()[-1]
    assert (event.action, event.version, event.who, event.why) == ("refuse", second, "ada", "hope")
    assert (event.previous, event.gate, event.detail) == (first, "refused", "f1 of delay_notice, cost")
    assert ModelRegistry(registry.root.parent).live() == first


def test_a_version_under_another_name_is_not_promoted(registered: tuple[ModelRegistry, str]) -> None:
    registry, version = registered
    shutil.copytree(registry.folder(version), registry.layout.folder("model-borrowed"))
    with pytest.raises(ArtifactError, match="under its own name"):
        registry.promote("model-borrowed", who="ada", why="")
    assert registry.live() == "shipped"


def test_the_history_says_which_shipped_model_went_live(registered: tuple[ModelRegistry, str]) -> None:
    registry, version = registered
    registry.promote(version, who="ada", why="")
    registry.rollback(who="bob", why="")
    event = registry.history.events()[-1]
    assert (event.version, event.digest) == ("shipped", ModelArtifact.load(SHIPPED).version)


def test_publishing_the_same_model_twice_adds_it_once(registered: tuple[ModelRegistry, str], tmp_path: Path) -> None:
    registry, version = registered
    shutil.copytree(registry.folder(version), tmp_path / "again")
    events = len(registry.history.events())
    assert registry.publish(tmp_path / "again", who="bob") == version
    assert len(registry.history.events()) == events


@pytest.mark.parametrize("file", [ARRAYS, VOCABULARY, MANIFEST])
def test_a_corrupt_artifact_is_neither_published_nor_promoted(
    registered: tuple[ModelRegistry, str], tmp_path: Path, file: str
) -> None:
    registry, version = registered
    shutil.copytree(registry.folder(version), tmp_path / "broken")
    for folder in (tmp_path / "broken", registry.folder(version)):
        (folder / file).write_bytes((folder / file).read_bytes()[:-40])
    with pytest.raises(ArtifactError):
        registry.publish(tmp_path / "broken", who="ada")
    with pytest.raises(ArtifactError, match=re.escape(file)):
        registry.promote(version, who="ada", why="hope")
    assert registry.live() == "shipped"


def test_a_corrupt_artifact_ends_the_command_with_the_reason(
    registered: tuple[ModelRegistry, str], capsys: pytest.CaptureFixture[str]
) -> None:
    registry, version = registered
    (registry.folder(version) / "arrays.npz").write_bytes(b"none")
    assert call(["promote", version]) == 2
    assert "arrays.npz" in capsys.readouterr().err


def test_a_version_is_known_by_its_beginning_if_that_is_enough(
    registered: tuple[ModelRegistry, str], tmp_path: Path
) -> None:
    registry, version = registered
    assert registry.resolve(version[:10]) == version
    twin(registry, version, tmp_path)
    with pytest.raises(RegistryError, match="ambiguous"):
        registry.resolve("model-")
    with pytest.raises(RegistryError, match="no version here"):
        registry.resolve("model-of-nobody")


def test_shadow_is_another_version_and_can_be_cleared(registered: tuple[ModelRegistry, str], tmp_path: Path) -> None:
    registry, version = registered
    second = twin(registry, version, tmp_path)
    registry.promote(version, who="ada", why="live")
    with pytest.raises(RegistryError, match="is live"):
        registry.set_shadow(version, who="ada", why="")
    registry.set_shadow(second, who="ada", why="try it")
    assert (registry.root / "shadow").read_text().strip() == second
    assert registry.clear_shadow(who="ada", why="seen enough") == second
    assert registry.shadow() is None


def test_a_shadow_that_becomes_live_leaves_the_shadow(registered: tuple[ModelRegistry, str]) -> None:
    registry, version = registered
    registry.set_shadow(version, who="ada", why="try it")
    registry.promote(version, who="ada", why="it proved better")
    assert registry.shadow() is None
    assert registry.history.events()[-1].action == "shadow-clear"
    assert ModelRegistry(registry.root.parent).live() == version


def test_the_shipped_model_can_judge_in_shadow(registered: tuple[ModelRegistry, str]) -> None:
    registry, version = registered
    registry.promote(version, who="ada", why="ours")
    name = registry.set_shadow("shipped", who="ada", why="is ours better?")
    assert name == ModelArtifact.load(SHIPPED).version
    assert (registry.root / "shadow").read_text().strip() == name
    assert registry.folder("shadow") == registry.root / "versions" / name


def test_history_answers_who_was_live_on_a_day(tmp_path: Path) -> None:
    history = RegistryHistory(tmp_path / "history.jsonl")
    history.add(RegistryEvent("2026-03-01T09:00:00+00:00", "ada", "promote", "model-a", "first", "shipped"))
    history.add(RegistryEvent("2026-03-01T10:00:00+00:00", "ada", "shadow-set", "model-b"))
    history.add(RegistryEvent("2026-03-05T23:59:59+00:00", "bob", "promote", "model-b", "better", "model-a"))
    history.add(RegistryEvent("2026-03-09T08:00:00+00:00", "eve", "rollback", "model-a", "complaints", "model-b"))
    live = {day: history.live_on(date(2026, 3, day)) for day in (1, 4, 5, 8, 9)}
    assert {day: (e.version, e.who) for day, e in live.items() if e} == {
        1: ("model-a", "ada"), 4: ("model-a", "ada"), 5: ("model-b", "bob"), 8: ("model-b", "bob"),
        9: ("model-a", "eve"),
    }  # fmt: skip
    assert history.live_on(date(2026, 2, 28)) is None


def test_a_line_that_was_cut_short_is_not_read_and_goes(tmp_path: Path) -> None:
    history = RegistryHistory(tmp_path / "history.jsonl")
    history.add(RegistryEvent("2026-03-01T09:00:00+00:00", "ada", "promote", "model-a"))
    with history.path.open("a") as file:
        file.write('{"at": "2026-03-02T09:0')
    assert [e.version for e in history.events()] == ["model-a"]
    history.add(RegistryEvent("2026-03-03T09:00:00+00:00", "ada", "promote", "model-b"))
    assert [e.version for e in history.events()] == ["model-a", "model-b"]


def test_a_tampered_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "history.jsonl").write_text("not an event\n")
    with pytest.raises(ValueError, match=r"history\.jsonl:1"):
        RegistryHistory(tmp_path / "history.jsonl").events()


def test_a_move_that_was_killed_after_its_line_is_finished_by_the_next_to_open(
    registered: tuple[ModelRegistry, str],
) -> None:
    registry, version = registered
    registry.history.add(
        RegistryEvent("2026-03-05T12:00:00+00:00", "ada", "promote", version, "killed here", "shipped")
    )
    assert registry.live() == "shipped"
    assert ModelRegistry(registry.root.parent).live() == version


_KILLED = """
import os, signal, sys
from pathlib import Path
from training import atomic_files
from training.registry.model_registry import ModelRegistry

def strike(*args):
    os.kill(os.getpid(), signal.SIGKILL)

registry, artifact = ModelRegistry(Path(sys.argv[1])), Path(sys.argv[2])
with atomic_files.workspace(registry.incoming()) as place:
    import shutil
    shutil.copytree(artifact, place / "model")
    if sys.argv[3] == "before":
        strike()
    real = atomic_files.sync_folder
    atomic_files.sync_folder = strike if sys.argv[3] == "syncing" else real
    registry.publish(place / "model", who="ada")
"""


@pytest.mark.parametrize("moment", ["before", "syncing"])
def test_a_kill_while_publishing_leaves_the_registry_as_it_was(trained_home: Path, tmp_path: Path, moment: str) -> None:
    artifact = next((trained_home / "registry" / "versions").iterdir())
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, str(tmp_path), str(artifact), moment], cwd=ROOT, check=False
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL
    registry = ModelRegistry(tmp_path)
    assert [s for s in registry.versions() if s.version != "shipped"] == []
    assert registry.history.events() == []
    with atomic_files.workspace(registry.incoming()) as place:
        assert [p.name for p in registry.incoming().iterdir()] == [str(os.getpid())]
        shutil.copytree(artifact, place / "model")
        registry.publish(place / "model", who="ada")
    assert artifact.name in [s.version for s in registry.versions()]


def test_a_kill_while_training_leaves_the_registry_as_it_was(small_file: Path, tmp_path: Path) -> None:
    arguments = ["retrain", "--data", str(small_file), "--set", "folds=2"]
    environment = {**os.environ, "SCREENING_HOME": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-m", "training", *arguments], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL
    ) as process:
        incoming = tmp_path / "registry" / "incoming"
        while process.poll() is None and not (incoming.is_dir() and list(incoming.iterdir())):
            time.sleep(0.02)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert [s.version for s in ModelRegistry(tmp_path).versions() if s.version != "shipped"] == []
    assert not (tmp_path / "registry" / "live").exists()
