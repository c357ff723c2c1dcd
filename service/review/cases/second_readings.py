"""Cases that two people read, the second one blind: what each said."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.review.cases.state import OUTCOMES, kept, labels_of
from service.review.statistics.agreement import Pair
from service.review.web.wording import split
from service.storage.tables.review import CaseDecisionRow, CaseRow, UserRow


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A case on which the first two readers differed. `final` None until a lead has decided."""

    case_id: str
    at: datetime
    first: str
    first_labels: list[str]
    second: str
    second_labels: list[str]
    final: list[str] | None


@dataclass(frozen=True, slots=True)
class LastWord:
    """What the last person said of a decided case."""

    action: str
    actor: str
    labels: list[str]


def last_said(session: Session, case_ids: Sequence[str]) -> dict[str, LastWord]:
    """The last word on each of a page's cases that has one; a case decided with its appeal has none of its own."""
    rows = session.execute(
        select(CaseDecisionRow, UserRow.name)
        .join(UserRow, UserRow.id == CaseDecisionRow.actor_id)
        .where(CaseDecisionRow.case_id.in_(case_ids))
        .order_by(CaseDecisionRow.id)
    ).all()
    names = {row.id: name for row, name in rows}
    live = [row for row in kept(row for row, _ in rows) if row.action in OUTCOMES]
    return {row.case_id: LastWord(row.action, names[row.id], split(row.labels or "")) for row in live}


def _read_twice(session: Session) -> list[list[tuple[CaseDecisionRow, str]]]:
    rows = session.execute(
        select(CaseDecisionRow, UserRow.name)
        .join(CaseRow, CaseRow.id == CaseDecisionRow.case_id)
        .join(UserRow, UserRow.id == CaseDecisionRow.actor_id)
        .where(CaseRow.second_review)
        .order_by(CaseDecisionRow.id)
    ).all()
    names = {row.id: name for row, name in rows}
    by_case: dict[str, list[CaseDecisionRow]] = defaultdict(list)
    for row, _ in rows:
        by_case[row.case_id].append(row)
    found = [[(r, names[r.id]) for r in kept(acts) if r.action in OUTCOMES] for acts in by_case.values()]
    return [words for words in found if len(words) > 1]


def pairs(session: Session) -> list[Pair]:
    """The labels that the first and the second reader gave."""
    return [(labels_of(words[0][0].labels), labels_of(words[1][0].labels)) for words in _read_twice(session)]


def disagreements(session: Session, most: int = 100) -> list[Disagreement]:
    """Where they differed, newest first."""
    found = [_disagreement(words) for words in _read_twice(session) if words[0][0].labels != words[1][0].labels]
    return sorted(found, key=lambda d: d.at, reverse=True)[:most]


def _disagreement(words: list[tuple[CaseDecisionRow, str]]) -> Disagreement:
    (first, who), (second, other) = words[0], words[1]
    final = split(words[2][0].labels or "") if len(words) > 2 else None
    return Disagreement(
        first.case_id, second.at, who, split(first.labels or ""), other, split(second.labels or ""), final
    )
