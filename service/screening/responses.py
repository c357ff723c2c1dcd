"""Responses: a stored or new verdict in the form of the contract."""

import re
from collections import Counter
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import datetime
from typing import Any

from fastapi import Request

from classifier import Draft
from classifier.policy.translations import catalogue, preferred, replacements
from service.business_hours import ReplyClock
from service.screening.offsets import converted
from service.storage.screenings.documents import Document, with_words

_NO_ANCHOR = re.compile(r"[^a-z0-9]+")
LANGUAGE: ContextVar[str] = ContextVar("language", default="en")
"""Of the request that is being answered."""


async def hear_language(request: Request) -> None:
    """Messages, guidance and reminders are in the language that Accept-Language prefers, of those that we have."""
    LANGUAGE.set(preferred(request.headers.get("accept-language")))


def answer(
    document: Document, draft: Draft | None, encoding: str, *, screening_id: str | None, granted: str | None,
    extra: Mapping[str, Any], policy_url: str,
) -> dict[str, Any]:  # fmt: skip
    """The answer of POST /screen: the verdict with its words and offsets, the pass where one is granted."""
    shown = with_words(document, draft)
    body = {"screening_id": screening_id, **shown, "pass": granted, **extra}
    scores = {entry["label"]: entry["probability"] for entry in document["labels"]}
    findings = [
        {**one, "score": scores.get(one["label"]), "policy_url": section_url(policy_url, one["policy_ref"])}
        for one in shown["findings"]
    ]
    body["findings"] = converted(findings, draft, encoding)
    del body["format"]
    return _spoken(body, LANGUAGE.get())


def _spoken(body: dict[str, Any], language: str) -> dict[str, Any]:
    """In the merchant's language, and with what may be written instead, as far as it fits who cancelled."""
    words = catalogue(language)
    by = (body.get("order") or {}).get("cancelled_by")
    body["findings"] = [
        finding
        if finding.get("replacement") is None
        else {**finding, "replacements": replacements(finding["label"], by, language)}
        for finding in map(words.finding, body["findings"])
    ]
    body["reminders"] = [words.reminder(one) for one in body["reminders"]]
    if "changes" in body:
        body["changes"] = {name: [words.finding(one) for one in some] for name, some in body["changes"].items()}
    return body


def section_url(policy_url: str, title: str) -> str:
    """Where a section of the policy stands: the address of the policy, and the title as an anchor."""
    return f"{policy_url}#{_NO_ANCHOR.sub('-', title.lower()).strip('-')}"


def with_reply_deadline(document: Document, at: datetime, clock: ReplyClock) -> list[dict[str, Any]]:
    """The reminders; that of the reply says by when a response that comes at that moment must be answered."""
    return [
        {**one, "reply_by": clock.reply_by(at)} if one["id"] == "reply-within-one-business-day" else one
        for one in document["reminders"]
    ]


def changes(before: Document, now: Document) -> dict[str, list[dict[str, Any]]]:
    """The findings that an edit cleared, those that remain and those that are new, compared by their ids."""
    old, new = before["findings"], now["findings"]
    still = Counter(f["id"] for f in old) & Counter(f["id"] for f in new)
    return {
        "cleared": _beyond(old, still.copy()),
        "remaining": _within(new, still.copy()),
        "new": _beyond(new, still.copy()),
    }


def _within(findings: list[dict[str, Any]], still: Counter[str]) -> list[dict[str, Any]]:
    return [_brief(f) for f in findings if _taken(still, f["id"])]


def _beyond(findings: list[dict[str, Any]], still: Counter[str]) -> list[dict[str, Any]]:
    return [_brief(f) for f in findings if not _taken(still, f["id"])]


def _taken(still: Counter[str], finding_id: str) -> bool:
    still[finding_id] -= 1
    return still[finding_id] >= 0


def _brief(finding: Mapping[str, Any]) -> dict[str, Any]:
    return {name: finding[name] for name in ("id", "label", "severity", "field", "message")}
