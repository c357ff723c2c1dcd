"""Verdict and evidence as stored documents: plain JSON with a format number, offsets instead of words."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import orjson

from classifier import LABELS, Draft, Verdict
from classifier.evidence import Evidence, Span
from classifier.policy import Policy

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
    """The evidence without the draft's words, as JSON bytes; spans as [field, start, end]."""
    whole = {"format": FORMAT, **asdict(evidence)}
    return orjson.dumps(_without_words(whole), option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY)


def _without_words(value: Any) -> Any:
    if isinstance(value, Span):
        return [value.field, value.start, value.end]
    if isinstance(value, Mapping):
        if value.keys() == {"field", "start", "end", "text"}:
            return [value["field"], value["start"], value["end"]]
        return {str(key): _without_words(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_words(inner) for inner in value]
    return value


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
