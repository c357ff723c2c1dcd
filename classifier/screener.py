"""The screener: wires the witnesses to the judge. Read, find, score, decide."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from classifier.artifact import ModelArtifact, shipped_artifact
from classifier.draft import Draft, Order
from classifier.evidence import Evidence, Thresholds
from classifier.form import FormCheck
from classifier.labels import LABELS, Label
from classifier.language import LanguageJudge
from classifier.matching import RuleMatcher
from classifier.policy import Policy
from classifier.reading import Reader, Reading
from classifier.rulebook import RuleBook
from classifier.scoring import TextScorer
from classifier.verdict import Verdict
from classifier.words import Words

RULES_ONLY = dict.fromkeys(LABELS, Thresholds(possible=0.5, asserted=0.5, sure=0.9))
"""Where no model is loaded: a weak rule warns, a strong one blocks."""


class Screener:
    """Judges drafts. Holds no draft after it answered, reads no file after it was built; safe across threads
    only when each thread has its own."""

    def __init__(
        self, *, policy: Policy, book: RuleBook, artifact: ModelArtifact | None, words: Words | None = None
    ) -> None:
        """`artifact` None judges by rules alone."""
        self.policy = policy
        self.book = book
        self.artifact = artifact
        self._words = words or Words.load()
        languages = LanguageJudge(self._words.english, policy.languages_full, policy.languages_partial)
        self._reader = Reader(self._words, languages)
        self._matcher = RuleMatcher(book, self._words.ordered)
        self._scorer = TextScorer(artifact) if artifact else None
        self._form = FormCheck(policy.form)
        self._thresholds = artifact.thresholds if artifact else RULES_ONLY

    @classmethod
    def load(cls, model: Path | None = None, *, rules: Path | None = None, policy: Path | None = None) -> "Screener":
        """The promoted model (or the artifact in the folder `model`) with the shipped rules and policy.

        Raises ArtifactError, RuleError or ValueError, each naming the file at fault.
        """
        return cls(
            policy=Policy.load(policy) if policy else Policy.load(),
            book=RuleBook.load(rules) if rules else RuleBook.load(),
            artifact=ModelArtifact.load(model or shipped_artifact()),
        )

    def screen(self, draft: Draft, order: Order | None = None) -> Verdict:
        """The verdict on one draft; never raises, whatever the strings hold."""
        return self.policy.decide(self.evidence(draft, order), order)

    def screen_many(self, drafts: Iterable[Draft], orders: Sequence[Order | None] | None = None) -> list[Verdict]:
        """The same verdicts as `screen`, in order. Raises ValueError where the lengths differ."""
        drafts = list(drafts)
        known = list(orders) if orders is not None else [None] * len(drafts)
        return [self.screen(draft, order) for draft, order in zip(drafts, known, strict=True)]

    def evidence(self, draft: Draft, order: Order | None = None) -> Evidence:
        """What the witnesses say, before the judge: what a stored screening keeps and a replay compares."""
        reading = self._reader.read(draft)
        rules = self._matcher.find(reading)
        model = self._scorer.score(reading, rules, order) if self._scorer else None
        about_address = (
            model is not None and model.scores[_ADDRESS].probability >= self._thresholds[Label.ADDRESS_REQUEST].asserted
        )
        return Evidence(
            rules=rules,
            model=model,
            form=self._form.faults(draft, reading, asks_address=about_address),
            language=reading.language,
            thresholds=self._thresholds,
            disguised=reading.disguised,
        )

    def read(self, draft: Draft) -> Reading:
        """The reading alone, for training and for the rules desk."""
        return self._reader.read(draft)


_ADDRESS = LABELS.index(Label.ADDRESS_REQUEST)
