"""All that a page shows of one case, gathered from the store: the draft with its marks, findings, facts, the past."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from classifier import Draft
from classifier.policy.policy import Policy
from service.review.auth.roles import Reviewer
from service.review.case_page.findings import Reason, Shown, reasons, shown_findings, shown_marks
from service.review.case_page.highlights import Mark, Piece, pieces
from service.review.case_page.history import History, Step, history, past, person_marks
from service.review.cases.decisions import blamed, form_at_fault
from service.review.cases.state import opinions
from service.review.web.wording import split, urgency
from service.storage.encryption import Sealer
from service.storage.screenings.documents import Document, read_document
from service.storage.tables.review import CaseRow
from service.storage.tables.screenings import (
    AcknowledgementRow,
    AppealRow,
    ScreeningRow,
    ShadowVerdictRow,
    UnscreenedRow,
)

_LANGUAGE = {"full": "", "partial": ", judged with less practice", "none": ", cannot be judged"}


@dataclass(frozen=True, slots=True)
class ShownDraft:
    """The three fields cut into pieces under their marks; all empty once purged."""

    subject: str
    support_id: list[Piece]
    subject_pieces: list[Piece]
    body: list[Piece]
    merchant_marks: bool
    purged: bool


@dataclass(frozen=True, slots=True)
class Score:
    """One label's probability, as stored."""

    label: str
    probability: float
    prohibited: bool


@dataclass(frozen=True, slots=True)
class CaseFile:
    """One case, ready to be shown. `blind`: earlier opinions are kept from this reader."""

    id: str
    screening_id: str
    kind: str
    state: str
    decision: str
    labels: list[str]
    blamed: list[str]
    form_at_fault: bool
    created_at: datetime
    due_at: datetime
    urgency: str
    draft: ShownDraft
    findings: list[Shown]
    reasons: list[Reason]
    scores: list[Score]
    order: str
    merchant: str | None
    language_words: str
    versions: Mapping[str, str]
    history: History
    appeal: Mapping[str, Any] | None
    acknowledged: Mapping[str, Any] | None
    unscreened: Mapping[str, Any] | None
    shadow: list[Mapping[str, Any]]
    past: list[Step]
    blind: bool
    seen: int


def stored_draft(sealer: Sealer, row: ScreeningRow) -> Draft | None:
    """The draft as typed; None once its text is purged."""
    return sealer.open_draft(row.draft) if row.draft else None


def case_file(session: Session, sealer: Sealer, policy: Policy, case: CaseRow, me: Reviewer) -> CaseFile:
    """Gather a case for its page."""
    row = session.get(ScreeningRow, case.screening_id)
    assert row is not None
    verdict, evidence = read_document(row.verdict), orjson.loads(row.evidence)
    draft = stored_draft(sealer, row)
    findings = shown_findings(verdict, draft, policy)
    blind = is_blind(session, case, me)
    steps = past(session, sealer, case.id)
    marks = shown_marks(verdict, evidence, findings)
    if not blind and draft:
        marks += person_marks(session, sealer, case.id)
    return CaseFile(
        id=case.id, screening_id=case.screening_id, kind=case.kind, state=case.state, decision=case.decision,
        labels=split(case.labels), blamed=sorted(label.value for label in blamed(verdict)),
        form_at_fault=form_at_fault(verdict), created_at=case.created_at, due_at=case.due_at,
        urgency=urgency(case.due_at), draft=_shown_draft(draft, marks), findings=findings, reasons=reasons(findings),
        scores=_scores(verdict),
        order=_order_words(row.order_state), merchant=row.merchant_id, language_words=_language(verdict),
        versions={"model": row.model_version, "rules": row.rules_version, "policy": row.policy_version},
        history=history(session, row), appeal=_appeal(session, sealer, row.id),
        acknowledged=_acknowledged(session, sealer, row.id), unscreened=_unscreened(session, row.id),
        shadow=_shadow(session, row.id),
        past=[] if blind else steps, blind=blind, seen=steps[-1].id if steps else 0,
    )  # fmt: skip


def is_blind(session: Session, case: CaseRow, me: Reviewer) -> bool:
    """Whether earlier opinions are kept from this reader: they may be the second one."""
    if case.decided_at or not case.second_review or not me.may("decide"):
        return False
    said = opinions(session, case)
    return len(said) == 1 and said[0].reviewer != me.name


def _shown_draft(draft: Draft | None, marks: Sequence[tuple[str, Mark]]) -> ShownDraft:
    if draft is None:
        return ShownDraft("", [], [], [], merchant_marks=False, purged=True)

    def cut(name: str, text: str) -> list[Piece]:
        return pieces(text, [mark for where, mark in marks if where == name])

    return ShownDraft(
        subject=draft.subject.strip(),
        support_id=cut("support_id", draft.support_id),
        subject_pieces=cut("subject", draft.subject),
        body=cut("body", draft.body),
        merchant_marks=any(mark.kind == "merchant" for _, mark in marks),
        purged=False,
    )


def _scores(verdict: Document) -> list[Score]:
    return [Score(e["label"], e["probability"], e["policy"] == "prohibited") for e in verdict["labels"]]


def _order_words(state: Mapping[str, Any]) -> str:
    known = []
    if state.get("cancelled_by"):
        known.append(f"cancelled by the {state['cancelled_by']}")
    if state.get("status"):
        known.append(f"status {state['status']}")
    if state.get("unknown_to_source"):
        known.append("the order source does not know this Support ID")
    return "; ".join(known).capitalize() or "Nothing is known of it"


def _language(verdict: Document) -> str:
    language = verdict["language"]
    return f"{language['code']}{_LANGUAGE.get(language['judged'], '')}"


def _appeal(session: Session, sealer: Sealer, screening_id: str) -> Mapping[str, Any] | None:
    row = session.get(AppealRow, screening_id)
    if row is None:
        return None
    words, reply = sealer.open_maybe(row.words), sealer.open_maybe(row.note)
    return {"words": words, "at": row.at, "outcome": row.outcome, "reply": reply}


def _acknowledged(session: Session, sealer: Sealer, screening_id: str) -> Mapping[str, Any] | None:
    row = session.get(AcknowledgementRow, screening_id)
    if row is None:
        return None
    return {"reason": sealer.open_maybe(row.reason), "at": row.at, "by": row.acknowledged_by}


def _unscreened(session: Session, screening_id: str) -> Mapping[str, Any] | None:
    row = session.scalars(select(UnscreenedRow).where(UnscreenedRow.screening_id == screening_id).limit(1)).first()
    return {"reason": row.reason, "at": row.created_at} if row else None


def _shadow(session: Session, screening_id: str) -> list[Mapping[str, Any]]:
    rows = session.query(ShadowVerdictRow).filter(ShadowVerdictRow.screening_id == screening_id)
    return [{"version": r.model_version, "decision": r.decision, "labels": split(r.labels)} for r in rows]
