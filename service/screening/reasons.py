"""Why something was found: the rule as its lead wrote it, or the sentences that decided for the model."""

from collections.abc import Iterable, Mapping
from typing import Any

from classifier import Draft, Screener
from classifier.evidence import Evidence, PassageEvidence
from classifier.matching.rulebook import RuleBook
from service.screening.offsets import units

Answered = dict[str, Any]


def with_reasons(
    answered: Answered, book: RuleBook, evidence: Evidence | None, draft: Draft, encoding: str
) -> Answered:
    """An answer in which each finding says why; without evidence (a verdict stored before), only by its rule."""
    rules = {rule.id: rule for rule in book.rules}
    passages = evidence.model.passages if evidence and evidence.model else ()

    def reason(finding: Mapping[str, Any]) -> dict[str, Any]:
        rule = rules.get(finding["id"]) if finding["witness"] == "rule" else None
        read = [one for one in passages if finding["label"] in one.decides] if finding["label"] else []
        return {
            "rule": rule.id if rule else None,
            "patterns": list(rule.source.get("patterns", ())) if rule else [],
            "passages": [_passage(one, draft, encoding) for one in read],
        }

    return {**answered, "findings": [{**finding, "why": reason(finding)} for finding in answered["findings"]]}


LONGEST_READ_AGAIN = 4_000
"""Characters of a draft that are read once more for the confidence in its language: more of them tell nothing new."""


def language_confidence(screener: Screener, draft: Draft) -> float | None:
    """How much in a draft speaks for its language; it is read again, because nobody else asks."""
    beginning = Draft(draft.support_id, draft.subject[:LONGEST_READ_AGAIN], draft.body[:LONGEST_READ_AGAIN])
    found = screener.language_confidence(beginning)
    return None if found is None else round(found, 2)


def _passage(passage: PassageEvidence, draft: Draft, encoding: str) -> dict[str, Any]:
    sentence = passage.sentence
    text = getattr(draft, sentence.field)
    return {
        "field": sentence.field,
        "start": units(text, sentence.start, encoding),
        "end": units(text, sentence.end, encoding),
        "text": sentence.text,
        "read_by": passage.read_by,
    }


def without_ignored(document: Answered, ignored: Iterable[str]) -> Answered:
    """A verdict without the findings that a trusted caller sets aside, and which those were. What blocks stays, and so
    does the decision of a new ticket in which no reason is recognised: one that is allowed always has a label."""
    asked = set(ignored)
    kept = [one for one in document["findings"] if one["severity"] == "block" or one["id"] not in asked]
    dropped = sorted({one["id"] for one in document["findings"] if one not in kept})
    if not dropped:
        return document
    decision = document["decision"]
    asserted = document.get("context") == "reply" or any(label["asserted"] for label in document["labels"])
    if decision == "warn" and asserted and all(one["severity"] == "info" for one in kept):
        decision = "allow"
    return {**document, "findings": kept, "decision": decision, "ignored": dropped}
