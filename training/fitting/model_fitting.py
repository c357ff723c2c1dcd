"""One fit: drafts in, artifact out. The steps in a handful of lines; promotion is a person's own command."""

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold

from classifier.draft import LabelledDraft
from classifier.labels import LABELS
from classifier.matching.matcher import RuleMatcher
from classifier.matching.rulebook import RuleBook
from classifier.model.encoder import Encoder, EncoderScores
from classifier.model.scorer import LOWEST, Doubt, PassageScores, combined_logits, covers
from classifier.policy.policy import Policy
from classifier.reading.language import LanguageJudge
from classifier.reading.passages import passages
from classifier.reading.reader import Reader, Reading
from classifier.reading.spelling import Words
from training.fitting import artifact_writer, thresholds
from training.fitting.augmentation import mixtures
from training.fitting.examples import Examples, read_all
from training.fitting.linear_models import Fitted, fit, groups_like
from training.fitting.recipe import Recipe
from training.fitting.stacking import Calibration, Stack, calibrated, fit_calibration, fit_encoder_stack
from training.fitting.unmet_predictions import UnmetPredictions
from training.tickets.split_plan import Split

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Tools:
    """What reads and matches drafts while training: the very parts that serve."""

    policy: Policy
    book: RuleBook
    words: Words

    @classmethod
    def load(cls) -> "Tools":
        """The shipped policy, rules and words."""
        return cls(Policy.load(), RuleBook.load(), Words.load())

    def reader(self) -> Reader:
        """A reader of drafts with these words and languages."""
        languages = LanguageJudge(self.words.english, self.policy.languages_full, self.policy.languages_partial)
        return Reader(self.words, languages)

    def examples(self, drafts: Sequence[LabelledDraft]) -> Examples:
        """Read and match all drafts."""
        return read_all(drafts, self.reader(), RuleMatcher(self.book, self.words.ordered))


@dataclass(frozen=True, slots=True, eq=False)
class EncoderFit:
    """What was fitted around an encoder: its stack (6, 7), the calibration of drafts, when it is asked, and the highest
    passage logits (t, 6) of the tuning drafts by stacks that never met their writers."""

    stack: Stack
    calibration: Calibration
    doubt: dict[str, Any]
    logits: NDArray[np.float64]


def fit_model(
    split: Split, folder: Path, recipe: Recipe, *, fingerprint: str, encoder: Path | None = None,
    tools: Tools | None = None, say: Say = lambda text: None,
) -> str:  # fmt: skip
    """Fit on the train and tune parts, choose thresholds from drafts by unmet writers, write the artifact.

    `encoder` is the folder of an encoder that was fine-tuned without the tune part; None makes a model without one.
    Returns the version. Raises ValueError where all drafts are of one scenario.
    """
    tools = tools or Tools.load()
    say("reading")
    examples = tools.examples([*split.train, *split.tune])
    enough = len(split.tune) >= _LEAST_TUNING
    extra = tools.examples(mixtures(split.tune if enough else [*split.train, *split.tune], recipe.seed))
    fitted = fit(examples, recipe, say, extra=extra)
    first = len(split.train) if enough else 0
    tuning = tuning_of(examples, fitted.logits, np.arange(first, len(examples.drafts)), extra, fitted.extra)
    highest = tuning.highest()
    calibration = fit_calibration(highest, tuning.labels)
    probabilities = calibrated(highest, calibration)
    asked: EncoderFit | None = None
    if encoder is not None and split.tune:
        say("encoder")
        unread = np.arange(len(split.train), len(examples.drafts))
        unmet = tuning_of(examples, fitted.logits, unread, extra, fitted.extra)
        asked = fit_encoder(unmet, encoder, tools.policy, recipe)
        if len(asked.logits) == len(probabilities):
            probabilities = calibrated(asked.logits, asked.calibration)
    limits = thresholds.choose(_unmet(examples, fitted, tuning, probabilities), tools.policy)
    say("writing")
    return artifact_writer.write(
        folder, fitted, limits, recipe, calibration, fingerprint=fingerprint, encoder=encoder if asked else None,
        encoder_fit=asked,
    )  # fmt: skip


def _unmet(
    examples: Examples, fitted: Fitted, tuning: "Tuning", probabilities: NDArray[np.float64]
) -> UnmetPredictions:
    """The predictions on the tuning drafts, each with the fold whose models never met its group."""
    groups = groups_like(examples, examples.drafts)
    fold = {str(groups[row]): number for number, (_, unknown) in enumerate(fitted.folds) for row in unknown}
    learned = {number: frozenset(groups[known].tolist()) for number, (known, _) in enumerate(fitted.folds)}
    mine = groups_like(examples, tuning.drafts)
    return UnmetPredictions(
        probabilities, tuning.labels, mine, np.array([fold[group] for group in mine.tolist()]), learned
    )


_LEAST_TUNING = 200
"""Fewer tuning drafts than this choose no thresholds; then all out-of-fold scores do."""


@dataclass(frozen=True, slots=True, eq=False)
class Tuning:
    """Drafts by unmet writers, as they are and mixed two to a letter: of each the reading, the order, the out-of-fold
    logits (s, 6) and the labels (s, 6) of its passages; labels (t, 6); what folds must not share (t,)."""

    drafts: list[LabelledDraft]
    readings: list[Reading]
    logits: list[NDArray[np.float64]]
    marks: list[NDArray[np.int64]]
    labels: NDArray[np.int64]
    groups: NDArray[np.str_]

    def highest(self) -> NDArray[np.float64]:
        """The highest passage logits of each draft, (t, 6)."""
        return np.stack([one.max(axis=0, initial=LOWEST) for one in self.logits])


def tuning_of(
    examples: Examples, logits: NDArray[np.float64], rows: NDArray[np.int64], extra: Examples | None = None,
    extra_logits: NDArray[np.float64] | None = None,
) -> Tuning:  # fmt: skip
    """Some of the drafts, and all of `extra` (their mixtures, say), with the out-of-fold logits of all passages."""
    ours = [(examples, logits, int(row)) for row in rows]
    if extra is not None and extra_logits is not None:
        ours += [(extra, extra_logits, row) for row in range(len(extra.drafts))]
    sets = (examples, extra) if extra is not None else (examples,)
    starts = {id(one): np.searchsorted(one.sentence_draft, np.arange(len(one.drafts) + 1)) for one in sets}

    def part(one: Examples, values: NDArray[Any], row: int) -> NDArray[Any]:
        begin, end = starts[id(one)][row : row + 2]
        return values[begin:end]

    groups = examples.groups(rows)
    by_writer = len(set(examples.writers[rows].tolist())) > 1
    mixed = extra.drafts if extra is not None else ()
    more = [labelled.writer if by_writer else labelled.scenario for labelled in mixed]
    return Tuning(
        drafts=[one.drafts[row] for one, _, row in ours],
        readings=[one.readings[row] for one, _, row in ours],
        logits=[part(one, values, row) for one, values, row in ours],
        marks=[part(one, one.sentence_labels, row) for one, _, row in ours],
        labels=np.concatenate([examples.labels[rows], *([extra.labels] if extra is not None else [])]),
        groups=np.array([*groups.tolist(), *more]),
    )


def fit_encoder(tuning: Tuning, encoder: Path, policy: Policy, recipe: Recipe) -> EncoderFit:
    """The stack and the calibration with the encoder, on drafts that it never met."""
    loaded = Encoder.load(encoder)
    if loaded is None:
        raise ValueError("onnxruntime is not installed; fit without the encoder instead")
    doubt = doubt_bands(policy, recipe)
    bands = Doubt.of_manifest(doubt)
    partial = [
        PassageScores(logits, found, bands.asked(logits, found), encoder=True)
        for logits, found in zip(tuning.logits, map(passages, tuning.readings), strict=True)
    ]
    scores = _encoder_scores(loaded, tuning, partial)
    asked = _asked_passages(tuning, partial, scores)
    highest = _cross_fitted(tuning, partial, scores, asked, bands, recipe)
    return EncoderFit(fit_encoder_stack(*asked[:3]), fit_calibration(highest, tuning.labels), doubt, highest)


def _encoder_scores(
    encoder: Encoder, tuning: Tuning, partial: Sequence[PassageScores]
) -> list[tuple[EncoderScores, ...]]:
    """The encoder on each doubtful passage. It works on one core a call and holds no lock, so all cores are used."""

    def scored(number: int) -> tuple[EncoderScores, ...]:
        one, reading, order = partial[number], tuning.readings[number], tuning.drafts[number].order
        return tuple(encoder.score(reading, one.passages[at], order) for at in one.asked)

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return list(threads.map(scored, range(len(partial))))


Asked = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]
"""Of the passages that the encoder read: own logits (p, 6), the encoder's (p, 6), labels (p, 6), draft number (p,)."""


def _asked_passages(
    tuning: Tuning, partial: Sequence[PassageScores], scores: Sequence[tuple[EncoderScores, ...]]
) -> Asked:
    own, logits, labels, draft = [], [], [], []
    for number, (marks, one, read) in enumerate(zip(tuning.marks, partial, scores, strict=True)):
        for each in read:
            inside = [n for n, passage in enumerate(one.passages) if covers(each.passage, passage)]
            own.append(one.logits[inside].max(axis=0))
            logits.append(each.logits)
            labels.append(marks[inside].max(axis=0))
            draft.append(number)
    shape = (-1, len(LABELS))
    return (
        np.array(own).reshape(shape), np.array(logits).reshape(shape), np.array(labels, np.int64).reshape(shape),
        np.array(draft, np.int64),
    )  # fmt: skip


def _cross_fitted(
    tuning: Tuning, partial: Sequence[PassageScores], scores: Sequence[tuple[EncoderScores, ...]], asked: Asked,
    bands: Doubt, recipe: Recipe,
) -> NDArray[np.float64]:  # fmt: skip
    """The highest passage logits (t, 6) of each tuning draft, by a stack that never met its writer. Raises ValueError
    where all are of one scenario."""
    own, logits, labels, draft = asked
    result = np.zeros((len(partial), len(LABELS)))
    folds = min(recipe.folds, len(set(tuning.groups.tolist())))
    if folds < 2:
        raise ValueError("tuning drafts of at least two scenarios are needed; fit without the encoder instead")
    for known, unknown in GroupKFold(folds).split(tuning.groups, groups=tuning.groups):
        inside = np.isin(draft, known)
        stack = fit_encoder_stack(own[inside], logits[inside], labels[inside])
        for number in unknown:
            final = combined_logits(partial[number], scores[number], stack.weights, stack.bias, bands)
            result[number] = final.max(axis=0, initial=LOWEST)
    return result


def doubt_bands(policy: Policy, recipe: Recipe) -> dict[str, Any]:
    """The logits of a passage between which the encoder reads it. The probabilities stand in the recipe."""
    prohibited = [str(label) for label in LABELS if policy.is_prohibited(label)]
    return {
        "bands": {
            str(label): _logits(recipe.doubt_prohibited if str(label) in prohibited else recipe.doubt_permitted)
            for label in LABELS
        },
        "prohibited": prohibited,
    }


def _logits(band: tuple[float, float]) -> list[float]:
    return [round(math.log(p / (1 - p)), 4) for p in band]
