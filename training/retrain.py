"""One training run: drafts in, artifact out. The steps in a handful of lines; promotion is a person's own command."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classifier.draft import LabelledDraft
from classifier.labels import LABELS
from classifier.language import LanguageJudge
from classifier.matching import RuleMatcher
from classifier.policy import Policy
from classifier.reading import Reader
from classifier.rulebook import RuleBook
from classifier.witness import EncoderWitness
from classifier.words import Words
from training import artifacts, thresholds
from training.examples import Examples, read_all
from training.fitting import Fitted, Stack, fit, fit_encoder_stack
from training.recipe import Recipe
from training.splits import Split

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
    Returns the version. Raises ValueError where the drafts are of fewer than two writers.
    """
    tools = tools or Tools.load()
    say("reading")
    examples = tools.examples([*split.train, *split.tune])
    tuning = np.array([False] * len(split.train) + [True] * len(split.tune))
    fitted = fit(examples, recipe, say)
    raw = fitted.stack.logits(fitted.vectors)
    stack, doubt, final = None, None, raw
    if encoder is not None and tuning.any():
        say("encoder")
        stack, doubt, final = _with_encoder(examples, fitted, raw, tuning, encoder, tools.policy, recipe)
    chosen = tuning if tuning.sum() >= _LEAST_TUNING else np.ones(len(raw), bool)
    limits = thresholds.choose(_sigmoid(final[chosen]), examples.labels[chosen], tools.policy)
    say("writing")
    return artifacts.write(
        folder, fitted, limits, recipe, fingerprint=fingerprint, encoder=encoder if stack else None,
        encoder_stack=stack, doubt=doubt,
    )  # fmt: skip


_LEAST_TUNING = 200
"""Fewer tuning drafts than this choose no thresholds; then all out-of-fold scores do."""


def _with_encoder(
    examples: Examples, fitted: Fitted, raw: NDArray[np.float64], tuning: NDArray[np.bool_], encoder: Path,
    policy: Policy, recipe: Recipe,
) -> tuple[Stack, dict[str, list[float]], NDArray[np.float64]]:  # fmt: skip
    """The stack with the encoder, the bands in which it is asked, and the final logits (n, 6)."""
    witness = EncoderWitness.load(encoder)
    if witness is None:
        raise ValueError("onnxruntime is not installed; retrain without the encoder instead")
    rows = np.flatnonzero(tuning)
    told = np.stack([witness.opinion(examples.readings[i], examples.drafts[i].order).logits for i in rows])
    stack = fit_encoder_stack(fitted.stack, raw[rows], told, examples.labels[rows], recipe)
    doubt = doubt_bands(raw[rows], examples.labels[rows], policy)
    both = stack.logits(np.concatenate([fitted.vectors[rows], told], 1))
    final = raw.copy()
    low, high = np.array([doubt[str(lb)] for lb in LABELS]).T
    asked = ((raw[rows] > low) & (raw[rows] < high)).any(1)
    final[rows[asked]] = both[asked]
    return stack, doubt, final


def doubt_bands(raw: NDArray[np.float64], labels: NDArray[np.int64], policy: Policy) -> dict[str, list[float]]:
    """Per label the logits between which the cheap witnesses are not trusted: outside, they err next to never.

    Low end: under it lie at most 1% of the label's drafts. High end: above it at most 1% of the drafts lack it.
    """
    bands = {}
    for i, label in enumerate(LABELS):
        yes, all_ = np.sort(raw[labels[:, i] == 1, i]), raw[:, i]
        low = float(yes[int(0.01 * len(yes))]) if len(yes) else 0.0
        high = thresholds.at_precision(all_, labels[:, i], 0.99)
        bands[str(label)] = [round(low, 4), round(max(high, low), 4)]
    return bands


def _sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-logits))
    return result
