"""Everything that the page of a case shows, read from the database: draft, highlights, findings, facts, history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from classifier import Decision, Draft
from classifier.policy.policy import Policy
from service.review.auth.roles import Reviewer
from service.review.case_page.decision_preview import decision_preview
from service.review.case_page.findings import FindingGroup, ShownFinding, reasons, shown_findings, shown_marks
from service.review.case_page.highlights import PlacedHighlight, TextPiece, pieces
from service.review.case_page.history import HistoryStep, MerchantHistory, case_history, merchant_history, person_marks
from service.review.cases.decisions import flagged_labels, form_at_fault
from service.review.cases.state import labels_of, reviewer_decisions
from service.review.web.wording import KIND, LABEL, outcome_words, split, urgency
from service.storage.encryption import Encryptor
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
    """The three fields cut into highlighted pieces; empty after the text is purged."""

    subject: str
    support_id: list[TextPiece]
    subject_pieces: list[TextPiece]
    body: list[TextPiece]
    merchant_marks: bool
    purged: bool


@dataclass(frozen=True, slots=True)
class LabelProbability:
    """One label's probability, as stored."""

    label: str
    probability: float
    prohibited: bool


@dataclass(frozen=True, slots=True)
class CaseView:
    """One case as its page shows it. `blind`: the page hides earlier decisions from this reviewer."""

    id: str
    screening_id: str
    kinds: list[str]
    state: str
    decision: str
    labels: list[str]
    preview: Mapping[str, object]
    says: Mapping[str, str]
    created_at: datetime
    due_at: datetime
    urgency: str
    draft: ShownDraft
    thread: Draft | None
    """The draft as stored, for what it answers; None once its text is purged."""
    findings: list[ShownFinding]
    reasons: list[FindingGroup]
    scores: list[LabelProbability]
    order: str
    merchant: str | None
    template: str
    language_words: str
    versions: Mapping[str, str]
    merchant_history: MerchantHistory
    appeal: Mapping[str, Any] | None
    opinions: list[HistoryStep]
    acknowledged: Mapping[str, Any] | None
    unscreened: Mapping[str, Any] | None
    shadow: list[Mapping[str, Any]]
    case_history: list[HistoryStep]
    blind: bool
    seen: int

    @property
    def disputed_labels(self) -> list[str]:
        """The labels that not all opinions give."""
        given = [set(one.labels or ()) for one in self.opinions]
        return [label for label in LABEL if 0 < sum(label in labels for labels in given) < len(given)]

    @property
    def appealed(self) -> bool:
        """Whether the merchant waits for an answer."""
        return self.appeal is not None and not self.appeal["outcome"]


def stored_draft(encryptor: Encryptor, row: ScreeningRow) -> Draft | None:
    """The draft as typed; None once its text is purged."""
    return encryptor.decrypt_draft(row.draft) if row.draft else None


def case_view(session: Session, encryptor: Encryptor, policy: Policy, case: CaseRow, me: Reviewer) -> CaseView:
    """Gather a case for its page."""
    row = session.get(ScreeningRow, case.screening_id)
    assert row is not None
    verdict, evidence = read_document(row.verdict), orjson.loads(row.evidence)
    draft = stored_draft(encryptor, row)
    findings = shown_findings(verdict, draft, policy)
    blind = is_blind(session, case, me)
    steps = case_history(session, encryptor, case.id)
    marks = shown_marks(verdict, evidence, findings)
    appeal, acknowledged = _appeal(session, encryptor, row.id), _acknowledged(session, encryptor, row.id)
    unscreened = _unscreened(session, row.id)
    because = {"blocked": case.decision == "block", "appealed": appeal, "warned_sent": acknowledged}
    because |= {"unscreened": unscreened, case.kind: True}
    if not blind and draft:
        marks += person_marks(session, encryptor, case.id)
    return CaseView(
        id=case.id, screening_id=case.screening_id, kinds=[kind for kind in KIND if because.get(kind)],
        state=case.state, decision=case.decision,
        labels=split(case.labels), preview=_preview(case, verdict),
        says=outcome_words(case.decision, appealed=appeal is not None and not appeal["outcome"]),
        created_at=case.created_at, due_at=case.due_at,
        urgency=urgency(case.due_at), draft=_shown_draft(draft, marks), thread=draft,
        findings=findings, reasons=reasons(findings),
        scores=_scores(verdict),
        order=_order_words(row.order_state), merchant=row.merchant_id, template=row.template_hash,
        language_words=_language(verdict),
        versions={"model": row.model_version, "rules": row.rules_version, "policy": row.policy_version},
        merchant_history=merchant_history(session, row), appeal=appeal,
        opinions=_opinions(case, steps),
        acknowledged=acknowledged, unscreened=unscreened,
        shadow=_shadow(session, row.id),
        case_history=[] if blind else steps, blind=blind, seen=steps[-1].id if steps else 0,
    )  # fmt: skip


def _opinions(case: CaseRow, steps: Sequence[HistoryStep]) -> list[HistoryStep]:
    """The decisions that two readers differ in; none where they do not."""
    disputed = case.state == "disputed"
    return [step for step in steps if disputed and step.stands and step.id > (case.earlier_round or 0)]


def _preview(case: CaseRow, verdict: Document) -> Mapping[str, object]:
    machine: Decision = case.decision  # type: ignore[assignment]
    return decision_preview(
        machine, labels_of(case.labels), flagged_labels(verdict), form_at_fault=form_at_fault(verdict)
    )


def is_blind(session: Session, case: CaseRow, me: Reviewer) -> bool:
    """Whether the page hides the first decision from this reviewer, who may be the blind second reader."""
    if case.decided_at or not case.second_review or not me.may("decide"):
        return False
    decisions = reviewer_decisions(session, case)
    return len(decisions) == 1 and decisions[0].reviewer != me.name


def _shown_draft(draft: Draft | None, marks: Sequence[PlacedHighlight]) -> ShownDraft:
    if draft is None:
        return ShownDraft("", [], [], [], merchant_marks=False, purged=True)

    def cut(name: str, text: str) -> list[TextPiece]:
        return pieces(text, [mark for where, mark in marks if where == name])

    return ShownDraft(
        subject=draft.subject.strip(),
        support_id=cut("support_id", draft.support_id),
        subject_pieces=cut("subject", draft.subject),
        body=cut("body", draft.body),
        merchant_marks=any(mark.kind == "merchant" for _, mark in marks),
        purged=False,
    )


def _scores(verdict: Document) -> list[LabelProbability]:
    return [LabelProbability(e["label"], e["probability"], e["policy"] == "prohibited") for e in verdict["labels"]]


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


def _appeal(session: Session, encryptor: Encryptor, screening_id: str) -> Mapping[str, Any] | None:
    row = session.get(AppealRow, screening_id)
    if row is None:
        return None
    words, reply = encryptor.decrypt_optional(row.words), encryptor.decrypt_optional(row.note)
    return {"words": words, "at": row.at, "outcome": row.outcome, "reply": reply}


def _acknowledged(session: Session, encryptor: Encryptor, screening_id: str) -> Mapping[str, Any] | None:
    row = session.get(AcknowledgementRow, screening_id)
    if row is None:
        return None
    return {"reason": encryptor.decrypt_optional(row.reason), "at": row.at, "by": row.acknowledged_by}


def _unscreened(session: Session, screening_id: str) -> Mapping[str, Any] | None:
    row = session.scalars(select(UnscreenedRow).where(UnscreenedRow.screening_id == screening_id).limit(1)).first()
    return {"reason": row.reason, "at": row.created_at} if row else None


def _shadow(session: Session, screening_id: str) -> list[Mapping[str, Any]]:
    rows = session.query(ShadowVerdictRow).filter(ShadowVerdictRow.screening_id == screening_id)
    return [{"version": r.model_version, "decision": r.decision, "labels": split(r.labels)} for r in rows]
