"""Cases whose review is over: what the machine said, and the last word of a person."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from classifier import Decision
from service.review.cases.decisions import FORM_WITNESSES, NO_REASON
from service.review.cases.rules import stands
from service.review.cases.state import OUTCOMES, kept, labels_of
from service.storage.tables.review import CaseDecisionRow, CaseRow
from service.storage.tables.screenings import FindingRow, ScreeningRow


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A case whose review is over: what the machine said, and the last word of a person."""

    case: CaseRow
    rules: tuple[str, ...]
    rules_version: str
    form_at_fault: bool
    said: frozenset[Any]
    first_at: datetime
    last_at: datetime

    @property
    def overturned(self) -> bool:
        """Whether the person's labels speak against the stored decision."""
        machine: Decision = self.case.decision  # type: ignore[assignment]
        return not stands(machine, self.said, form_at_fault=self.form_at_fault)


def reviewed(session: Session, since: datetime, until: datetime) -> list[Reviewed]:
    """Cases decided within [since, until)."""
    span = CaseRow.decided_at >= since, CaseRow.decided_at < until
    cases = session.execute(
        select(CaseRow, ScreeningRow.rules_version)
        .join(ScreeningRow, ScreeningRow.id == CaseRow.screening_id)
        .where(*span)
    ).all()
    acts: dict[str, list[CaseDecisionRow]] = defaultdict(list)
    for row in session.scalars(
        select(CaseDecisionRow).join(CaseRow, CaseRow.id == CaseDecisionRow.case_id).where(*span)
    ):
        acts[row.case_id].append(row)
    rules, faulty = _rules(session, span), _at_fault(session, span)
    found = (
        _reviewed(case, version, acts[case.id], rules[case.screening_id], at_fault=case.screening_id in faulty)
        for case, version in cases
    )
    return [one for one in found if one]


def _at_fault(session: Session, span: Iterable[Any]) -> set[str]:
    """Screenings of these cases that warn of the form or the order, whatever the labels (`deciding.form_at_fault`)."""
    query = select(FindingRow.screening_id).join(CaseRow, CaseRow.screening_id == FindingRow.screening_id)
    warned = FindingRow.severity == "warn", FindingRow.witness.in_(FORM_WITNESSES), FindingRow.rule_id != NO_REASON
    return set(session.scalars(query.where(*span, *warned)))


def _rules(session: Session, span: Iterable[Any]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    query = select(FindingRow.screening_id, FindingRow.rule_id)
    query = query.join(CaseRow, CaseRow.screening_id == FindingRow.screening_id)
    for screening_id, rule_id in session.execute(query.where(*span, FindingRow.witness == "rule").distinct()):
        found[screening_id].append(rule_id)
    return found


def _reviewed(
    case: CaseRow, version: str, acts: Sequence[CaseDecisionRow], rules: Sequence[str], *, at_fault: bool
) -> Reviewed | None:
    words = [row for row in sorted(kept(acts), key=lambda row: row.id) if row.action in OUTCOMES]
    if not words:
        return None
    return Reviewed(case, tuple(rules), version, at_fault, labels_of(words[-1].labels), words[0].at, words[-1].at)


def last_words(session: Session, case_ids: Sequence[str]) -> dict[str, frozenset[Any]]:
    """The last word of a person on each case that has one: case id -> labels."""
    acts: dict[str, list[CaseDecisionRow]] = defaultdict(list)
    for start in range(0, len(case_ids), 500):
        query = select(CaseDecisionRow).where(CaseDecisionRow.case_id.in_(case_ids[start : start + 500]))
        for row in session.scalars(query.order_by(CaseDecisionRow.id)):
            acts[row.case_id].append(row)
    said = {case: [row for row in kept(rows) if row.action in OUTCOMES] for case, rows in acts.items()}
    return {case: labels_of(rows[-1].labels) for case, rows in said.items() if rows}
