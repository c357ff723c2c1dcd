"""Fit only the last step of a model, calibration and thresholds, on reviewed drafts of one inbox: seconds, not hours.

Every figure that decides is out of fold: the drafts of one writer (a merchant, where cases come from the service) are
never judged by a calibration that saw that writer. A label changes only where this lowers its loss out of fold, and
moves from the base model's values as far as its number of drafts supports.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold

from classifier import Screener
from classifier.draft import LabelledDraft
from classifier.evidence import ModelEvidence, Thresholds
from classifier.labels import LABELS, Label
from classifier.model.artifact import ARRAYS, MANIFEST, ModelArtifact, digest
from classifier.policy.policy import Policy
from training.fitting import thresholds
from training.fitting.stacking import Calibration, calibrated, fit_calibration
from training.fitting.unmet_predictions import Fold, UnmetPredictions

Floats = NDArray[np.float64]
_FOLDS = 5
_LEAST_DRAFTS = 50
_LEAST_OF_EACH = 5
"""A label needs so many drafts with it and without it, in every fold."""

_HALF_WAY = 20
"""With so many drafts that carry it, a label moves half of the way from the base model's values to its own."""

_SMALLEST = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class LastStep:
    """A calibration (2, 6), the probabilities (n, 6) that calibrations of its kind give to drafts by unseen writers,
    those of the base model (n, 6), the labels that changed, and the folds."""

    calibration: Calibration
    probabilities: Floats
    before: Floats
    changed: tuple[Label, ...]
    folds: tuple[Fold, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Recalibration:
    """What replaces the last step of a base model, with its figures out of fold: label -> loss before and after."""

    base: str
    drafts: int
    linear: LastStep
    encoder: LastStep | None
    thresholds: Mapping[Label, Thresholds]
    losses: Mapping[str, tuple[float, float]]

    @property
    def final(self) -> LastStep:
        """The step that decides when all witnesses have spoken."""
        return self.encoder or self.linear

    def as_dict(self) -> dict[str, Any]:
        """Plain data for --json and for the manifest."""
        return {
            "base": self.base,
            "drafts": self.drafts,
            "changed": [str(label) for label in self.final.changed],
            "losses": {name: list(pair) for name, pair in self.losses.items()},
        }


def recalibrate(
    screener: Screener, drafts: Sequence[LabelledDraft], tick: Callable[[], None] = lambda: None
) -> Recalibration:
    """Fit the last step of the screener's model on reviewed drafts. `tick` is called after each draft.

    Raises ValueError where the drafts are too few, or all of one writer and one scenario.
    """
    artifact = screener.artifact
    if artifact is None:
        raise ValueError("rules alone have no calibration; name a model")
    if len(drafts) < _LEAST_DRAFTS:
        raise ValueError(f"{len(drafts)} drafts; a calibration needs at least {_LEAST_DRAFTS}")
    labels = np.array([[label in d.labels for label in LABELS] for d in drafts], np.int64)
    groups = _groups(drafts)
    linear, full = _logits(screener, artifact, drafts, tick)
    steps = [fit_last_step(linear, labels, groups, artifact.calibration)]
    if artifact.encoder_stack is not None:
        steps.append(fit_last_step(full, labels, groups, artifact.encoder_calibration))
    final = steps[-1]
    predictions = UnmetPredictions.out_of_fold(final.probabilities, labels, groups, final.folds)
    return Recalibration(
        base=artifact.version,
        drafts=len(drafts),
        linear=steps[0],
        encoder=final if len(steps) > 1 else None,
        thresholds=_thresholds(final, predictions, artifact.thresholds, screener.policy),
        losses={
            str(label): (_loss(final.before[:, i], labels[:, i]), _loss(final.probabilities[:, i], labels[:, i]))
            for i, label in enumerate(LABELS)
        },
    )


def _groups(drafts: Sequence[LabelledDraft]) -> NDArray[np.str_]:
    """What folds must not share: the writer; where all have one, the scenario. Raises ValueError for a single one."""
    for names in ([d.writer for d in drafts], [d.scenario for d in drafts]):
        if len(set(names)) > 1:
            return np.array(names)
    raise ValueError("all drafts are of one writer and one scenario, so nothing can be judged out of fold")


def _logits(
    screener: Screener, artifact: ModelArtifact, drafts: Sequence[LabelledDraft], tick: Callable[[], None]
) -> tuple[Floats, Floats]:
    """The uncalibrated logits (n, 6) of each draft by rules and linear models alone, and with the encoder."""
    linear, full = np.zeros((len(drafts), len(LABELS))), np.zeros((len(drafts), len(LABELS)))
    for row, labelled in enumerate(drafts):
        partial = screener.partial_evidence(labelled.draft, labelled.order)
        scores = screener.encoder_scores(partial) if partial.doubtful else ()
        linear[row] = _probabilities(screener.combine(partial, None).model)
        full[row] = _probabilities(screener.combine(partial, scores).model)
        tick()
    both = artifact.encoder_calibration if artifact.encoder_stack is not None else artifact.calibration
    return uncalibrated(linear, artifact.calibration), uncalibrated(full, both)


def _probabilities(model: ModelEvidence | None) -> list[float]:
    assert model is not None
    return [score.probability for score in model.scores]


def uncalibrated(probabilities: Floats, calibration: Calibration) -> Floats:
    """The logits (n, 6) that a calibration turned into these probabilities; 0 where its scale is 0."""
    scale, offset = calibration
    p = np.clip(probabilities, _SMALLEST, 1 - _SMALLEST)
    safe = np.where(scale > 0, scale, 1.0)
    result: Floats = np.where(scale > 0, (np.log(p / (1 - p)) - offset) / safe, 0.0)
    return result


def fit_last_step(logits: Floats, labels: NDArray[np.int64], groups: NDArray[np.str_], base: Calibration) -> LastStep:
    """The calibration for these drafts and what it is worth on unseen groups. Pure."""
    before = calibrated(logits, base)
    found = before.copy()
    folds = list(GroupKFold(min(_FOLDS, len(set(groups.tolist())))).split(logits, groups=groups))
    able = np.ones(len(LABELS), bool)
    for known, _ in folds:
        able &= _enough(labels[known])
    for known, unknown in folds:
        found[unknown] = calibrated(logits[unknown], _moved(logits[known], labels[known], base, able))
    losses = [[_loss(p[:, i], labels[:, i]) for p in (found, before)] for i in range(len(LABELS))]
    kept = able & np.array([after < ago for after, ago in losses])
    return LastStep(
        calibration=_moved(logits, labels, base, kept),
        probabilities=np.where(kept, found, before),
        before=before,
        changed=tuple(label for label, yes in zip(LABELS, kept.tolist(), strict=True) if yes),
        folds=tuple(folds),
    )


def _enough(labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    with_it = labels.sum(axis=0)
    result: NDArray[np.bool_] = (with_it >= _LEAST_OF_EACH) & (len(labels) - with_it >= _LEAST_OF_EACH)
    return result


def _moved(logits: Floats, labels: NDArray[np.int64], base: Calibration, able: NDArray[np.bool_]) -> Calibration:
    """The base calibration, moved towards that of these drafts for the labels that are able to."""
    shares = np.array([_share(int(count)) for count in labels.sum(axis=0)]) * able
    result: Calibration = base + shares * (fit_calibration(logits, labels) - base)
    return result


def _share(drafts: int) -> float:
    return drafts / (drafts + _HALF_WAY)


def _thresholds(
    step: LastStep, predictions: UnmetPredictions, base: Mapping[Label, Thresholds], policy: Policy
) -> dict[Label, Thresholds]:
    """The base model's thresholds, moved towards those that the promises of the policy choose on these drafts.

    Those of one kind move together, as they are chosen together: `sure` by the number of prohibited drafts, the rest
    by the number of drafts with the label.
    """
    chosen, labels = thresholds.choose(predictions, policy), predictions.labels
    banned = np.array([policy.is_prohibited(label) for label in LABELS])
    prohibited, permitted = int(labels[:, banned].any(axis=1).sum()), int(labels[:, ~banned].any(axis=1).sum())
    found = {}
    for i, label in enumerate(LABELS):
        old, new = base[label], chosen[label]
        own = _share(int(labels[:, i].sum())) if label in step.changed else 0.0
        joint = _share(prohibited if banned[i] else permitted)
        asserted = old.asserted + own * (new.asserted - old.asserted)
        sure = old.sure + joint * (new.sure - old.sure)
        possible = old.possible + (own if banned[i] else joint) * (new.possible - old.possible)
        if banned[i]:
            possible = min(possible, asserted, sure)
        found[label] = Thresholds(*(round(float(value), 6) for value in (possible, asserted, sure)))
    return found


def _loss(probabilities: Floats, labels: NDArray[np.int64]) -> float:
    """The mean logarithmic loss."""
    p = np.clip(probabilities, _SMALLEST, 1 - _SMALLEST)
    return float(-np.mean(np.where(labels == 1, np.log(p), np.log(1 - p))))


def write(base: Path, folder: Path, found: Recalibration, *, fingerprint: str) -> str:
    """Write the base artifact with the new last step into a folder; returns its version. The base stays as it is."""
    manifest: dict[str, Any] = json.loads((base / MANIFEST).read_text(encoding="utf-8"))
    for name in manifest["files"]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(base / name, folder / name)
    with np.load(base / ARRAYS, allow_pickle=False) as held:
        arrays: dict[str, NDArray[Any]] = {name: held[name] for name in held.files}
    arrays["calibration"] = found.linear.calibration
    if found.encoder is not None:
        arrays["encoder_calibration"] = found.encoder.calibration
    np.savez_compressed(folder / ARRAYS, allow_pickle=False, **arrays)
    manifest["files"][ARRAYS] = hashlib.sha256((folder / ARRAYS).read_bytes()).hexdigest()
    manifest["thresholds"] = thresholds.as_record(found.thresholds)
    manifest["recalibration"] = {**found.as_dict(), "data_fingerprint": fingerprint}
    manifest["version"] = digest(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return str(manifest["version"])
