"""Decisions on a selection: counted and shown first, then made case by case, each with its own row and its own undo."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from service.http.errors import ServiceError
from service.review.auth.roles import Reviewer
from service.review.cases.claims import locked_case, refusal
from service.review.cases.decisions import (
    DecisionRequest,
    NeedsLabelsError,
    decide,
    has_open_appeal,
    resolved_labels,
)
from service.review.cases.rules import OUTCOMES, Outcome
from service.review.queue.filters import QueueFilter
from service.review.queue.listing import QueueRow, conditions, rows_of
from service.review.queue.ordering import ordered
from service.review.web.wording import outcome_words, split
from service.storage.database import Database
from service.storage.encryption import Encryptor
from service.storage.screenings.documents import read_document
from service.storage.tables.review import CaseRow
from service.storage.tables.screenings import ScreeningRow

MOST = 1000
SAMPLE = 10
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
    """What a bulk decision would do: the cases it decides, and how many it leaves, for which reason. `appeals` are
    the cases whose merchants wait for an answer, which is asked for apart; `sample` shows some of all."""

    cases: tuple[str, ...]
    appeals: tuple[str, ...]
    groups: tuple[BulkGroup, ...]
    skipped: int
    impossible: int
    sample: tuple[QueueRow, ...]

    @property
    def merchants_answered(self) -> int:
        """How many would get an answer."""
        return len(self.appeals)

    @property
    def says(self) -> dict[str, tuple[str, ...]]:
        """What the outcomes do, by outcome: one wording for each kind of decision among the cases."""
        decisions = list(dict.fromkeys(group.decision for group in self.groups))
        both = [outcome_words(decision, appealed=False) for decision in decisions]
        return {outcome: tuple(one[outcome] for one in both) for outcome in OUTCOMES}


def selected(
    session: Session, asked: QueueFilter, me: Reviewer, ids: Sequence[str], templates: Sequence[str] = (), *,
    everything: bool,
) -> list[str]:  # fmt: skip
    """Ids of the cases chosen: those ticked and those of the templates ticked, or all that the filter finds, at most
    MOST."""
    query = select(CaseRow.id).where(*conditions(session, asked, me, datetime.now(UTC)))
    if not everything:
        query = query.where(or_(CaseRow.id.in_(ids[:MOST]), CaseRow.template_hash.in_(templates[:MOST])))
    return list(session.scalars(ordered(query, asked.queue, None).limit(MOST)))


def plan(session: Session, encryptor: Encryptor, me: Reviewer, ids: Sequence[str], outcome: Outcome) -> BulkPlan:
    """Look before deciding."""
    appeals: list[str] = []
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
            if has_open_appeal(session, case):
                appeals.append(case_id)
            tally[case.decision, case.labels] += 1
    groups = tuple(BulkGroup(d, split(labels), count) for (d, labels), count in tally.most_common())
    # from all over the selection, not only what is due first
    some = doable[:: max(len(doable) // SAMPLE, 1)][:SAMPLE]
    return BulkPlan(
        tuple(doable), tuple(appeals), groups, skipped, impossible, tuple(rows_of(session, encryptor, some))
    )


def _possible(session: Session, case: CaseRow, outcome: Outcome) -> bool:
    screening = session.get(ScreeningRow, case.screening_id)
    assert screening is not None
    try:
        resolved_labels(DecisionRequest(outcome), case, read_document(screening.verdict))
    except NeedsLabelsError:
        return False
    return True


def decide_all(
    database: Database, encryptor: Encryptor, me: Reviewer, ids: Sequence[str], request: DecisionRequest, *,
    appeals: bool,
) -> list[int]:  # fmt: skip
    """Decide each case that still can be; ids of the rows, in order. Where a merchant waits for an answer, only if
    `appeals`."""
    made: list[int] = []
    for start in range(0, len(ids), GROUP):
        with database.writing() as session:
            for case_id in ids[start : start + GROUP]:
                made += _one(session, encryptor, me, case_id, request, appeals=appeals)
    return made


def _one(
    session: Session, encryptor: Encryptor, me: Reviewer, case_id: str, request: DecisionRequest, *, appeals: bool
) -> list[int]:
    try:
        case = locked_case(session, case_id)
        if has_open_appeal(session, case) and not appeals:
            return []
        return decide(session, encryptor, case, me, request, datetime.now(UTC))
    except ServiceError:  # somebody was faster: their decision stands
        return []
