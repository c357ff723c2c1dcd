"""The history of a case (who did what), and of its merchant (what else was sent)."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from service.review.case_page.highlights import Highlight, PlacedHighlight
from service.review.cases.rules import OUTCOMES
from service.review.cases.state import not_undone
from service.review.web.wording import ACTION, LABEL, split
from service.storage.encryption import Encryptor
from service.storage.tables.review import CaseDecisionRow, UserRow
from service.storage.tables.screenings import ScreeningRow

WINDOW = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class HistoryStep:
    """One act on a case. `labels` None where the act names none."""

    id: int
    at: datetime
    actor: str
    words: str
    labels: list[str] | None
    note: str
    stands: bool = False
    """Whether it is a decision that was not taken back."""


@dataclass(frozen=True, slots=True)
class MerchantHistory:
    """The drafts of a merchant in the 90 days before a screening, and those with the same template."""

    words: str
    same_template: int
    same_blocked: int


def details_of(encryptor: Encryptor, row: CaseDecisionRow) -> Mapping[str, Any]:
    """Note and evidence of a decision; empty where there are none."""
    encrypted = encryptor.decrypt_optional(row.details)
    details: Mapping[str, Any] = json.loads(encrypted) if encrypted else {}
    return details


def case_history(session: Session, encryptor: Encryptor, case_id: str) -> list[HistoryStep]:
    """Every act on a case, the oldest first."""
    rows = session.execute(
        select(CaseDecisionRow, UserRow.name)
        .join(UserRow, UserRow.id == CaseDecisionRow.actor_id)
        .where(CaseDecisionRow.case_id == case_id)
        .order_by(CaseDecisionRow.id)
    ).all()
    undone = {row.undoes for row, _ in rows}
    return [_step(encryptor, row, name, undone) for row, name in rows]


def _step(encryptor: Encryptor, row: CaseDecisionRow, actor: str, undone: Collection[int | None]) -> HistoryStep:
    words = ACTION.get(row.action, row.action)
    if row.rule_id:
        words = f"{words}: {row.rule_id}"
    labels = split(row.labels) if row.labels is not None else None
    said = str(details_of(encryptor, row).get("note", ""))
    return HistoryStep(
        row.id, row.at, actor, words, labels, said, stands=row.action in OUTCOMES and row.id not in undone
    )


def person_marks(session: Session, encryptor: Encryptor, case_id: str) -> list[PlacedHighlight]:
    """Evidence that reviewers marked, as (field, mark)."""
    query = select(CaseDecisionRow).where(CaseDecisionRow.case_id == case_id, not_undone())
    rows = session.scalars(query.order_by(CaseDecisionRow.id))
    marks = [mark for row in rows for mark in details_of(encryptor, row).get("evidence", ())]
    return [
        (
            m["field"],
            Highlight(m["start"], m["end"], "person", m["label"], "info", f"{LABEL[m['label']]} (a reviewer)", 0),
        )
        for m in marks
    ]


def _reviewer_mark(label: str) -> str:
    return f"{LABEL[label]} (a reviewer)"


def merchant_history(session: Session, row: ScreeningRow) -> MerchantHistory:
    """The history of the merchant up to this screening."""
    if not row.merchant_id:
        return MerchantHistory("The merchant is not known.", 0, 0)
    sent = ScreeningRow.merchant_id == row.merchant_id, ScreeningRow.created_at > row.created_at - WINDOW
    same = _by_decision(session, *sent, ScreeningRow.template_hash == row.template_hash)
    return MerchantHistory(_summary(_by_decision(session, *sent)), sum(same.values()), same.get("block", 0))


def _by_decision(session: Session, *wanted: ColumnElement[bool]) -> dict[str, int]:
    query = select(ScreeningRow.decision, func.count()).where(*wanted).group_by(ScreeningRow.decision)
    return {row.decision: row[1] for row in session.execute(query)}


def _summary(counts: Mapping[str, int]) -> str:
    whole = sum(counts.values())
    drafts = f"{whole} {'draft' if whole == 1 else 'drafts'} in 90 days"
    return f"{drafts}: {counts.get('block', 0)} blocked, {counts.get('warn', 0)} warned"
