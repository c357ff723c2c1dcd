"""One training run: drafts in, artifact out. The steps in a handful of lines; promotion is a person's own command."""

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
from classifier.model.encoder import EncoderWitness
from classifier.model.scorer import Doubt
from classifier.policy.policy import Policy
from classifier.reading.language import LanguageJudge
from classifier.reading.reader import Reader
from classifier.reading.spelling import Words
from training.fitting import artifact_writer, thresholds
from training.fitting.examples import Examples, read_all
from training.fitting.linear_models import Fitted, fit
from training.fitting.recipe import Recipe
from training.fitting.stacking import Stack, fit_encoder_stack
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


def retrain(
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
    tuning = np.array([False] * len(split.train) + [True] * len(split.tune))
    fitted = fit(examples, recipe, say)
    raw = fitted.stack.logits(fitted.vectors)
    stack: Stack | None = None
    doubt: dict[str, Any] | None = None
    final = raw
    if encoder is not None and tuning.any():
        say("encoder")
        stack, doubt, final = _with_encoder(examples, fitted, raw, tuning, encoder, tools.policy, recipe)
    chosen = tuning if tuning.sum() >= _LEAST_TUNING else np.ones(len(raw), bool)
    limits = thresholds.choose(_sigmoid(final[chosen]), examples.labels[chosen], tools.policy)
    say("writing")
    return artifact_writer.write(
        folder, fitted, limits, recipe, fingerprint=fingerprint, encoder=encoder if stack else None,
        encoder_stack=stack, doubt=doubt,
    )  # fmt: skip


_LEAST_TUNING = 200
"""Fewer tuning drafts than this choose no thresholds; then all out-of-fold scores do."""


def _with_encoder(
    examples: Examples, fitted: Fitted, raw: NDArray[np.float64], tuning: NDArray[np.bool_], encoder: Path,
    policy: Policy, recipe: Recipe,
) -> tuple[Stack, dict[str, Any], NDArray[np.float64]]:  # fmt: skip
    """The stack with the encoder, when it is asked, and the logits (n, 6) that thresholds are chosen on."""
    witness = EncoderWitness.load(encoder)
    if witness is None:
        raise ValueError("onnxruntime is not installed; retrain without the encoder instead")
    rows = np.flatnonzero(tuning)
    told = _told(witness, examples, rows)
    stack = fit_encoder_stack(fitted.stack, raw[rows], told, examples.labels[rows])
    doubt = doubt_bands(policy, recipe)
    both = _cross_fitted(fitted, raw, told, examples, rows, recipe)
    final = raw.copy()
    bands = Doubt.of_manifest(doubt)
    asked = np.array([bands.remains(row) for row in raw[rows]])
    final[rows[asked]] = both[asked]
    return stack, doubt, final


def _told(witness: EncoderWitness, examples: Examples, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """The encoder's logits (len(rows), 6). It works on one core a draft and holds no lock, so all cores are used."""
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        found = threads.map(lambda i: witness.opinion(examples.readings[i], examples.drafts[i].order).logits, rows)
        return np.stack(list(found))


def _cross_fitted(
    fitted: Fitted, raw: NDArray[np.float64], told: NDArray[np.float64], examples: Examples, rows: NDArray[np.int64],
    recipe: Recipe,
) -> NDArray[np.float64]:  # fmt: skip
    """Logits with the encoder of each tuning draft, by a stack that never met its writer. Raises ValueError where all
    are of one scenario."""
    groups, result = examples.strangers(rows), np.zeros((len(rows), len(LABELS)))
    folds = min(recipe.folds, len(set(groups.tolist())))
    if folds < 2:
        raise ValueError("tuning drafts of at least two scenarios are needed; retrain without the encoder instead")
    for known, unknown in GroupKFold(folds).split(rows, groups=groups):
        stack = fit_encoder_stack(fitted.stack, raw[rows[known]], told[known], examples.labels[rows[known]])
        result[unknown] = stack.logits(np.concatenate([fitted.vectors[rows[unknown]], told[unknown]], 1))
    return result


def doubt_bands(policy: Policy, recipe: Recipe) -> dict[str, Any]:
    """The logits between which the encoder is asked: a prohibited label that is neither sure nor out of the question,
    and a likeliest reason that may or may not be one. The probabilities stand in the recipe."""
    prohibited = [label for label in LABELS if policy.is_prohibited(label)]
    return {
        "each": {str(label): _logits(recipe.doubt_prohibited) for label in prohibited},
        "reasons": {
            "labels": [str(label) for label in LABELS if label not in prohibited],
            "band": _logits(recipe.doubt_reason),
        },
    }


def _logits(band: tuple[float, float]) -> list[float]:
    return [round(math.log(p / (1 - p)), 4) for p in band]


def _sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-logits))
    return result
