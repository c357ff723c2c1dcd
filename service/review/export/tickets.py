"""Reviewed cases as labelled tickets, in the format that training reads.

Labels and evidence come from a reviewer. The machine's decision and labels are in `machine` and in the provenance.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from classifier import Draft
from service.review.case_page.history import details_of
from service.review.cases.state import has_outcome
from service.review.web.wording import ACTION, split
from service.storage.encryption import Encryptor
from service.storage.tables.review import CaseDecisionRow, CaseRow, UserRow
from service.storage.tables.screenings import ScreeningRow

Ticket = dict[str, Any]
GROUP = 500


def tickets(
    session: Session, encryptor: Encryptor, since: datetime | None = None, until: datetime | None = None
) -> Iterator[Ticket]:
    """A ticket for each screening whose review is over, oldest decision first; purged ones have no text and are left
    out. `since` and `until` bound the time of the decision."""
    query = select(CaseRow.id).where(CaseRow.decided_at.is_not(None))
    if since:
        query = query.where(CaseRow.decided_at >= since)
    if until:
        query = query.where(CaseRow.decided_at < until)
    ids = list(session.scalars(query.order_by(CaseRow.decided_at, CaseRow.id)))
    for start in range(0, len(ids), GROUP):
        yield from _group(session, encryptor, ids[start : start + GROUP])


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
