"""The screener: wires the witnesses to the judge. Read, find, score, decide."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from classifier.customer import NO_MESSAGE, CustomerMessage, CustomerReader
from classifier.draft import Draft, Order, known_order
from classifier.estimator import scorer_of
from classifier.evidence import Evidence, ModelEvidence, RuleEvidence, RuleHit, Span, Thresholds, When
from classifier.form import FormCheck
from classifier.labels import LABELS, Label
from classifier.matching.matcher import RuleMatcher
from classifier.matching.rulebook import RuleBook
from classifier.model.artifact import ModelArtifact, shipped_artifact
from classifier.model.encoder import EncoderScores
from classifier.model.scorer import PassageScores
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
class PartialEvidence:
    """A draft as rules and linear models judge it, before the encoder. `in_time` False: stages were skipped. `order` is
    what is known of it, the customer's message included."""

    draft: Draft
    order: Order | None
    reading: Reading
    rules: RuleEvidence
    scores: PassageScores | None
    in_time: bool
    customer: CustomerMessage = NO_MESSAGE

    @property
    def doubtful(self) -> bool:
        """Whether the encoder should be asked too."""
        return self.scores is not None and self.scores.doubtful


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
        self._languages = LanguageJudge(self._words.english, policy.languages_full, policy.languages_partial)
        self._reader = Reader(self._words, self._languages)
        self._matcher = RuleMatcher(book, self._words.ordered)
        self._scorer = scorer_of(artifact) if artifact else None
        self._form = FormCheck(policy.form)
        self._customers = CustomerReader(self._words, self._matcher, policy.reply.variants)
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
        return [
            self.policy.decide(self._complete(partial), partial.order)
            for i in starts
            for partial in self.partial_evidence_of_many(drafts[i : i + _BATCH], known[i : i + _BATCH])
        ]

    def evidence(self, draft: Draft, order: Order | None = None) -> Evidence:
        """What the witnesses say, before the judge: what a stored screening keeps and a replay compares."""
        return self._complete(self.partial_evidence(draft, order))

    def _complete(self, partial: PartialEvidence) -> Evidence:
        return self.combine(partial, self.encoder_scores(partial) if partial.doubtful else ())

    def partial_evidence(
        self, draft: Draft, order: Order | None = None, *, late: Callable[[], bool] = lambda: False
    ) -> PartialEvidence:
        """The draft as rules and linear models judge it. `late` is called before each stage; once it returns True, the
        stages that are left are skipped."""
        return self._partial_evidence((draft,), (order,), late)[0]

    def partial_evidence_of_many(
        self, drafts: Sequence[Draft], orders: Sequence[Order | None], *, late: Callable[[], bool] = lambda: False
    ) -> list[PartialEvidence]:
        """As `partial_evidence`, in order. Stage by stage, not draft by draft: what a stage looks things up in stays in
        the processor's cache."""
        return self._partial_evidence(drafts, orders, late)

    def _partial_evidence(
        self, drafts: Sequence[Draft], orders: Sequence[Order | None], late: Callable[[], bool]
    ) -> list[PartialEvidence]:
        readings = [self._reader.read(draft) for draft in drafts]
        in_time = not late()
        nothing = RuleEvidence((), (), self.book.version)
        rules = [nothing] * len(drafts)
        customers = [NO_MESSAGE] * len(drafts)
        if in_time:
            found = self._matcher.find_many(readings)
            rules = [_counted(one, draft) for one, draft in zip(found, drafts, strict=True)]
            customers = [self._customers.read(draft) for draft in drafts]
            orders = [
                known_order(order, customer_cancels=True) if customer.cancels else order
                for order, customer in zip(orders, customers, strict=True)
            ]
        in_time = in_time and not late()
        scores: Sequence[PassageScores | None] = [None] * len(drafts)
        if self._scorer and in_time:
            scores = self._scorer.passage_scores(readings, rules, orders)
        return [
            PartialEvidence(draft, order, reading, hits, score, in_time, customer)
            for draft, order, reading, hits, score, customer in zip(
                drafts, orders, readings, rules, scores, customers, strict=True
            )
        ]

    def encoder_scores(self, partial: PartialEvidence) -> tuple[EncoderScores, ...]:
        """The encoder on the passages in doubt: the one slow step, and the one that any thread may take."""
        assert self._scorer is not None
        assert partial.scores is not None
        return self._scorer.encoder_scores(partial.scores, partial.reading, partial.order)

    def combine(self, partial: PartialEvidence, encoder: Sequence[EncoderScores] | None) -> Evidence:
        """The evidence; incomplete if stages were skipped, or if a doubtful draft comes without the encoder's scores
        (None)."""
        model = None
        if self._scorer and partial.scores is not None:
            model = self._scorer.combine(partial.scores, partial.reading, encoder)
        about_address = (
            model is not None and model.scores[_ADDRESS].probability >= self._thresholds[Label.ADDRESS_REQUEST].asserted
        )
        return Evidence(
            rules=partial.rules,
            model=model,
            form=self._form.faults(partial.draft, partial.reading, asks_address=about_address),
            language=partial.reading.language,
            thresholds=self._thresholds,
            complete=partial.in_time and (encoder is not None or not partial.doubtful),
            disguised=partial.reading.disguised,
            context=partial.draft.context,
            customer=self._customers.evidence(partial.customer, partial.reading, _offers(partial.rules, model)),
        )

    def read(self, draft: Draft) -> Reading:
        """The reading alone, for training and for the rules desk."""
        return self._reader.read(draft)

    def language_confidence(self, draft: Draft) -> float | None:
        """How much in a draft speaks for the language that it was taken for, from 0 to 1; None where too little does
        for any."""
        reading = self._reader.read(draft)
        return self._languages.confidence(reading.tokens, reading.language.code)

    def hits(self, draft: Draft) -> tuple[RuleHit, ...]:
        """What the rules find in the draft's own words, whether it counts there or not: to try a rule."""
        return self._matcher.find(self._reader.read(draft)).hits


_ADDRESS = LABELS.index(Label.ADDRESS_REQUEST)
_COUNTED: dict[str, frozenset[When]] = {
    "new_ticket": frozenset(("always", "customer_cancelled")),
    "reply": frozenset(("always", "customer_cancelled", "reply")),
}


def _counted(rules: RuleEvidence, draft: Draft) -> RuleEvidence:
    """Without the hits of rules that are not for such a draft."""
    whens = _COUNTED[draft.context]
    if all(hit.when in whens for hit in rules.hits):
        return rules
    return replace(rules, hits=tuple(hit for hit in rules.hits if hit.when in whens))


def _offers(rules: RuleEvidence, model: ModelEvidence | None) -> list[Span]:
    """The sentences in which rules or model see a substitute."""
    found = [hit.sentence for hit in rules.hits if hit.label is Label.SUBSTITUTE_OFFER]
    seen = model.scores[_SUBSTITUTE].sentence if model else None
    return [*found, seen] if seen else found


_SUBSTITUTE = LABELS.index(Label.SUBSTITUTE_OFFER)
