"""Turn what the witnesses saw into findings: the place, the reason, what to write instead, the policy section."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from classifier.draft import Order
from classifier.evidence import Evidence, Finding, LabelScore, RuleHit, Severity, Span
from classifier.labels import LABELS, Label
from classifier.policy.config import SEVERITIES, LabelPolicy


def applies(hit: RuleHit, order: Order) -> bool:
    """Whether a hit counts for an order in this state."""
    return hit.when != "customer_cancelled" or order.cancelled_by == "customer"


def score_of(evidence: Evidence, label: Label) -> LabelScore | None:
    """The model's word on a label, where there is a model."""
    return evidence.model.scores[LABELS.index(label)] if evidence.model else None


def placed(finding: Finding, field: Any, span: Span | None) -> Finding:
    """The finding at a span, or at a field as a whole."""
    if span is None:
        return replace(finding, field=field)
    return replace(finding, field=span.field, start=span.start, end=span.end, text=span.text)


def labelled(finding: Finding, label: Label, span: Span | None) -> Finding:
    """The finding at a span, caused by a label."""
    return replace(placed(finding, None, span), label=label)


def _replacement(words: LabelPolicy, sentence: Span, evidence: Evidence) -> dict[str, Any]:
    """Ready text for the whole sentence at fault; only where we write the draft's language."""
    if not words.replacement or evidence.language.code != "en" or sentence.field != "body":
        return {}
    return {"replacement": words.replacement, "replace_start": sentence.start, "replace_end": sentence.end}


def rule_finding(
    hit: RuleHit, words: LabelPolicy, severity: Severity, evidence: Evidence, *, passage: Span | None = None
) -> Finding:
    """A rule that matched, in the words of its label where it brings none of its own. A weak rule often rests on words
    beside the matter: where the model's `passage` holds them, that is the place."""
    weak = hit.strength == "weak"
    span = passage if passage is not None and weak else whole_phrase(hit.span, hit.sentence)
    own = "" if weak else hit.message  # a weak rule's hint is no fact
    return Finding(
        hit.rule_id, words.label, severity, span.field, span.start, span.end, span.text,
        own or (words.block if severity == "block" else words.warn), hit.guidance or words.guidance,
        hit.policy_ref or words.section.title, "rule", **_replacement(words, hit.sentence, evidence),
    )  # fmt: skip


def whole_phrase(span: Span, sentence: Span) -> Span:
    """The span, or where it has too few words to act on, its phrase up to the next comma or end of the sentence."""
    if len(span.text.split()) >= _ENOUGH_WORDS or span.field != sentence.field:
        return span
    text, at, end = sentence.text, span.start - sentence.start, span.end - sentence.start
    before = max((text.rfind(mark, 0, at) for mark in _PHRASE_ENDS), default=-1)
    after = min((place for mark in _PHRASE_ENDS if (place := text.find(mark, end)) >= 0), default=len(text))
    first = before + 1 + len(text[before + 1 : at]) - len(text[before + 1 : at].lstrip())
    last = end + len(text[end:after].rstrip())
    return Span(span.field, sentence.start + first, sentence.start + last, text[first:last])


_ENOUGH_WORDS = 3
_PHRASE_ENDS = ",;:.!?()\n"


def model_finding(score: LabelScore, words: LabelPolicy, severity: Severity, evidence: Evidence) -> Finding:
    """The passage that speaks most for a label; needs a span."""
    span = score.span
    assert span is not None
    return Finding(
        f"model.{words.label}", words.label, severity, span.field, span.start, span.end, span.text,
        words.block if severity == "block" else words.warn, words.guidance, words.section.title, "model",
        **(_replacement(words, score.sentence, evidence) if score.sentence else {}),
    )  # fmt: skip


def label_finding(words: LabelPolicy, severity: Severity) -> Finding:
    """A label for which nobody names words."""
    return Finding(
        f"model.{words.label}",
        words.label,
        severity,
        None,
        None,
        None,
        None,
        words.block if severity == "block" else words.warn,
        words.guidance,
        words.section.title,
        "model",
    )


def overlap(a: Span, b: Span) -> bool:
    """Whether two spans share a character."""
    return a.field == b.field and a.start < b.end and b.start < a.end


def standards_finding(hit: RuleHit, severity: Severity) -> Finding:
    """A breach of the Merchant Standards for Communication."""
    span = hit.span
    return Finding(
        hit.rule_id, None, severity, span.field, span.start, span.end, span.text, hit.message, hit.guidance,
        hit.policy_ref, "rule",
    )  # fmt: skip


def without_repeats(findings: Iterable[Finding]) -> list[Finding]:
    """Drop a finding whose words overlap an earlier one of the same label: one place, one reason."""
    kept: list[Finding] = []
    for finding in findings:
        if not any(_same_place(finding, other) for other in kept):
            kept.append(finding)
    return kept


def _same_place(a: Finding, b: Finding) -> bool:
    if a.label is None or a.label != b.label or a.field != b.field or a.start is None or b.start is None:
        return False
    return a.start < (b.end or 0) and b.start < (a.end or 0) and a.severity == b.severity


def gravest_first(finding: Finding) -> int:
    """A key for sorting."""
    return SEVERITIES.index(finding.severity)
