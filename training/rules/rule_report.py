"""What each rule does on labelled drafts: hits, precision, unique catches, overlap."""

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from classifier.draft import LabelledDraft, Order
from classifier.labels import Label
from classifier.matching.matcher import RuleMatcher
from classifier.matching.rulebook import RuleBook
from classifier.reading.reader import Reader


@dataclass(slots=True)
class RuleReport:
    """One rule on a set of drafts. `unique` are right hits that no other rule of the label shares."""

    rule_id: str
    label: Label | None
    strength: str
    status: str
    hits: int = 0
    right: int = 0
    unique: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float | None:
        """Share of hits on drafts that carry the label; None without hits or without a label."""
        return self.right / self.hits if self.hits and self.label else None


def hits_by_draft(book: RuleBook, reader: Reader, drafts: Sequence[LabelledDraft]) -> list[frozenset[str]]:
    """The ids of the rules that match each draft and apply to its order, in the order of the drafts."""
    matcher = RuleMatcher(book)
    found = []
    for labelled in drafts:
        hits = matcher.find(reader.read(labelled.draft)).hits
        found.append(frozenset(h.rule_id for h in hits if h.when == "always" or _by_customer(labelled.order)))
    return found


def report(book: RuleBook, drafts: Sequence[LabelledDraft], hits: Sequence[frozenset[str]]) -> list[RuleReport]:
    """One report a rule, in the order of the book."""
    reports = {r.id: RuleReport(r.id, r.label, r.strength, r.status) for r in book.rules}
    for labelled, rule_ids in zip(drafts, hits, strict=True):
        _count(reports, labelled, rule_ids)
    return list(reports.values())


def _count(reports: Mapping[str, RuleReport], labelled: LabelledDraft, rule_ids: Iterable[str]) -> None:
    by_label: dict[Label | None, list[RuleReport]] = {}
    for rule_id in rule_ids:
        one = reports[rule_id]
        by_label.setdefault(one.label, []).append(one)
        one.hits += 1
        if one.label in labelled.labels:
            one.right += 1
        else:
            one.wrong.append(labelled.id)
    for label, group in by_label.items():
        if len(group) == 1 and label in labelled.labels:
            group[0].unique += 1


def overlaps(hits: Iterable[frozenset[str]], least: int = 2) -> list[tuple[str, str, int]]:
    """Pairs of rules that hit the same drafts, and how many, most first; pairs that share fewer are left out."""
    pairs = Counter(pair for ids in hits for pair in itertools.combinations(sorted(ids), 2))
    return [(a, b, count) for (a, b), count in pairs.most_common() if count >= least]


def _by_customer(order: Order | None) -> bool:
    return order is not None and order.cancelled_by == "customer"
