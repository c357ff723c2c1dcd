"""A small set of drafts, and one model trained on it, shared by the tests of this folder."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from classifier.draft import LabelledDraft
from training.__main__ import call
from training.registry.model_registry import ModelRegistry
from training.tickets.loading import as_record, load

WRITERS = (
    "plain-inbox", "fashion-us", "everyday-shops", "swaps-plain", "winback-plain", "logistics-plain",
    "electronics-home", "seller-macros-and-chat", "canal-and-mill", "nordsee-handel",
)  # fmt: skip
"""Two of them are for tuning and two for testing, by data/splits.toml."""

QUICK = ("--set", "folds=2", "--no-with-encoder")


def write_drafts(drafts: Sequence[LabelledDraft], path: Path) -> Path:
    path.write_text("".join(json.dumps(as_record(d)) + "\n" for d in drafts), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def small_drafts() -> list[LabelledDraft]:
    drafts = load()
    return [d for writer in WRITERS for d in [x for x in drafts if x.writer == writer][:36]]


@pytest.fixture(scope="session")
def small_file(small_drafts: list[LabelledDraft], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_drafts(small_drafts, tmp_path_factory.mktemp("drafts") / "small.jsonl")


@pytest.fixture(scope="session")
def trained_home(small_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose registry has one model, made by the command; copy it before you change it."""
    home = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCREENING_HOME", str(home))
        assert call(["retrain", "--data", str(small_file), "--by", "ada", "--reason", "first", *QUICK]) == 0
    return home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home that the commands use."""
    monkeypatch.setenv("SCREENING_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def registered(trained_home: Path, home: Path) -> tuple[ModelRegistry, str]:
    """A registry for one test with the trained model in it, and the model's version."""
    shutil.copytree(trained_home, home)
    registry = ModelRegistry(home)
    return registry, next(s.version for s in registry.versions() if s.version != "shipped")
