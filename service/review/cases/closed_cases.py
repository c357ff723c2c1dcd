"""Cases whose review is over: the machine's decision, and the labels of the final decision by a reviewer."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from classifier import Decision
from service.review.cases.decisions import FORM_WITNESSES, NO_REASON
from service.review.cases.rules import decision_is_correct
from service.review.cases.state import has_outcome, in_this_round, labels_of
from service.storage.tables.review import CaseDecisionRow, CaseRow
from service.storage.tables.screenings import FindingRow, ScreeningRow


@dataclass(frozen=True, slots=True)
class ClosedCase:
    """A case whose review is over. `labels` are those of the final decision."""

    case: CaseRow
    rules: tuple[str, ...]
    findings: tuple[str, ...]
    """What warned or blocked: rules by their id, the model and the form by what they said."""
    rules_version: str
    form_at_fault: bool
    labels: frozenset[Any]
    outcome: str
    first_at: datetime
    last_at: datetime

    @property
    def overturned(self) -> bool:
        """Whether the final labels contradict the stored decision."""
        machine: Decision = self.case.decision  # type: ignore[assignment]
        return not decision_is_correct(machine, self.labels, form_at_fault=self.form_at_fault)


def closed_cases(session: Session, since: datetime, until: datetime) -> list[ClosedCase]:
    """Cases decided within [since, until)."""
    span = CaseRow.decided_at >= since, CaseRow.decided_at < until
    cases = session.execute(
        select(CaseRow, ScreeningRow.rules_version)
        .join(ScreeningRow, ScreeningRow.id == CaseRow.screening_id)
        .where(*span)
    ).all()
    decisions: dict[str, list[CaseDecisionRow]] = defaultdict(list)
    for row in session.scalars(
        select(CaseDecisionRow)
        .join(CaseRow, CaseRow.id == CaseDecisionRow.case_id)
        .where(*span, has_outcome(), in_this_round())
        .order_by(CaseDecisionRow.id)
    ):
        decisions[row.case_id].append(row)
    rules, faulty, grave = _rules(session, span), _at_fault(session, span), _grave(session, span)
    found = (
        _closed_case(
            case, version, decisions[case.id], rules[case.screening_id], grave[case.screening_id],
            at_fault=case.screening_id in faulty,
        )
        for case, version in cases
    )  # fmt: skip
    return [one for one in found if one]


def _at_fault(session: Session, span: Iterable[Any]) -> set[str]:
    """The screenings of these cases that warn about the form or the order, as `decisions.form_at_fault` defines it."""
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


def _grave(session: Session, span: Iterable[Any]) -> Mapping[str, list[str]]:
    """The findings of these cases that warn or block, by screening."""
    found: dict[str, list[str]] = defaultdict(list)
    query = select(FindingRow.screening_id, FindingRow.witness, FindingRow.rule_id)
    query = query.join(CaseRow, CaseRow.screening_id == FindingRow.screening_id)
    for screening_id, witness, name in session.execute(
        query.where(*span, FindingRow.severity.in_(("warn", "block"))).distinct()
    ):
        found[screening_id].append(name if witness == "rule" else f"{witness}: {name}")
    return found


def _closed_case(
    case: CaseRow, version: str, decisions: Sequence[CaseDecisionRow], rules: Sequence[str], findings: Sequence[str],
    *, at_fault: bool,
) -> ClosedCase | None:  # fmt: skip
    if not decisions:
        return None
    first, last = decisions[0], decisions[-1]
    faulty = at_fault and last.action != "overturn"  # to overturn a warning is to say that the form was in order
    return ClosedCase(
        case, tuple(rules), tuple(findings), version, faulty, labels_of(last.labels), last.action, first.at, last.at
    )


def final_labels(session: Session, case_ids: Sequence[str]) -> dict[str, frozenset[Any]]:
    """The labels of the final decision on each case that has one, by case id."""
    labels: dict[str, frozenset[Any]] = {}
    for start in range(0, len(case_ids), 500):
        some = CaseDecisionRow.case_id.in_(case_ids[start : start + 500])
        query = select(CaseDecisionRow).where(some, has_outcome()).order_by(CaseDecisionRow.id)
        labels |= {row.case_id: labels_of(row.labels) for row in session.scalars(query)}  # the last row wins
    return labels
