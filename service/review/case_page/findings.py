"""Findings for a page, with the policy that they cite, and their highlights in the draft. Reads no database."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from classifier import Draft
from classifier.policy.policy import Policy
from service.review.case_page.highlights import Highlight, Kind, PlacedHighlight
from service.review.web.wording import LABEL
from service.storage.screenings.documents import Document, with_words

_KIND: Mapping[str, Kind] = {"rule": "rule", "model": "model"}


@dataclass(frozen=True, slots=True)
class ShownFinding:
    """A finding as stored, numbered from 1, with the words of the policy that it cites."""

    number: int
    id: str
    label: str | None
    severity: Literal["block", "warn", "info"]
    witness: str
    field: str | None
    start: int | None
    end: int | None
    text: str | None
    message: str
    guidance: str
    policy_ref: str
    quote: str


def shown_findings(verdict: Document, draft: Draft | None, policy: Policy) -> list[ShownFinding]:
    """The stored findings in their order."""
    quotes = {section.title: section.quote for section in policy.sections.values()}
    quotes |= {section.id: section.quote for section in policy.sections.values()}
    return [
        ShownFinding(
            number=number, id=f["id"], label=f["label"], severity=f["severity"], witness=f["witness"],
            field=f["field"], start=f["start"], end=f["end"], text=f["text"], message=f["message"],
            guidance=f["guidance"], policy_ref=f["policy_ref"], quote=quotes.get(f["policy_ref"], ""),
        )
        for number, f in enumerate(with_words(verdict, draft)["findings"], 1)
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """Findings that say the same of several passages, as one. `passages` are (number, words); `quote` is empty where a
    reason above quotes the same section."""

    first: ShownFinding
    passages: tuple[tuple[int, str], ...]
    quote: str


def reasons(findings: Sequence[ShownFinding]) -> list[FindingGroup]:
    """The findings in their order, those of one id and message taken together, each section quoted once."""
    together: dict[tuple[str, str], list[ShownFinding]] = {}
    for finding in findings:
        together.setdefault((finding.id, finding.message), []).append(finding)
    quoted: set[str] = set()
    found = []
    for alike in together.values():
        first = alike[0]
        passages = tuple((f.number, f.text) for f in alike if f.text)
        found.append(FindingGroup(first, passages, "" if first.quote in quoted else first.quote))
        quoted.add(first.quote)
    return found


def shown_marks(
    verdict: Document, evidence: Mapping[str, Any], findings: Sequence[ShownFinding]
) -> list[PlacedHighlight]:
    """Every highlight: those of the findings, then the evidence of permitted labels."""
    marks = [found for f in findings if (found := _of_finding(f))]
    taken = {(where, mark.start, mark.end) for where, mark in marks}
    asserted = {entry["label"]: entry["probability"] for entry in verdict["labels"] if entry["asserted"]}
    quiet = [*_of_rules(evidence, asserted), *_of_model(evidence, asserted)]
    return marks + [m for m in quiet if (m[0], m[1].start, m[1].end) not in taken]


def _of_finding(f: ShownFinding) -> PlacedHighlight | None:
    if f.field is None or f.start is None or f.end is None:
        return None
    what = LABEL[f.label] if f.label else f.message
    why = f"{f.number}. {what} ({f.witness} {f.id})" if f.witness in _KIND else f"{f.number}. {what}"
    return f.field, Highlight(f.start, f.end, _KIND.get(f.witness, "merchant"), f.label, f.severity, why, f.number)


def _of_rules(evidence: Mapping[str, Any], asserted: Mapping[str, float]) -> Iterable[PlacedHighlight]:
    for hit in evidence["rules"]["hits"]:
        where, start, end = hit["span"]
        if hit["status"] == "shadow":
            yield where, Highlight(start, end, "rule", None, "info", f"shadow rule {hit['rule_id']}", 0)
        elif hit["label"] in asserted:
            yield (
                where,
                Highlight(
                    start, end, "rule", hit["label"], "info", f"{LABEL[hit['label']]} (rule {hit['rule_id']})", 0
                ),
            )


def _of_model(evidence: Mapping[str, Any], asserted: Mapping[str, float]) -> Iterable[PlacedHighlight]:
    for score in (evidence.get("model") or {}).get("scores", ()):
        if score["span"] and score["label"] in asserted:
            where, start, end = score["span"]
            why = f"{LABEL[score['label']]}, {score['probability']:.0%} (model)"
            yield where, Highlight(start, end, "model", score["label"], "info", why, 0)
