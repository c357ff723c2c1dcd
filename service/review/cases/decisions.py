"""Deciding a case and undoing a decision. Rows are only added; the state of the case follows from them."""

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
from service.review.cases.rules import (
    OUTCOMES,
    Outcome,
    decision_is_correct,
    may_undo,
    outcome_fits,
    proposed_labels,
    reopening_refused,
)
from service.review.cases.state import decision_rows, has_outcome, labels_of, not_undone, write_state
from service.storage.audit import note
from service.storage.encryption import Encryptor
from service.storage.outbox import UNDO_TIME, decide_appeal, reopen_appeal
from service.storage.screenings.documents import Document, read_document
from service.storage.tables.review import CaseDecisionRow, CaseRow, UserRow
from service.storage.tables.screenings import AppealRow, ScreeningRow

FORM_WITNESSES = ("form", "order", "policy")
_TAKES_BACK = ("undo", "reopen")
NO_REASON = "no-recognised-reason"
"""The id of the warning that no label was recognised: its cause is the labels."""


@dataclass(frozen=True, slots=True)
class DecisionRequest:
    """What a reviewer asks to decide. `labels` None: the labels that the outcome means. `evidence`: marks in the draft
    as {field, start, end, label}, in code points. `seen`: the newest act that the reviewer saw, None in bulk.
    `reply`: the reply to a merchant who appealed. `appealed`: whether the page spoke of an appeal, None in bulk."""

    outcome: Outcome
    labels: frozenset[Label] | None = None
    note: str = ""
    evidence: tuple[dict[str, Any], ...] = ()
    wrong_rules: tuple[str, ...] = ()
    seen: int | None = None
    reply: str = ""
    appealed: bool | None = None


@dataclass(frozen=True, slots=True)
class ResolvedDecision:
    """What is decided: the labels of the draft, whether the stored decision is correct, the reply to the merchant."""

    outcome: Outcome
    labels: frozenset[Label]
    upheld: bool
    reply: str


class NeedsLabelsError(ServiceError):
    """The labels contradict the outcome: the reviewer must first tick the labels of the draft."""


def flagged_labels(verdict: Document) -> frozenset[Label]:
    """The labels of findings that warn or block."""
    return frozenset(Label(f["label"]) for f in verdict["findings"] if f["label"] and f["severity"] != "info")


def form_at_fault(verdict: Document) -> bool:
    """Whether a warning has a cause besides the labels: the form, the order's state, a draft that was not judged."""
    return bool(form_findings(verdict))


def form_findings(verdict: Document) -> list[str]:
    """The ids of the warnings whose cause is not the labels."""
    return [
        f["id"]
        for f in verdict["findings"]
        if f["severity"] == "warn" and f["witness"] in FORM_WITNESSES and f["id"] != NO_REASON
    ]


def resolved_labels(request: DecisionRequest, case: CaseRow, verdict: Document) -> frozenset[Label]:
    """The labels that a request means. Raises NeedsLabelsError where the labels contradict the outcome."""
    asserted = labels_of(case.labels)
    untouched = request.labels is None or (request.labels == asserted and request.outcome != "relabel")
    machine: Any = case.decision
    ticked = frozenset() if request.labels is None else request.labels
    labels = proposed_labels(request.outcome, asserted, flagged_labels(verdict), machine) if untouched else ticked
    if not outcome_fits(request.outcome, machine, labels, form_at_fault=form_at_fault(verdict)):
        raise NeedsLabelsError(422, _why(request.outcome))
    return labels


def _why(outcome: Outcome) -> str:
    if outcome == "overturn":
        return "If that was wrong, what does the draft do? Tick it with 1–6, then press again."
    return "The ticked labels speak against the decision: say that it was wrong, or tick others."


def decide(
    session: Session, encryptor: Encryptor, case: CaseRow, me: Reviewer, request: DecisionRequest, now: datetime
) -> list[int]:
    """Decide a case read with `locked_case`. Returns the ids of the rows. Raises 409, 403 and NeedsLabelsError."""
    if why := refusal(session, case, me, now):
        raise ServiceError(403 if me.role == "auditor" else 409, why)
    if request.seen is not None and request.seen != last_seen(session, case.id):
        raise ServiceError(409, "Somebody has worked on this case since you opened it. Look at it again.")
    if request.appealed is not None and request.appealed != has_open_appeal(session, case):
        raise ServiceError(409, "The merchant has contested this since you opened it. Look at it again.")
    screening = session.get(ScreeningRow, case.screening_id)
    assert screening is not None
    verdict = read_document(screening.verdict)
    labels = resolved_labels(request, case, verdict)
    machine: Any = case.decision
    contested = request.outcome == "overturn"
    upheld = decision_is_correct(machine, labels, form_at_fault=form_at_fault(verdict) and not contested)
    wrong = [*request.wrong_rules, *(form_findings(verdict) if contested and machine == "warn" else ())]
    said = ResolvedDecision(request.outcome, labels, upheld, request.reply)
    details = encryptor.encrypt(json.dumps({"note": request.note, "evidence": list(request.evidence), "role": me.role}))
    rows = [_row(case, me, request.outcome, now, labels=labels, details=details)]
    rows += [_row(case, me, "wrong_rule", now, rule_id=rule_id) for rule_id in dict.fromkeys(wrong)]
    session.add_all(rows)
    session.flush()
    for row in rows[1:]:
        note(session, me.name, "rule_called_wrong", f"rule:{row.rule_id}", after={"case": case.id})
    _settle(session, encryptor, case, me, said, now)
    return [row.id for row in rows]


def has_open_appeal(session: Session, case: CaseRow) -> bool:
    """Whether the merchant contests the draft's verdict and has no answer yet."""
    appeal = session.get(AppealRow, case.screening_id)
    return appeal is not None and appeal.state == "open"


def done_already(session: Session, case: CaseRow, me: Reviewer, request: DecisionRequest) -> list[int]:
    """The ids of the rows of this very decision, where the form was sent twice; empty where it was not."""
    since = [row for row in decision_rows(session, case.id) if request.seen is not None and row.id > request.seen]
    if not since or since[0].actor_id != me.id or since[0].action != request.outcome:
        return []
    undone = {row.undoes for row in since}
    mine = [row for row in since if row.actor_id == me.id and row.at == since[0].at]
    return [] if since[0].id in undone else [row.id for row in mine]


def _row(case: CaseRow, me: Reviewer, action: str, now: datetime, **more: Any) -> CaseDecisionRow:
    if "labels" in more:
        more["labels"] = _joined(more["labels"])
    return CaseDecisionRow(case_id=case.id, at=now, actor_id=me.id, action=action, **more)


def _joined(labels: Collection[Label]) -> str:
    return " ".join(label.value for label in Label if label in labels)


def _settle(
    session: Session, encryptor: Encryptor, case: CaseRow, me: Reviewer, said: ResolvedDecision, now: datetime
) -> None:
    before = {"state": case.state, "decision": case.decision, "labels": case.labels}
    state = write_state(session, case, now)
    siblings = [sibling for sibling in _siblings(session, case) if sibling.decided_at is None]
    after = {"state": state, "outcome": said.outcome, "labels": _joined(said.labels), "upheld": said.upheld}
    note(session, me.name, "decided", f"case:{case.id}", before=before, after=after)
    if state == "decided":
        for sibling in siblings:
            _note_sibling(session, me, "closed_together", sibling, case, sibling.state, "decided")
            sibling.state, sibling.decided_at, sibling.claimed_by = "decided", now, None
        outcome = "upheld" if said.upheld else "overturned"
        decide_appeal(session, encryptor, case.screening_id, outcome, said.reply or None, now)
    else:
        for sibling in siblings:
            write_state(session, sibling, now)


def _note_sibling(
    session: Session, me: Reviewer, action: str, sibling: CaseRow, case: CaseRow, was: str, state: str
) -> None:
    """Put on the audit that one case of a draft changed with another."""
    after = {"state": state, "with": case.id}
    note(session, me.name, action, f"case:{sibling.id}", before={"state": was}, after=after)


def _siblings(session: Session, case: CaseRow) -> Sequence[CaseRow]:
    """The other cases of the same screening (blocked, then appealed). One decision closes all of them."""
    query = select(CaseRow).where(CaseRow.screening_id == case.screening_id, CaseRow.id != case.id)
    return session.scalars(query.with_for_update()).all()


def undo(session: Session, me: Reviewer, first: int, last: int, now: datetime) -> list[str]:
    """Undo the reviewer's own acts with ids from `first` to `last`. Returns the ids of the cases. Raises the 409 after
    UNDO_TIME."""
    rows = session.scalars(
        select(CaseDecisionRow)
        .where(CaseDecisionRow.id.between(first, last), CaseDecisionRow.actor_id == me.id)
        .order_by(CaseDecisionRow.id)
    ).all()
    rows = [row for row in rows if row.action not in _TAKES_BACK and row.action not in ("hold", "hand", "comment")]
    if not rows or not all(may_undo(me.name, me.name, row.at, now) for row in rows):
        raise ServiceError(409, f"The {UNDO_TIME.seconds} seconds are over. Reopen the case instead.")
    by_case: dict[str, list[CaseDecisionRow]] = {}
    for row in rows:
        by_case.setdefault(row.case_id, []).append(row)
    for case_id, acts in by_case.items():
        _undo_one(session, locked_case(session, case_id), me, acts, now)
    return list(by_case)


def _undo_one(session: Session, case: CaseRow, me: Reviewer, acts: list[CaseDecisionRow], now: datetime) -> None:
    standing = select(CaseDecisionRow.id).where(
        CaseDecisionRow.case_id == case.id, CaseDecisionRow.action.not_in((*_TAKES_BACK, "comment")), not_undone()
    )
    live = set(session.scalars(standing))
    if not any(row.id in live for row in acts):
        return
    if any(
        row.id > acts[-1].id and row.actor_id != me.id and row.id in live for row in decision_rows(session, case.id)
    ):
        raise ServiceError(409, "Somebody else has worked on this case since; it cannot be taken back.")
    was, decided_at = case.state, case.decided_at
    session.add_all(_row(case, me, "undo", now, undoes=row.id) for row in acts if row.id in live)
    session.flush()
    _note_taken_back(session, me, case, [row for row in acts if row.id in live])
    state = _open_again(session, case, me, decided_at, now)
    if was == "decided" and state != "decided":
        _reopen_appeal(session, case.screening_id)
    note(session, me.name, "undone", f"case:{case.id}", before={"state": was}, after={"state": state})


def _note_taken_back(session: Session, me: Reviewer, case: CaseRow, rows: Sequence[CaseDecisionRow]) -> None:
    """Put on the audit that rules are no longer called wrong."""
    for row in rows:
        if row.rule_id:
            note(session, me.name, "rule_call_taken_back", f"rule:{row.rule_id}", after={"case": case.id})


def _open_again(session: Session, case: CaseRow, me: Reviewer, decided_at: datetime | None, now: datetime) -> str:
    """Write the state of a case whose decision was taken back, and of the cases of its draft closed with it."""
    together = [sibling for sibling in _siblings(session, case) if sibling.decided_at == decided_at]
    for one in (case, *together):
        one.decided_at = None
    for one in together:
        was = one.state
        _note_sibling(session, me, "opened_together", one, case, was, write_state(session, one, now))
    return write_state(session, case, now)


def final_decision(session: Session, case: CaseRow) -> CaseDecisionRow | None:
    """The decision on this case that stands and came last."""
    query = select(CaseDecisionRow).where(CaseDecisionRow.case_id == case.id, has_outcome())
    return session.scalar(query.order_by(CaseDecisionRow.id.desc()).limit(1))


def why_not_reopened(session: Session, case: CaseRow, me: Reviewer, now: datetime) -> str:
    """Why this reviewer may not open the decided case again; empty where they may."""
    last = final_decision(session, case)
    if last is None:
        return "It was decided together with another case of the same draft."
    user = session.get(UserRow, last.actor_id)
    return reopening_refused(me.name, me.role, user.name if user else None, last.at, now)  # type: ignore[arg-type]


def reopen(session: Session, encryptor: Encryptor, case: CaseRow, me: Reviewer, reason: str, now: datetime) -> None:
    """Take the last decision on a decided case back, however long ago, with a reason. What follows from decisions
    (numbers, export, an appeal's answer) follows from what is decided next. Raises 403, 409, 422."""
    if case.decided_at is None:
        raise ServiceError(409, "This case is not decided.")
    if why := why_not_reopened(session, case, me, now):
        raise ServiceError(403, why)
    if not reason:
        raise ServiceError(422, "reason: say why the case is opened again.")
    last, decided_at = final_decision(session, case), case.decided_at
    assert last is not None
    standing = select(CaseDecisionRow).where(
        CaseDecisionRow.case_id == case.id, CaseDecisionRow.id >= last.id, CaseDecisionRow.actor_id == last.actor_id,
        CaseDecisionRow.action.in_((*OUTCOMES, "wrong_rule")), not_undone(),
    )  # fmt: skip
    taken = session.scalars(standing.order_by(CaseDecisionRow.id)).all()
    details = encryptor.encrypt(json.dumps({"note": reason, "role": me.role}))
    session.add_all(
        _row(
            case, me, "reopen" if row is last else "undo", now, undoes=row.id, details=details if row is last else None
        )
        for row in taken
    )
    session.flush()
    _note_taken_back(session, me, case, taken)
    state = _open_again(session, case, me, decided_at, now)
    _appeal_waits_again(session, case.screening_id, decided_at)
    note(session, me.name, "reopened", f"case:{case.id}", before={"state": "decided"}, after={"state": state})


def _appeal_waits_again(session: Session, screening_id: str, decided_at: datetime) -> None:
    """The appeal that was answered with a decision waits for its answer again. Where the merchant knows the answer, the
    next one is sent as well."""
    appeal = session.get(AppealRow, screening_id, with_for_update=True)
    if appeal is None or appeal.state != "decided" or appeal.decided_at != decided_at:
        return
    if not reopen_appeal(session, screening_id):
        appeal.state, appeal.outcome, appeal.decided_at, appeal.note, appeal.event_id = "open", None, None, None, None


def _reopen_appeal(session: Session, screening_id: str) -> None:
    """Reopen the screening's appeal. Raises the 409 where the event has been sent to Gateway."""
    appeal = session.get(AppealRow, screening_id)
    if appeal and appeal.state == "decided" and not reopen_appeal(session, screening_id):
        raise ServiceError(409, "The merchant has been told already; it cannot be taken back.")
