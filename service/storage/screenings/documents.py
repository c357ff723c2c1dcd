"""Verdict and evidence as stored documents: plain JSON with a format number, offsets instead of words."""

from collections.abc import Mapping
from typing import Any

import orjson

from classifier import LABELS, Draft, Verdict
from classifier.evidence import Evidence, LabelScore, RuleHit, Span
from classifier.policy.policy import Policy

FORMAT = 1
Document = dict[str, Any]


def verdict_document(verdict: Verdict, policy: Policy) -> Document:
    """A verdict without the draft's words. Offsets are code points into the field as typed."""
    chances, asserted = verdict.probabilities, verdict.labels
    return {
        "format": FORMAT,
        "decision": verdict.decision,
        "labels": [
            {
                "label": label.value,
                "probability": round(chances[label], 4),
                "asserted": label in asserted,
                "policy": policy.labels[label].policy,
            }
            for label in LABELS
        ],
        "findings": [
            {
                "id": f.id,
                "label": f.label.value if f.label else None,
                "severity": f.severity,
                "field": f.field,
                "start": f.start,
                "end": f.end,
                "text": None,
                "message": f.message,
                "guidance": f.guidance,
                "policy_ref": f.policy_ref,
                "witness": f.witness,
                "replacement": f.replacement,
                "replace_start": f.replace_start,
                "replace_end": f.replace_end,
            }
            for f in verdict.findings
        ],
        "reminders": [{"id": reminder.id, "message": reminder.message} for reminder in verdict.reminders],
        "model_version": verdict.versions.model,
        "rules_version": verdict.versions.rules,
        "policy_version": verdict.versions.policy,
        "language": {"code": verdict.language.code, "judged": verdict.language.judged},
        "complete": verdict.complete,
        "encoder": verdict.encoder,
    }


def evidence_document(evidence: Evidence) -> bytes:
    """The evidence without the draft's words, as JSON bytes; spans as [field, start, end].

    A hit's wording is not repeated: the findings of the verdict hold it, and the rules version names the rest.
    """
    model = evidence.model
    whole = {
        "format": FORMAT,
        "rules": {
            "version": evidence.rules.version,
            "failed": evidence.rules.failed_rules,
            "hits": [_hit(hit) for hit in evidence.rules.hits],
        },
        "model": None
        if model is None
        else {
            "version": model.version,
            "encoder": model.encoder,
            "scores": [_score(score) for score in model.scores],
            "passages": [
                {"sentence": _place(one.sentence), "read_by": one.read_by, "decides": [lb.value for lb in one.decides]}
                for one in model.passages
            ],
        },
        "form": [{"kind": fault.kind, "field": fault.field, "span": _place(fault.span)} for fault in evidence.form],
        "language": [evidence.language.code, evidence.language.judged],
        "thresholds": {label.value: (t.possible, t.asserted, t.sure) for label, t in evidence.thresholds.items()},
        "complete": evidence.complete,
        "disguised": evidence.disguised,
    }
    if evidence.context != "new_ticket":
        customer = {"cancels": evidence.customer.cancels, "exchange": evidence.customer.exchange}
        whole |= {"context": evidence.context, "customer": customer}
    return orjson.dumps(whole, option=orjson.OPT_SERIALIZE_NUMPY)


def _hit(hit: RuleHit) -> dict[str, Any]:
    return {
        "rule_id": hit.rule_id,
        "label": hit.label.value if hit.label else None,
        "strength": hit.strength,
        "status": hit.status,
        "when": hit.when,
        "severity": hit.severity,
        "span": _place(hit.span),
        "sentence": _place(hit.sentence),
    }


def _score(score: LabelScore) -> dict[str, Any]:
    return {
        "label": score.label.value,
        "probability": float(score.probability),
        "span": _place(score.span),
        "sentence": _place(score.sentence),
    }


def _place(span: Span | None) -> tuple[str, int, int] | None:
    return (span.field, span.start, span.end) if span else None


def read_document(raw: bytes) -> Document:
    """A stored verdict or evidence. Raises ValueError for a format that is newer than this version."""
    document: Document = orjson.loads(raw)
    if document.get("format", 0) > FORMAT:
        raise ValueError(f"the stored document has format {document['format']}; this version reads up to {FORMAT}")
    return document


def with_words(document: Document, draft: Draft | None) -> Document:
    """The verdict with each finding's words from the draft; words stay None once the draft is purged."""
    if draft is None:
        return document
    findings = [
        finding if finding["start"] is None else {**finding, "text": _words(draft, finding)}
        for finding in document["findings"]
    ]
    return {**document, "findings": findings}


def _words(draft: Draft, finding: Mapping[str, Any]) -> str:
    text: str = getattr(draft, finding["field"])
    return text[finding["start"] : finding["end"]]
