"""One draft as HTML, for notebooks: the text with what a person marked and what decided, and the reasons beside it."""

import html
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from classifier import Draft, Screener, Verdict
from classifier.draft import LabelledDraft, Order
from classifier.evidence import Evidence, Span
from training.evaluation.figures import Judged
from training.fitting.examples import evidence_places

_PERSON = "border-bottom: 2px solid #2f6f8f"
_DECIDED = "background: #f3e3b3; color: #222"
_FIELDS = ("subject", "body")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a label or a finding is there: its name, the probability, who read the words, the words, and the message."""

    name: str
    probability: float | None
    by: str
    words: str
    message: str


def view(draft: Draft, evidence: Evidence, verdict: Verdict, labelled: LabelledDraft | None = None) -> str:
    """The draft with a person's evidence underlined and the passages that decided on a pale ground, the labels of both,
    and a line for each reason."""
    given = "" if labelled is None else f" · person: {_names(labelled.labels)}"
    found = f"{verdict.decision} · model: {_names(verdict.labels)}{given}"
    rows = "".join(
        f"<tr><td>{html.escape(r.name)}</td><td>{'' if r.probability is None else f'{r.probability:.2f}'}</td>"
        f"<td>{html.escape(r.by)}</td><td>{html.escape(r.words)}</td><td>{html.escape(r.message)}</td></tr>"
        for r in reasons(evidence, verdict)
    )
    name = "" if labelled is None else f"<small>{html.escape(labelled.id)}</small> "
    texts = "".join(f"<p style='white-space: pre-wrap'>{_marked(draft, evidence, labelled, f)}</p>" for f in _FIELDS)
    head = "<tr><th>label or finding</th><th>p</th><th>by</th><th>words</th><th>reason</th></tr>"
    return f"<div><p>{name}<b>{html.escape(found)}</b></p>{texts}<table>{head}{rows}</table></div>"


def errors_html(screener: Screener, judged: Sequence[Judged]) -> str:
    """Each draft as `view` shows it."""
    return "<hr>".join(
        view(j.labelled.draft, screener.evidence(j.labelled.draft, j.labelled.order), j.verdict, j.labelled)
        for j in judged
    )


def explained(screener: Screener, draft: Draft, order: Order | None = None) -> str:
    """One draft without a person's labels."""
    evidence = screener.evidence(draft, order)
    return view(draft, evidence, screener.policy.decide(evidence, order))


@dataclass(frozen=True, slots=True)
class WithoutSentence:
    """A draft without one sentence of its body: the decision, and the label that changes most."""

    sentence: str
    decision: str
    label: str
    before: float
    after: float


def without_each_sentence(screener: Screener, draft: Draft, order: Order | None = None) -> list[WithoutSentence]:
    """The body without each of its sentences in turn, the one that matters most first."""
    reading, whole = screener.read(draft), screener.screen(draft, order)
    found = []
    for first, end in reading.judged:
        span = reading.span(first, end)
        if span.field != "body":
            continue
        rest = replace(draft, body=draft.body[: span.start] + draft.body[span.end :])
        verdict = screener.screen(rest, order)
        change = {label: verdict.probabilities[label] - p for label, p in whole.probabilities.items()}
        label = max(change, key=lambda name: abs(change[name]))
        before, after = whole.probabilities[label], verdict.probabilities[label]
        found.append(WithoutSentence(span.text, verdict.decision, str(label), round(before, 3), round(after, 3)))
    return sorted(found, key=lambda one: -abs(one.after - one.before))


def reasons(evidence: Evidence, verdict: Verdict) -> list[Reason]:
    """The findings with their messages, then the labels that no grave finding explains, with the passage that
    decided."""
    found = [
        Reason(f.id, verdict.probabilities.get(f.label) if f.label else None, f.witness, f.text or "", f.message)
        for f in verdict.findings
    ]
    explained = {finding.label for finding in verdict.findings if finding.severity != "info"}
    for score in evidence.model.scores if evidence.model else ():
        if score.span is not None and score.label in verdict.labels - explained:
            by = _reader(evidence, score.sentence)
            found.append(Reason(str(score.label), score.probability, by, score.span.text, "asserted"))
    return found


def _reader(evidence: Evidence, sentence: Span | None) -> str:
    """Who judged a sentence last: the linear models or the encoder."""
    passages = evidence.model.passages if evidence.model else ()
    return next((p.read_by for p in passages if p.sentence == sentence), "linear")


def _marked(draft: Draft, evidence: Evidence, labelled: LabelledDraft | None, field: str) -> str:
    """The text of a field, cut wherever a mark begins or ends."""
    text: str = getattr(draft, field)
    person = [(s, e) for _, name, s, e in (evidence_places(labelled) if labelled else ()) if name == field]
    passages = evidence.model.passages if evidence.model else ()
    decided = [(p.sentence.start, p.sentence.end) for p in passages if p.decides and p.sentence.field == field]
    cuts = sorted({0, len(text), *(at for span in (*person, *decided) for at in span)})
    parts = []
    for start, end in itertools.pairwise(cuts):
        styles = [style for style, spans in ((_PERSON, person), (_DECIDED, decided)) if _inside(start, end, spans)]
        words = html.escape(text[start:end])
        parts.append(f"<span style='{'; '.join(styles)}'>{words}</span>" if styles else words)
    return "".join(parts)


def _inside(start: int, end: int, spans: Sequence[tuple[int, int]]) -> bool:
    return any(first <= start and end <= last for first, last in spans)


def _names(labels: Iterable[str]) -> str:
    return ", ".join(sorted(map(str, labels))) or "none"
