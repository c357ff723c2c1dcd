"""Each rule with its numbers: hits, precision as people see it, overturn rate, how often it was called wrong."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from classifier.matching.rulebook import Rule
from service.review.cases.closed_cases import ClosedCase, closed_cases
from service.review.cases.state import not_undone
from service.storage.tables.review import CaseDecisionRow
from service.storage.tables.screenings import FindingRow

SPAN = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class RuleStatistics:
    """A rule of the book as the desk lists it. `hits`: the drafts in which it found something, whether or not a finding
    came of it. Shares None where no case that it hit was reviewed."""

    id: str
    label: str | None
    family: str
    strength: str
    status: str
    hits: int
    reviewed: int
    precision: float | None
    overturned: float | None
    called_wrong: int


def rule_lines(session: Session, rules: Iterable[Rule], order: str = "hits") -> list[RuleStatistics]:
    """Every rule with its numbers of the last 90 days, in one of ORDERS."""
    since, now = datetime.now(UTC) - SPAN, datetime.now(UTC)
    hits = _hits(session, since)
    wrong = _called_wrong(session, since)
    seen: dict[str, list[ClosedCase]] = {}
    for one in closed_cases(session, since, now):
        for rule_id in one.rules:
            seen.setdefault(rule_id, []).append(one)
    lines = [_line(rule, hits, seen.get(rule.id, []), wrong) for rule in rules]
    return sorted(lines, key=lambda line: (ORDERS[order](line), line.id))


ORDERS: Mapping[str, Callable[[RuleStatistics], Any]] = {
    "hits": lambda line: -line.hits,
    "reviewed": lambda line: -line.reviewed,
    "precision": lambda line: (line.precision is None, line.precision or 0),
    "overturned": lambda line: (line.overturned is None, -(line.overturned or 0)),
    "called_wrong": lambda line: -line.called_wrong,
}
"""The orders of the list, what asks for a look first; equal ones by id."""


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """Lines of the list under one heading, with what a folded group says of them. `others`: how many are not live, by
    status."""

    title: str
    lines: tuple[RuleStatistics, ...]
    hits: int
    called_wrong: int
    others: tuple[tuple[str, int], ...]


def rule_groups(lines: Iterable[RuleStatistics], heading: Callable[[RuleStatistics], str]) -> list[RuleGroup]:
    """The lines by their heading; the groups in the order of the alphabet, the lines as they come."""
    groups: dict[str, list[RuleStatistics]] = {}
    for line in lines:
        groups.setdefault(heading(line), []).append(line)
    return [_group(title, tuple(some)) for title, some in sorted(groups.items())]


def _group(title: str, lines: tuple[RuleStatistics, ...]) -> RuleGroup:
    others = Counter(line.status for line in lines if line.status != "live")
    return RuleGroup(
        title, lines, sum(line.hits for line in lines), sum(line.called_wrong for line in lines),
        tuple(sorted(others.items())),
    )  # fmt: skip


def _line(rule: Rule, hits: Mapping[str, int], seen: list[ClosedCase], wrong: Mapping[str, int]) -> RuleStatistics:
    count = len(seen)
    right = sum(rule.label in one.labels if rule.label else not one.overturned for one in seen)
    against = sum(one.overturned for one in seen)
    return RuleStatistics(
        id=rule.id, label=rule.label.value if rule.label else None, family=rule.family, strength=rule.strength,
        status=rule.status, hits=hits.get(rule.id, 0), reviewed=count, precision=right / count if count else None,
        overturned=against / count if count else None, called_wrong=wrong.get(rule.id, 0),
    )  # fmt: skip


def _hits(session: Session, since: datetime) -> Mapping[str, int]:
    drafts = func.count(FindingRow.screening_id.distinct())
    query = select(FindingRow.rule_id, drafts).where(FindingRow.created_at >= since, FindingRow.witness == "rule")
    return Counter({row.rule_id: row[1] for row in session.execute(query.group_by(FindingRow.rule_id))})


def _called_wrong(session: Session, since: datetime) -> Mapping[str, int]:
    query = select(CaseDecisionRow.rule_id, func.count()).where(
        CaseDecisionRow.action == "wrong_rule", CaseDecisionRow.at >= since, not_undone()
    )
    found = session.execute(query.group_by(CaseDecisionRow.rule_id))
    return Counter({str(rule_id): count for rule_id, count in found})


def wrong_cases(session: Session, rule_id: str, most: int = 20) -> list[str]:
    """Ids of the cases in which the rule was called wrong, newest first."""
    query = select(CaseDecisionRow.case_id).where(
        CaseDecisionRow.action == "wrong_rule", CaseDecisionRow.rule_id == rule_id, not_undone()
    )
    return list(dict.fromkeys(session.scalars(query.order_by(CaseDecisionRow.id.desc()).limit(most))))
