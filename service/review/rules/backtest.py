"""Testing a rule: on its own examples, on pasted text, and on stored drafts with their reviewed labels."""

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from sqlalchemy import select
from sqlalchemy.orm import Session

from classifier import Draft, Screener
from classifier.evidence import RuleHit
from classifier.matching.rulebook import Rule, RuleBook, RuleError, Status
from classifier.policy.policy import Policy
from classifier.reading.spelling import Words
from service.review.cases.closed_cases import final_labels
from service.review.rules.files import Entry, entry_of, single
from service.storage.encryption import Encryptor
from service.storage.tables.review import CaseRow
from service.storage.tables.screenings import ScreeningRow

NEWEST = 1000
"""A back-test reads so many of the newest stored drafts."""
LONGEST = 20_000
LISTED = 12
PATTERN_FIELDS = ("patterns", "unless", "unless_draft", "if_draft")


@dataclass(frozen=True, slots=True)
class RuleFault:
    """A reason why a draft rule cannot be saved or published. `field` and `line` (from 1) say where in the rule it is;
    without a field the line is one of the TOML."""

    reason: str
    sentence: str = ""
    field: str = ""
    line: int = 0


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
    def share(self) -> float:
        """The share of the drafts that it hits."""
        return self.hits / self.drafts if self.drafts else 0.0

    @property
    def concerns(self) -> list[str]:
        """Why this rule should not go live without a second look, one sentence each."""
        found = []
        if self.drafts >= FEWEST and self.share >= MANY:
            found.append(f"It would flag {self.share:.0%} of all drafts.")
        if self.precision is not None and self.reviewed >= FEWEST_REVIEWED and self.precision <= POOR:
            found.append(f"People confirm {self.right} of its {self.reviewed} hits that they read.")
        return found

    @property
    def precision(self) -> float | None:
        """The share of the reviewed hits that a reviewer confirms."""
        return self.right / self.reviewed if self.reviewed else None


MANY, FEWEST = 0.3, 10
"""A rule that hits so great a share of at least so many drafts is looked at twice."""
POOR, FEWEST_REVIEWED = 0.3, 3
"""The same for one of whose hits people confirm no more, where they read at least so many."""


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
    faults = form_faults(source)
    if faults:
        return faults
    wrong = {True: "must flag this and does not", False: "must not flag this and does"}
    return [
        RuleFault(wrong[one.wanted], one.text, one.field, one.line)
        for one in tried_examples(policy, single(entry_of(source)))
        if one.wanted != bool(one.words)
    ]


def form_faults(source: str) -> list[RuleFault]:
    """Why a rule is not well formed, each fault at its place."""
    try:
        entry = entry_of(source)
    except RuleError as error:
        found = re.search(r"at line (\d+)", error.reason)
        last = len(source.splitlines()) if "end of document" in error.reason else 0
        return [RuleFault(error.reason, line=int(found[1]) if found else last)]
    if entry.get("status", "draft") not in get_args(Status):
        return [RuleFault(f"status is {', '.join(get_args(Status))}, not {entry['status']!r}", field="status")]
    try:
        single(entry)
    except RuleError as error:
        return _pattern_faults(entry) or [RuleFault(error.reason)]
    return []


def _pattern_faults(entry: Entry) -> list[RuleFault]:
    """The patterns that are not well formed, found by trying each of them alone."""
    found = []
    plain = {"id": "a.b", "label": "delay_notice", "strength": "weak", "must_flag": ["x"], "must_not_flag": ["x"]}
    for field in PATTERN_FIELDS:
        lines = entry.get(field, ())
        for number, line in enumerate(lines if isinstance(lines, list) else (), 1):
            try:
                single({**plain, "patterns": [line]})
            except RuleError as error:
                found.append(RuleFault(error.reason, str(line), field, number))
    return found


@dataclass(frozen=True, slots=True)
class TriedExample:
    """An example of a rule, and the words of it that the rule finds; empty where it finds none."""

    field: str
    line: int
    text: str
    wanted: bool
    words: str


def tried_examples(policy: Policy, book: RuleBook) -> list[TriedExample]:
    """The examples of a book's one rule, each tried."""
    rule: Rule = book.rules[0]
    both = (("must_flag", rule.must_flag, True), ("must_not_flag", rule.must_not_flag, False))
    wanted = [(field, n, text, flag) for field, texts, flag in both for n, text in enumerate(texts, 1)]
    found = RULE_RUNNER.hits(policy, book, [Draft("GG-1", "", text) for _, _, text, _ in wanted])
    return [
        TriedExample(field, n, text, flag, hits[0].span.text if hits else "")
        for (field, n, text, flag), hits in zip(wanted, found, strict=True)
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
