"""Decisions on a selection: counted and shown first, then made case by case, each with its own row and its own undo."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.http.errors import ServiceError
from service.review.auth.roles import Reviewer
from service.review.cases.claims import locked_case, refusal
from service.review.cases.decisions import DecisionRequest, NeedsLabelsError, decide, resolved_labels
from service.review.cases.rules import Outcome
from service.review.queue.filters import QueueFilter
from service.review.queue.listing import conditions, ordered
from service.review.web.wording import split
from service.storage.database import Database
from service.storage.encryption import Encryptor
from service.storage.screenings.documents import read_document
from service.storage.tables.review import CaseRow
from service.storage.tables.screenings import ScreeningRow

MOST = 1000
GROUP = 50
"""So many decisions a transaction: screenings wait no longer than for that."""


@dataclass(frozen=True, slots=True)
class BulkGroup:
    """Cases of one stored decision and set of labels."""

    decision: str
    labels: list[str]
    count: int


@dataclass(frozen=True, slots=True)
class BulkPlan:
    """What a bulk decision would do: the cases it decides, and how many it leaves, for which reason."""

    cases: tuple[str, ...]
    groups: tuple[BulkGroup, ...]
    skipped: int
    impossible: int


def selected(session: Session, asked: QueueFilter, me: Reviewer, ids: Sequence[str], *, everything: bool) -> list[str]:
    """Ids of the cases chosen: those ticked, or all that the filter finds, at most MOST."""
    query = select(CaseRow.id).where(*conditions(session, asked, me, datetime.now(UTC)))
    if not everything:
        query = query.where(CaseRow.id.in_(ids[:MOST]))
    return list(session.scalars(ordered(query, asked.queue, None).limit(MOST)))


def plan(session: Session, me: Reviewer, ids: Sequence[str], outcome: Outcome) -> BulkPlan:
    """Look before deciding."""
    doable: list[str] = []
    tally: Counter[tuple[str, str]] = Counter()
    skipped = impossible = 0
    for case_id in ids:
        case = session.get(CaseRow, case_id)
        if case is None or refusal(session, case, me, datetime.now(UTC)):
            skipped += 1
        elif not _possible(session, case, outcome):
            impossible += 1
        else:
            doable.append(case_id)
            tally[case.decision, case.labels] += 1
    groups = tuple(BulkGroup(d, split(labels), count) for (d, labels), count in tally.most_common())
    return BulkPlan(tuple(doable), groups, skipped, impossible)


def _possible(session: Session, case: CaseRow, outcome: Outcome) -> bool:
    screening = session.get(ScreeningRow, case.screening_id)
    assert screening is not None
    try:
        resolved_labels(DecisionRequest(outcome), case, read_document(screening.verdict))
    except NeedsLabelsError:
        return False
    return True


def decide_all(
    database: Database, encryptor: Encryptor, me: Reviewer, ids: Sequence[str], outcome: Outcome, note: str
) -> list[int]:
    """Decide each case that still can be; ids of the rows, in order."""
    made: list[int] = []
    for start in range(0, len(ids), GROUP):
        with database.writing() as session:
            for case_id in ids[start : start + GROUP]:
                made += _one(session, encryptor, me, case_id, DecisionRequest(outcome, note=note))
    return made


def _one(session: Session, encryptor: Encryptor, me: Reviewer, case_id: str, request: DecisionRequest) -> list[int]:
    try:
        return decide(session, encryptor, locked_case(session, case_id), me, request, datetime.now(UTC))
    except ServiceError:  # somebody was faster: their decision stands
        return []
