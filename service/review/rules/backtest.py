"""Testing a rule: on its own examples, on pasted text, and on stored drafts with their reviewed labels."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from classifier import Draft, Screener
from classifier.evidence import RuleHit
from classifier.matching.rulebook import Rule, RuleBook, RuleError
from classifier.policy.policy import Policy
from classifier.reading.spelling import Words
from service.review.cases.closed_cases import final_labels
from service.review.rules.files import entry_of, single
from service.storage.encryption import Encryptor
from service.storage.tables.review import CaseRow
from service.storage.tables.screenings import ScreeningRow

NEWEST = 1000
"""A back-test reads so many of the newest stored drafts."""
LONGEST = 20_000
LISTED = 12


@dataclass(frozen=True, slots=True)
class RuleFault:
    """A reason why a draft rule cannot be saved or published."""

    reason: str
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that a rule found."""

    rule_id: str
    status: str
    text: str
    field: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class StoredHit:
    """A stored draft that the rule hits. `right` None where nobody has reviewed it."""

    case_id: str | None
    subject: str
    text: str
    decision: str
    right: bool | None


@dataclass(frozen=True, slots=True)
class BackTest:
    """The rule on stored drafts: hits, and how many of the reviewed ones a reviewer confirms. `fresh` counts
    the hits on drafts that were allowed."""

    drafts: int
    hits: int
    reviewed: int
    right: int
    fresh: int
    merchants: int
    examples: tuple[StoredHit, ...]

    @property
    def precision(self) -> float | None:
        """The share of the reviewed hits that a reviewer confirms."""
        return self.right / self.reviewed if self.reviewed else None


class RuleRunner:
    """Runs rules alone, without the model. One at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._words: Words | None = None

    def hits(self, policy: Policy, book: RuleBook, drafts: Sequence[Draft]) -> list[tuple[RuleHit, ...]]:
        """The hits of a book on each draft."""
        with self._lock:
            self._words = self._words or Words.load()
            screener = Screener(policy=policy, book=book, artifact=None, words=self._words)
            return [screener.hits(draft) for draft in drafts]


RULE_RUNNER = RuleRunner()


def lint(policy: Policy, source: str) -> list[RuleFault]:
    """Why a draft rule may not be saved: its form, or examples that it does not treat as it says. Empty is good."""
    try:
        book = single(entry_of(source))
    except RuleError as error:
        return [RuleFault(error.reason)]
    rule: Rule = book.rules[0]
    wanted = [(text, True) for text in rule.must_flag] + [(text, False) for text in rule.must_not_flag]
    found = RULE_RUNNER.hits(policy, book, [Draft("GG-1", "", text) for text, _ in wanted])
    return [
        RuleFault("must flag this and does not" if flag else "must not flag this and does", text)
        for (text, flag), hits in zip(wanted, found, strict=True)
        if bool(hits) != flag
    ]


def find_hits(policy: Policy, book: RuleBook, text: str) -> list[Hit]:
    """What a book finds in pasted text, taken as the details of a draft."""
    draft = Draft("GG-1", "", text[:LONGEST])
    return [
        Hit(hit.rule_id, hit.status, hit.span.text, hit.span.field, hit.span.start, hit.span.end)
        for hit in RULE_RUNNER.hits(policy, book, [draft])[0]
    ]


def back_test(session: Session, encryptor: Encryptor, policy: Policy, source: str) -> BackTest:
    """Run a rule on the newest stored drafts. Raises RuleError."""
    book = single(entry_of(source))
    query = select(ScreeningRow).where(ScreeningRow.draft.is_not(None)).order_by(ScreeningRow.created_at.desc())
    rows = list(session.scalars(query.limit(NEWEST)))
    drafts = [encryptor.decrypt_draft(row.draft) for row in rows if row.draft]
    found = RULE_RUNNER.hits(policy, book, drafts)
    hit = [(row, draft, hits[0]) for row, draft, hits in zip(rows, drafts, found, strict=True) if hits]
    cases = _cases(session, [row.id for row, _, _ in hit])
    said = final_labels(session, list(cases.values()))
    label = book.rules[0].label
    right = {row.id: label in said[cases[row.id]] for row, _, _ in hit if cases.get(row.id) in said}
    examples = [
        StoredHit(cases.get(row.id), draft.subject[:120], first.span.text, row.decision, right.get(row.id))
        for row, draft, first in hit
    ]
    examples.sort(key=lambda e: (e.right is None, e.right or False))  # what a person speaks against comes first
    return BackTest(
        drafts=len(rows), hits=len(hit), reviewed=len(right), right=sum(right.values()),
        fresh=sum(row.decision == "allow" for row, _, _ in hit),
        merchants=len({row.merchant_id for row, _, _ in hit}), examples=tuple(examples[:LISTED]),
    )  # fmt: skip


def _cases(session: Session, screening_ids: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for start in range(0, len(screening_ids), 500):
        query = select(CaseRow.screening_id, CaseRow.id).where(
            CaseRow.screening_id.in_(screening_ids[start : start + 500])
        )
        found |= {row.screening_id: row.id for row in session.execute(query)}
    return found
