"""The screener: wires the witnesses to the judge. Read, find, score, decide."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from classifier.draft import Draft, Order
from classifier.evidence import Evidence, RuleEvidence, Thresholds
from classifier.form import FormCheck
from classifier.labels import LABELS, Label
from classifier.matching.matcher import RuleMatcher
from classifier.matching.rulebook import RuleBook
from classifier.model.artifact import ModelArtifact, shipped_artifact
from classifier.model.encoder import Opinion
from classifier.model.scorer import FirstWord, TextScorer
from classifier.policy.policy import Policy
from classifier.reading.language import LanguageJudge
from classifier.reading.reader import Reader, Reading
from classifier.reading.spelling import Words
from classifier.verdict import Verdict

RULES_ONLY = dict.fromkeys(LABELS, Thresholds(possible=0.5, asserted=0.5, sure=0.9))
"""Where no model is loaded: a weak rule warns, a strong one blocks."""

_BATCH = 64
"""So many drafts are read, then matched, then scored together."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """A draft as all witnesses but the encoder see it. `in_time` False: stages were left out."""

    draft: Draft
    order: Order | None
    reading: Reading
    rules: RuleEvidence
    first: FirstWord | None
    in_time: bool

    @property
    def doubtful(self) -> bool:
        """Whether the encoder should be asked too."""
        return self.first is not None and self.first.doubtful


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
        if len(known) != len(drafts):
            raise ValueError(f"{len(drafts)} drafts and {len(known)} orders")
        starts = range(0, len(drafts), _BATCH)
        looks = (look for i in starts for look in self.looks(drafts[i : i + _BATCH], known[i : i + _BATCH]))
        return [self.policy.decide(self._told(look), look.order) for look in looks]

    def evidence(self, draft: Draft, order: Order | None = None) -> Evidence:
        """What the witnesses say, before the judge: what a stored screening keeps and a replay compares."""
        return self._told(self.look(draft, order))

    def _told(self, look: Look) -> Evidence:
        return self.settled(look, self.opinion(look) if look.doubtful else None)

    def look(self, draft: Draft, order: Order | None = None, *, late: Callable[[], bool] = lambda: False) -> Look:
        """The draft as all witnesses but the encoder see it. `late` is asked before each stage; once it says True,
        the stages that are left are left out."""
        reading = self._reader.read(draft)
        in_time = not late()
        rules = self._matcher.find(reading) if in_time else RuleEvidence((), (), self.book.version)
        in_time = in_time and not late()
        first = self._scorer.first_word(reading, rules, order) if self._scorer and in_time else None
        return Look(draft, order, reading, rules, first, in_time)

    def looks(
        self, drafts: Sequence[Draft], orders: Sequence[Order | None], *, late: Callable[[], bool] = lambda: False
    ) -> list[Look]:
        """As `look`, in order. Stage by stage, not draft by draft: what a stage looks things up in stays in the
        processor's cache."""
        readings = [self._reader.read(draft) for draft in drafts]
        in_time = not late()
        nothing = RuleEvidence((), (), self.book.version)
        rules = self._matcher.find_many(readings) if in_time else [nothing] * len(drafts)
        in_time = in_time and not late()
        firsts = self._scorer.first_words(readings, rules, orders) if self._scorer and in_time else [None] * len(drafts)
        return [Look(*seen, in_time=in_time) for seen in zip(drafts, orders, readings, rules, firsts, strict=True)]

    def opinion(self, look: Look) -> Opinion:
        """The encoder's word on a doubtful look: the one slow step, and the one that any thread may take."""
        assert self._scorer is not None
        return self._scorer.opinion(look.reading, look.order)

    def settled(self, look: Look, opinion: Opinion | None) -> Evidence:
        """The evidence; incomplete if stages were left out, or if a doubtful look comes without an opinion."""
        model = self._scorer.settled(look.first, look.reading, opinion) if self._scorer and look.first else None
        about_address = (
            model is not None and model.scores[_ADDRESS].probability >= self._thresholds[Label.ADDRESS_REQUEST].asserted
        )
        return Evidence(
            rules=look.rules,
            model=model,
            form=self._form.faults(look.draft, look.reading, asks_address=about_address),
            language=look.reading.language,
            thresholds=self._thresholds,
            complete=look.in_time and (opinion is not None or not look.doubtful),
            disguised=look.reading.disguised,
        )

    def read(self, draft: Draft) -> Reading:
        """The reading alone, for training and for the rules desk."""
        return self._reader.read(draft)


_ADDRESS = LABELS.index(Label.ADDRESS_REQUEST)
