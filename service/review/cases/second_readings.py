"""Cases that two reviewers read, the second one blind: the decision of each."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.review.cases.state import has_outcome, in_this_round, labels_of
from service.review.statistics.agreement import DoubleReading
from service.review.web.wording import split
from service.storage.tables.review import CaseDecisionRow, CaseRow, UserRow


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A case whose first two decisions differ. `final` is None until a lead has decided."""

    case_id: str
    at: datetime
    first: str
    first_labels: list[str]
    second: str
    second_labels: list[str]
    final: list[str] | None


@dataclass(frozen=True, slots=True)
class FinalDecision:
    """The final decision on a case."""

    action: str
    actor: str
    labels: list[str]


def final_decisions(session: Session, case_ids: Sequence[str]) -> dict[str, FinalDecision]:
    """The final decision by case id. A case that was decided with its appeal has no decision of its own."""
    rows = session.execute(
        select(CaseDecisionRow, UserRow.name)
        .join(UserRow, UserRow.id == CaseDecisionRow.actor_id)
        .where(CaseDecisionRow.case_id.in_(case_ids), has_outcome())
        .order_by(CaseDecisionRow.id)
    ).all()
    return {row.case_id: FinalDecision(row.action, name, split(row.labels or "")) for row, name in rows}


def _read_twice(session: Session) -> list[list[tuple[CaseDecisionRow, str]]]:
    rows = session.execute(
        select(CaseDecisionRow, UserRow.name, in_this_round())
        .join(CaseRow, CaseRow.id == CaseDecisionRow.case_id)
        .join(UserRow, UserRow.id == CaseDecisionRow.actor_id)
        .where(CaseRow.second_review, has_outcome())
        .order_by(CaseDecisionRow.id)
    ).all()
    by_case: dict[tuple[str, bool], list[tuple[CaseDecisionRow, str]]] = defaultdict(list)
    for row, name, this_round in rows:  # what is decided after an appeal is no second reading of what was before it
        by_case[row.case_id, this_round].append((row, name))
    return [decisions for decisions in by_case.values() if len(decisions) > 1]


def readings(session: Session) -> list[DoubleReading]:
    """The two readers of each case that was read twice, and the labels that they gave."""
    return [
        DoubleReading((who, other), (labels_of(first.labels), labels_of(second.labels)))
        for (first, who), (second, other), *_ in _read_twice(session)
    ]


def disagreements(session: Session, most: int = 100) -> list[Disagreement]:
    """Where they differed, newest first."""
    twice = _read_twice(session)
    found = [_disagreement(decisions) for decisions in twice if decisions[0][0].labels != decisions[1][0].labels]
    return sorted(found, key=lambda d: d.at, reverse=True)[:most]


def _disagreement(decisions: list[tuple[CaseDecisionRow, str]]) -> Disagreement:
    (first, who), (second, other) = decisions[0], decisions[1]
    final = split(decisions[2][0].labels or "") if len(decisions) > 2 else None
    return Disagreement(
        first.case_id, second.at, who, split(first.labels or ""), other, split(second.labels or ""), final
    )
