"""From a screening to the rows that keep it."""

from typing import Any

import orjson

from service.storage.encryption import Encryptor
from service.storage.screenings.documents import FORMAT
from service.storage.screenings.records import NewScreening, new_id, support_hash, template_hash, verdict_hash


def screening_row(screening: NewScreening, encryptor: Encryptor) -> dict[str, Any]:
    """The row of `screenings`."""
    verdict, draft = screening.verdict, screening.draft
    document = orjson.dumps(verdict)
    return {
        "id": screening.id,
        "created_at": screening.created_at,
        "format": FORMAT,
        "caller": screening.caller,
        "merchant_id": screening.merchant_id,
        "draft": encryptor.encrypt_draft(draft),
        "text_hash": screening.text_hash,
        "support_hash": support_hash(draft.support_id),
        "template_hash": template_hash(draft.body),
        "order_state": screening.order_state,
        "evidence": screening.evidence,
        "verdict": document,
        "verdict_hash": verdict_hash(screening.id, screening.text_hash, document, screening.evidence),
        "decision": verdict["decision"],
        "labels": _asserted(verdict),
        "language": verdict["language"]["code"],
        "complete": verdict["complete"],
        "model_version": verdict["model_version"],
        "rules_version": verdict["rules_version"],
        "policy_version": verdict["policy_version"],
        "previous_id": screening.previous_id,
    }


def finding_rows(screening: NewScreening) -> list[dict[str, Any]]:
    """The rows of `findings`: each finding once, the shadow rules that matched, and the rules that matched without a
    finding of their own."""
    shared = {"screening_id": screening.id, "created_at": screening.created_at}
    rows = [
        {**shared, "rule_id": f["id"], "label": f["label"], "severity": f["severity"], "witness": f["witness"]}
        for f in screening.verdict["findings"]
    ]
    for rule_id in dict.fromkeys(screening.shadow_rules):
        rows.append({**shared, "rule_id": rule_id, "label": None, "severity": "shadow", "witness": "rule"})
    found = {row["rule_id"] for row in rows}
    for rule_id, label in dict(screening.rule_hits).items():
        if rule_id not in found:
            rows.append({**shared, "rule_id": rule_id, "label": label, "severity": "hit", "witness": "rule"})
    return rows


def idempotency_row(screening: NewScreening) -> dict[str, Any]:
    """The row of `idempotency`, of a screening that has a key."""
    return {
        "caller": screening.caller,
        "key": screening.idempotency_key,
        "text_hash": screening.text_hash,
        "screening_id": screening.id,
        "created_at": screening.created_at,
    }


def shadow_row(screening: NewScreening) -> dict[str, Any]:
    """The row of `shadow_verdicts`."""
    shadow = screening.shadow
    assert shadow is not None
    return {
        "screening_id": screening.id,
        "model_version": shadow.model_version,
        "live_version": screening.verdict["model_version"],
        "decision": shadow.decision,
        "live_decision": screening.verdict["decision"],
        "labels": " ".join(shadow.labels),
        "live_labels": _asserted(screening.verdict),
        "probabilities": dict(shadow.probabilities),
        "created_at": screening.created_at,
    }


def case_row(screening: NewScreening, kind: str) -> dict[str, Any]:
    """The row of `cases` that opens with a screening."""
    verdict = screening.verdict
    return {
        "id": new_id(screening.created_at.timestamp()),
        "screening_id": screening.id,
        "kind": kind,
        "state": "open",
        "created_at": screening.created_at,
        "due_at": screening.case_due,
        "second_review": screening.second_review,
        "decision": verdict["decision"],
        "labels": _asserted(verdict),
        "merchant_id": screening.merchant_id,
        "model_version": verdict["model_version"],
        "language": verdict["language"]["code"],
        "template_hash": template_hash(screening.draft.body),
    }


def _asserted(verdict: dict[str, Any]) -> str:
    return " ".join(entry["label"] for entry in verdict["labels"] if entry["asserted"])
