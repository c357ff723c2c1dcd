"""Reviewed cases as labelled tickets, in the format that training reads.

Labels and evidence come from a reviewer. The machine's decision and labels are in `machine` and in the provenance.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from classifier import Draft
from service.review.case_page.history import details_of
from service.review.cases.state import has_outcome
from service.review.web.wording import ACTION, split
from service.storage.encryption import Encryptor
from service.storage.tables.review import CaseDecisionRow, CaseRow, UserRow
from service.storage.tables.screenings import FindingRow, ScreeningRow

Ticket = dict[str, Any]
GROUP = 500
NO_LABEL = "none"
"""Stands for tickets to which people gave no label."""


@dataclass(frozen=True, slots=True)
class TicketFilter:
    """Which tickets: by the label that people gave (or NO_LABEL), a rule or other finding, the merchant, and the days
    of the decision, both included. What is empty narrows nothing."""

    label: str = ""
    rule: str = ""
    merchant: str = ""
    since: date | None = None
    until: date | None = None

    @property
    def text(self) -> str:
        """As a query."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return urlencode({name: str(value) for name, value in values.items() if value})


def tickets(session: Session, encryptor: Encryptor, asked: TicketFilter | None = None) -> Iterator[Ticket]:
    """A ticket for each screening whose review is over, oldest decision first; purged ones have no text and are left
    out."""
    ids = list(session.scalars(_wanted(asked or TicketFilter()).order_by(CaseRow.decided_at, CaseRow.id)))
    for start in range(0, len(ids), GROUP):
        yield from _group(session, encryptor, ids[start : start + GROUP])


def preview(session: Session, encryptor: Encryptor, asked: TicketFilter, most: int) -> tuple[int, list[Ticket]]:
    """How many tickets there are, and those decided last."""
    wanted = _wanted(asked)
    whole = session.scalar(select(func.count()).select_from(wanted.subquery())) or 0
    newest = list(session.scalars(wanted.order_by(CaseRow.decided_at.desc(), CaseRow.id).limit(most)))
    return whole, list(_group(session, encryptor, newest))[::-1]


def _wanted(asked: TicketFilter) -> Select[Any]:
    last = (
        select(CaseDecisionRow.case_id, func.max(CaseDecisionRow.id).label("id"))
        .where(has_outcome())
        .group_by(CaseDecisionRow.case_id)
        .subquery()
    )
    query = (
        select(CaseRow.id)
        .join(ScreeningRow, ScreeningRow.id == CaseRow.screening_id)
        .join(last, last.c.case_id == CaseRow.id)
        .join(CaseDecisionRow, CaseDecisionRow.id == last.c.id)
        .where(CaseRow.decided_at.is_not(None), ScreeningRow.draft.is_not(None))
    )
    if asked.label:
        given = CaseDecisionRow.labels
        query = query.where(given == "" if asked.label == NO_LABEL else given.contains(asked.label, autoescape=True))
    if asked.rule:
        hits = select(FindingRow.screening_id).where(FindingRow.rule_id == asked.rule)
        query = query.where(CaseRow.screening_id.in_(hits))
    if asked.merchant:
        query = query.where(CaseRow.merchant_id == asked.merchant)
    if asked.since:
        query = query.where(CaseRow.decided_at >= datetime.combine(asked.since, time(), UTC))
    if asked.until:
        query = query.where(CaseRow.decided_at < datetime.combine(asked.until + timedelta(days=1), time(), UTC))
    return query


def _group(session: Session, encryptor: Encryptor, ids: list[str]) -> Iterator[Ticket]:
    by_case: dict[str, list[CaseDecisionRow]] = defaultdict(list)
    names: dict[int, str] = {}
    acts = select(CaseDecisionRow, UserRow.name).join(UserRow, UserRow.id == CaseDecisionRow.actor_id)
    for row, name in session.execute(
        acts.where(CaseDecisionRow.case_id.in_(ids), has_outcome()).order_by(CaseDecisionRow.id)
    ):
        by_case[row.case_id].append(row)
        names[row.id] = name
    cases = select(CaseRow, ScreeningRow).join(ScreeningRow, ScreeningRow.id == CaseRow.screening_id)
    for case, screening in session.execute(cases.where(CaseRow.id.in_(ids)).order_by(CaseRow.decided_at, CaseRow.id)):
        decisions = by_case[case.id]
        if decisions and screening.draft:
            draft = encryptor.decrypt_draft(screening.draft)
            yield _ticket(encryptor, case, screening, draft, decisions, names)


def _ticket(
    encryptor: Encryptor, case: CaseRow, screening: ScreeningRow, draft: Draft, decisions: list[CaseDecisionRow],
    names: Mapping[int, str],
) -> Ticket:  # fmt: skip
    last = decisions[-1]
    order = {key: screening.order_state.get(key) for key in ("cancelled_by", "status")}
    return {
        "id": f"screening-{screening.id}",
        "writer": f"merchant-{screening.merchant_id or 'unknown'}",
        "scenario": f"template-{screening.template_hash[:16]}",
        "support_id": draft.support_id,
        "subject": draft.subject,
        "body": draft.body,
        "order": order if any(order.values()) else None,
        "labels": split(last.labels or ""),
        "evidence": _evidence(encryptor, last, draft),
        "note": str(details_of(encryptor, last).get("note", "")),
        "language": screening.language,
        "date": screening.created_at.isoformat(),
        "provenance": _provenance(case, screening, decisions, names),
        **({"context": draft.context, "customer_message": draft.customer_message} if draft.context == "reply" else {}),
        "machine": {
            "decision": screening.decision,
            "labels": split(screening.labels),
            "model": screening.model_version,
        },
    }


def _evidence(encryptor: Encryptor, row: CaseDecisionRow, draft: Draft) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    labels = (row.labels or "").split()
    for mark in details_of(encryptor, row).get("evidence", ()):
        text: str = getattr(draft, mark["field"])[mark["start"] : mark["end"]]
        if mark["label"] in labels and text:
            found.setdefault(mark["label"], []).append(text)
    return found


def _provenance(
    case: CaseRow, screening: ScreeningRow, decisions: list[CaseDecisionRow], names: Mapping[int, str]
) -> str:
    who = "; ".join(f"{ACTION[row.action]} by {names[row.id]} on {row.at:%Y-%m-%d}" for row in decisions)
    versions = f"{screening.model_version}, {screening.rules_version}, {screening.policy_version}"
    return f"reviewed case {case.id}: {who}; machine said {screening.decision} ({versions})"
