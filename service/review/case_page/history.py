"""What happened before: to a case, by whom; and what else its merchant sent."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from service.review.case_page.highlights import Mark
from service.review.web.wording import ACTION, LABEL, split
from service.storage.encryption import Sealer
from service.storage.tables.review import CaseDecisionRow, UserRow
from service.storage.tables.screenings import ScreeningRow

WINDOW = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Step:
    """One act on a case. `labels` None where the act names none."""

    id: int
    at: datetime
    actor: str
    words: str
    labels: list[str] | None
    note: str


@dataclass(frozen=True, slots=True)
class History:
    """A merchant's last 90 days up to a screening, and the same template within them."""

    words: str
    same_template: int
    same_blocked: int


def details_of(sealer: Sealer, row: CaseDecisionRow) -> Mapping[str, Any]:
    """Note and evidence of a decision; empty where there are none."""
    sealed = sealer.open_maybe(row.details)
    details: Mapping[str, Any] = json.loads(sealed) if sealed else {}
    return details


def past(session: Session, sealer: Sealer, case_id: str) -> list[Step]:
    """All acts on a case, oldest first."""
    rows = session.execute(
        select(CaseDecisionRow, UserRow.name)
        .join(UserRow, UserRow.id == CaseDecisionRow.actor_id)
        .where(CaseDecisionRow.case_id == case_id)
        .order_by(CaseDecisionRow.id)
    ).all()
    return [_step(sealer, row, name) for row, name in rows]


def _step(sealer: Sealer, row: CaseDecisionRow, actor: str) -> Step:
    words = ACTION.get(row.action, row.action)
    if row.rule_id:
        words = f"{words}: {row.rule_id}"
    labels = split(row.labels) if row.labels is not None else None
    return Step(row.id, row.at, actor, words, labels, str(details_of(sealer, row).get("note", "")))


def person_marks(session: Session, sealer: Sealer, case_id: str) -> list[tuple[str, Mark]]:
    """Evidence that reviewers marked, as (field, mark)."""
    rows = session.scalars(select(CaseDecisionRow).where(CaseDecisionRow.case_id == case_id))
    undone = {row.undoes for row in rows if row.undoes}
    found = session.scalars(select(CaseDecisionRow).where(CaseDecisionRow.case_id == case_id))
    marks = [m for row in found if row.id not in undone for m in details_of(sealer, row).get("evidence", ())]
    return [
        (m["field"], Mark(m["start"], m["end"], "person", m["label"], "info", f"{LABEL[m['label']]} (a reviewer)", 0))
        for m in marks
    ]


def history(session: Session, row: ScreeningRow) -> History:
    """The merchant's record up to this screening."""
    if not row.merchant_id:
        return History("The merchant is not known.", 0, 0)
    sent = ScreeningRow.merchant_id == row.merchant_id, ScreeningRow.created_at > row.created_at - WINDOW
    same = _by_decision(session, *sent, ScreeningRow.template_hash == row.template_hash)
    return History(_words(_by_decision(session, *sent)), sum(same.values()), same.get("block", 0))


def _by_decision(session: Session, *wanted: ColumnElement[bool]) -> dict[str, int]:
    query = select(ScreeningRow.decision, func.count()).where(*wanted).group_by(ScreeningRow.decision)
    return {row.decision: row[1] for row in session.execute(query)}


def _words(counts: Mapping[str, int]) -> str:
    whole = sum(counts.values())
    drafts = f"{whole} {'draft' if whole == 1 else 'drafts'} in 90 days"
    return f"{drafts}: {counts.get('block', 0)} blocked, {counts.get('warn', 0)} warned"
