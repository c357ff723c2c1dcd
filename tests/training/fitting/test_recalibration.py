"""The last step alone, fitted to an inbox: it follows what the reviewers say, and stays where they say too little."""

import json
import time
from pathlib import Path

import numpy as np
import pytest

from classifier import LABELS, Screener
from classifier.draft import LabelledDraft
from classifier.model.artifact import ModelArtifact
from tests.training.conftest import write_drafts
from training.__main__ import call
from training.fitting import recalibration
from training.fitting.stacking import calibrated
from training.registry.model_registry import ModelRegistry, verify
from training.tickets.split_plan import SplitPlan

BASE = np.array([[1.0] * len(LABELS), [0.0] * len(LABELS)])


def inbox(shift: float, count: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits, labels and groups of an inbox whose labels are likelier by `shift` than the base model thinks."""
    rng = np.random.default_rng(3)
    logits = rng.normal(-2, 2.5, (count, len(LABELS)))
    labels = (rng.random(logits.shape) < calibrated(logits + shift, BASE)).astype(int)
    return logits, labels, np.array([f"merchant-{n % 20}" for n in range(count)])


def loss(p: np.ndarray, y: np.ndarray) -> float:
    return float(-np.mean(np.where(y == 1, np.log(p), np.log(1 - p))))


def test_a_shifted_inbox_is_followed_and_the_loss_on_unseen_drafts_falls() -> None:
    found = recalibration.fit_last_step(*inbox(2.0), BASE)
    assert set(found.changed) == set(LABELS)
    assert (found.calibration[1] > 1).all()
    logits, labels, _ = inbox(2.0, 2000)
    assert loss(calibrated(logits, found.calibration), labels) < loss(calibrated(logits, BASE), labels) - 0.05


def test_an_inbox_as_the_model_expects_it_hardly_moves_it() -> None:
    found = recalibration.fit_last_step(*inbox(0.0), BASE)
    assert abs(found.calibration - BASE).max() < 0.6


def test_a_label_with_too_few_drafts_stays_as_it_is() -> None:
    logits, labels, groups = inbox(2.0)
    labels[:, 2] = 0
    labels[:4, 2] = 1
    found = recalibration.fit_last_step(logits, labels, groups, BASE)
    assert LABELS[2] not in found.changed
    assert found.calibration[:, 2].tolist() == BASE[:, 2].tolist()
    assert np.array_equal(found.probabilities[:, 2], found.before[:, 2])


def test_the_figures_are_out_of_fold() -> None:
    """Labels that only depend on the group cannot be learned from other groups, and the loss says so."""
    logits, labels, groups = inbox(0.0)
    alone = np.zeros_like(logits)
    found = recalibration.fit_last_step(alone, labels, groups, BASE)
    own = [set(np.unique(found.probabilities[groups == name, 0]).tolist()) for name in set(groups.tolist())]
    assert len(set.union(*own)) <= 5
    assert max(map(len, own)) == 1


def test_a_calibration_can_be_undone() -> None:
    logits, _, _ = inbox(0.0)
    calibration = np.array([[0.7, 1.3, 0.05, 2.0, 1.0, 0.9], [0.4, -2, 0, 1, -1, 3]])
    assert np.allclose(recalibration.uncalibrated(calibrated(logits, calibration), calibration), logits)


def test_the_command_publishes_a_version_that_differs_in_its_last_step_alone(
    registered: tuple[ModelRegistry, str], small_drafts: list[LabelledDraft], tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    registry, base = registered
    path = write_drafts(small_drafts, tmp_path / "reviewed.jsonl")
    start = time.monotonic()
    assert call(["recalibrate", base, "--data", str(path), "--by", "ada", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert time.monotonic() - start < 120
    version = printed["version"]
    assert version != base
    assert verify(registry.folder(version)) == version
    old, new = (ModelArtifact.load(registry.folder(name)) for name in (base, version))
    for name in ("keys", "table", "bias", "stack", "stack_bias"):
        assert np.array_equal(getattr(old, name), getattr(new, name))
    assert new.vocabulary == old.vocabulary
    assert new.manifest["recalibration"]["base"] == base
    assert (new.calibration[0] >= 0).all()
    for name, (before, after) in printed["losses"].items():
        assert after < before if name in printed["changed"] else after == before
    aside = sum(SplitPlan.load().part_of(d.writer) == "test" for d in small_drafts)
    assert printed["left_out"] == aside > 0
    assert printed["met"] == sum(SplitPlan.load().part_of(d.writer) == "train" for d in small_drafts) > 0
    assert registry.live() == "shipped"
    last = registry.history.events()[-1]
    assert (last.action, last.version, last.who) == ("publish", version, "ada")
    verdict = Screener.load(registry.folder(version)).screen(small_drafts[0].draft, small_drafts[0].order)
    assert verdict.versions.model == version
    assert call(["recalibrate", version, "--data", str(path), "--json"]) == 0  # once more, from the new one


def test_too_few_tickets_are_refused(
    registered: tuple[ModelRegistry, str], small_drafts: list[LabelledDraft], tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    path = write_drafts(small_drafts[:20], tmp_path / "few.jsonl")
    assert call(["recalibrate", registered[1], "--data", str(path)]) == 2
    assert "at least 50" in capsys.readouterr().err
