"""Checks of the form itself, before any model reads a word: Support ID, subject, body, next step."""

import re
from collections.abc import Iterable

from classifier.draft import Draft
from classifier.evidence import FormFault, Span
from classifier.placeholders import placeholder_faults
from classifier.policy.config import FormPolicy
from classifier.reading.reader import Reading

_WORD = re.compile(r"\w+(?:['’]\w+)*")
_STEP = re.compile(
    r"\?|\b(?:please|pls|reply|send|confirm|tell|need|let (?:us|me) know|provide|give|share|update|write|text|call"
    r"|which|what|where|fill|check|message|respond|answer|spell|advise)\b",
    re.IGNORECASE,
)


class FormCheck:
    """Checks the fields against policy.toml's `[form]`; compiled once."""

    def __init__(self, policy: FormPolicy) -> None:
        self._support_id = re.compile(policy.support_id)
        self._permalink = re.compile(policy.permalink)
        self._vague = policy.vague_subjects

    def faults(self, draft: Draft, reading: Reading, *, asks_address: bool = False) -> tuple[FormFault, ...]:
        """Every fault of the form, in the order of its fields. `asks_address`: the draft is about an address."""
        return (
            *self._support_id_faults(draft.support_id),
            *self._subject_faults(draft.subject),
            *self._body_faults(draft.body, reading, asks_address=asks_address),
            *placeholder_faults("subject", draft.subject),
            *placeholder_faults("body", draft.body),
        )

    def _support_id_faults(self, support_id: str) -> Iterable[FormFault]:
        trimmed = support_id.strip()
        kind = None
        if self._permalink.match(trimmed):
            kind = "support-id-permalink"
        elif not self._support_id.match(trimmed):
            kind = "support-id-malformed"
        if kind:
            yield FormFault(kind, _whole("support_id", support_id), "support_id")

    def _subject_faults(self, subject: str) -> Iterable[FormFault]:
        words = _WORD.findall(subject.lower())
        if not subject.strip():
            yield FormFault("subject-empty", None, "subject")
        elif not words or " ".join(words) in self._vague:
            yield FormFault("subject-vague", _whole("subject", subject), "subject")

    def _body_faults(self, body: str, reading: Reading, *, asks_address: bool) -> Iterable[FormFault]:
        words = sum(1 for _ in _first(_WORD.finditer(body), 2))
        if not body.strip() or (not words and not reading.tokens):
            yield FormFault("body-empty", None, "body")
        elif words < 2:
            yield FormFault("body-one-word", _whole("body", body), "body")
        elif reading.says_nothing:
            yield FormFault("body-says-nothing", _whole("body", body), "body")
        elif asks_address and reading.language.code == "en" and not _STEP.search(body):
            yield FormFault("missing-next-step", None, "body")


def _first(items: Iterable[object], n: int) -> Iterable[object]:
    for item, _ in zip(items, range(n), strict=False):
        yield item


def _whole(field: str, text: str) -> Span | None:
    return Span(field, 0, len(text), text) if text else None  # type: ignore[arg-type]
