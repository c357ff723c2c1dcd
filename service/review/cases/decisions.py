"""Deciding a case and taking a decision back. Rows are only added; the case's state follows from them."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from classifier import Label
from service.http.errors import ServiceError
from service.review.auth.roles import Reviewer
from service.review.cases.claims import last_seen, locked_case, refusal
from service.review.cases.rules import Outcome, may_undo, proposed, stands
from service.review.cases.state import kept, labels_of, put
from service.storage.audit import note
from service.storage.encryption import Sealer
from service.storage.outbox import decide_appeal, reopen_appeal
from service.storage.screenings.documents import Document, read_document
from service.storage.tables.review import CaseDecisionRow, CaseRow
from service.storage.tables.screenings import AppealRow, ScreeningRow

FORM_WITNESSES = ("form", "order", "policy")
NO_REASON = "no-recognised-reason"
"""The id of the warning that no label was recognised: its cause is the labels."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a reviewer wants to decide. `labels` None: whatever the outcome stands for. `evidence`: marks of the draft
    as {field, start, end, label}, code points. `seen`: the newest act the reviewer knew of, None in bulk.
    `reply`: words to a merchant who contests."""

    outcome: Outcome
    labels: frozenset[Label] | None = None
    note: str = ""
    evidence: tuple[dict[str, Any], ...] = ()
    wrong_rules: tuple[str, ...] = ()
    seen: int | None = None
    reply: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was decided: the labels the draft bears, whether the stored decision was right, words to the merchant."""

    outcome: Outcome
    labels: frozenset[Label]
    upheld: bool
    reply: str


class NeedsLabelsError(ServiceError):
    """An outcome that the labels do not bear out: the reviewer must tick what the draft does."""


def blamed(verdict: Document) -> frozenset[Label]:
    """The labels of findings that warn or block."""
    return frozenset(Label(f["label"]) for f in verdict["findings"] if f["label"] and f["severity"] != "info")


def form_at_fault(verdict: Document) -> bool:
    """Whether a warning has a cause other than the labels: the form, the order's state, a draft that was not judged."""
    return any(
        f["severity"] == "warn" and f["witness"] in FORM_WITNESSES and f["id"] != NO_REASON for f in verdict["findings"]
    )


def meant(wish: Wish, case: CaseRow, verdict: Document) -> frozenset[Label]:
    """The labels that a wish stands for. Raises NeedsLabelsError where they do not bear the outcome out."""
    asserted = labels_of(case.labels)
    untouched = wish.labels is None or (wish.labels == asserted and wish.outcome != "relabel")
    machine: Any = case.decision
    ticked = frozenset() if wish.labels is None else wish.labels
    labels = proposed(wish.outcome, asserted, blamed(verdict), machine) if untouched else ticked
    if wish.outcome == "relabel":
        return labels
    if stands(machine, labels, form_at_fault=form_at_fault(verdict)) != (wish.outcome == "uphold"):
        raise NeedsLabelsError(422, _why(wish.outcome))
    return labels


def _why(outcome: Outcome) -> str:
    if outcome == "overturn":
        return "Overturn to what? Tick what the draft does with 1–6, then overturn."
    return "The ticked labels speak against the decision: overturn it, or tick others."


def decide(session: Session, sealer: Sealer, case: CaseRow, me: Reviewer, wish: Wish, now: datetime) -> list[int]:
    """Decide a case that was read with `locked_case`; ids of the rows. Raises 409, 403 and NeedsLabelsError."""
    if why := refusal(session, case, me, now):
        raise ServiceError(403 if me.role == "auditor" else 409, why)
    if wish.seen is not None and wish.seen != last_seen(session, case.id):
        raise ServiceError(409, "Somebody has worked on this case since you opened it. Look at it again.")
    screening = session.get(ScreeningRow, case.screening_id)
    assert screening is not None
    verdict = read_document(screening.verdict)
    labels = meant(wish, case, verdict)
    machine: Any = case.decision
    upheld = stands(machine, labels, form_at_fault=form_at_fault(verdict))
    said = Judgement(wish.outcome, labels, upheld, wish.reply)
    details = sealer.seal(json.dumps({"note": wish.note, "evidence": list(wish.evidence), "role": me.role}))
    rows = [_row(case, me, wish.outcome, now, labels=labels, details=details)]
    rows += [_row(case, me, "wrong_rule", now, rule_id=rule_id) for rule_id in wish.wrong_rules]
    session.add_all(rows)
    session.flush()
    _settle(session, sealer, case, me, said, now)
    return [row.id for row in rows]


def _row(case: CaseRow, me: Reviewer, action: str, now: datetime, **more: Any) -> CaseDecisionRow:
    if "labels" in more:
        more["labels"] = _joined(more["labels"])
    return CaseDecisionRow(case_id=case.id, at=now, actor_id=me.id, action=action, **more)


def _joined(labels: Collection[Label]) -> str:
    return " ".join(label.value for label in Label if label in labels)


def _settle(session: Session, sealer: Sealer, case: CaseRow, me: Reviewer, said: Judgement, now: datetime) -> None:
    before = {"state": case.state, "decision": case.decision, "labels": case.labels}
    state = put(session, case, now)
    after = {"state": state, "outcome": said.outcome, "labels": _joined(said.labels), "upheld": said.upheld}
    note(session, me.name, "decided", f"case:{case.id}", before=before, after=after)
    if state == "decided":
        for sibling in _siblings(session, case):
            if sibling.decided_at is None:
                sibling.state, sibling.decided_at, sibling.claimed_by = "decided", now, None
        outcome = "upheld" if said.upheld else "overturned"
        decide_appeal(session, sealer, case.screening_id, outcome, said.reply or None, now)


def _siblings(session: Session, case: CaseRow) -> Sequence[CaseRow]:
    """Other cases of the same screening (blocked, then appealed): one decision answers all."""
    query = select(CaseRow).where(CaseRow.screening_id == case.screening_id, CaseRow.id != case.id)
    return session.scalars(query.with_for_update()).all()


def undo(session: Session, me: Reviewer, first: int, last: int, now: datetime) -> list[str]:
    """Take back one's own acts with ids from `first` to `last`; the cases. Raises the 409 once the time is over."""
    rows = session.scalars(
        select(CaseDecisionRow)
        .where(CaseDecisionRow.id.between(first, last), CaseDecisionRow.actor_id == me.id)
        .order_by(CaseDecisionRow.id)
    ).all()
    rows = [row for row in rows if row.action not in ("undo", "hold", "hand")]
    if not rows or not all(may_undo(me.name, me.name, row.at, now) for row in rows):
        raise ServiceError(409, "The 30 seconds are over; a lead can look at it again.")
    by_case: dict[str, list[CaseDecisionRow]] = {}
    for row in rows:
        by_case.setdefault(row.case_id, []).append(row)
    for case_id, acts in by_case.items():
        _undo_one(session, locked_case(session, case_id), me, acts, now)
    return list(by_case)


def _undo_one(session: Session, case: CaseRow, me: Reviewer, acts: list[CaseDecisionRow], now: datetime) -> None:
    there = session.scalars(
        select(CaseDecisionRow).where(CaseDecisionRow.case_id == case.id).order_by(CaseDecisionRow.id)
    ).all()
    live = {row.id for row in kept(there)}
    if not any(row.id in live for row in acts):
        return
    if any(row.id > acts[-1].id and row.actor_id != me.id and row.id in live for row in there):
        raise ServiceError(409, "Somebody else has worked on this case since; it cannot be taken back.")
    was, decided_at = case.state, case.decided_at
    session.add_all(_row(case, me, "undo", now, undoes=row.id) for row in acts if row.id in live)
    session.flush()
    state = put(session, case, now)
    if was == "decided" and state != "decided":
        for sibling in _siblings(session, case):
            if sibling.decided_at == decided_at:
                sibling.decided_at = None
                put(session, sibling, now)
        _reopen_appeal(session, case.screening_id)
    note(session, me.name, "undone", f"case:{case.id}", before={"state": was}, after={"state": state})


def _reopen_appeal(session: Session, screening_id: str) -> None:
    """Raises the 409 where Gateway has heard of the decision already."""
    appeal = session.get(AppealRow, screening_id)
    if appeal and appeal.state == "decided" and not reopen_appeal(session, screening_id):
        raise ServiceError(409, "The merchant has been told already; it cannot be taken back.")
