"""Responses: a stored or new verdict in the form of the contract."""

import re
from collections import Counter
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from fastapi import Request

from classifier import Draft
from classifier.policy.translations import catalogue, preferred, replacements
from service.business_hours import ReplyClock
from service.dependencies import Services
from service.http.errors import ServiceError
from service.screening.offsets import converted
from service.screening.schemas import DraftIn
from service.storage.screenings.documents import Document, with_words

_NO_ANCHOR = re.compile(r"[^a-z0-9]+")
REPLY_REMINDER = "reply-within-one-business-day"
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
    body["reminders"] = [_dated(words.reminder(one)) for one in body["reminders"]]
    if "changes" in body:
        body["changes"] = {name: [words.finding(one) for one in some] for name, some in body["changes"].items()}
    return body


def draft_document(draft: Draft) -> dict[str, str]:
    """The draft as it was typed; a reply with the message that it answers."""
    words = {"support_id": draft.support_id, "subject": draft.subject, "body": draft.body}
    if draft.context == "reply":
        words |= {"context": draft.context, "customer_message": draft.customer_message}
    return words


def section_url(policy_url: str, title: str) -> str:
    """Where a section of the policy stands."""
    return f"{policy_url}#{section_anchor(title)}"


def section_anchor(title: str) -> str:
    """The title of a section as an anchor in the policy's page."""
    return _NO_ANCHOR.sub("-", title.lower()).strip("-")


def with_thread(document: Document, asked: DraftIn, at: datetime, services: Services) -> Document:
    """The verdict on a reply: that it is one, when the customer's message came, and words for the hour by which it is
    due. Raises the 422 of a moment that the calendar does not reach."""
    if asked.context != "reply":
        return document
    document = {**document, "context": asked.context}
    if asked.received_at is None:
        return document
    received = asked.received_at if asked.received_at.tzinfo else asked.received_at.replace(tzinfo=UTC)
    try:
        late = at > services.clock.reply_by(received)
        written = received.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except (OverflowError, ValueError):
        detail = "received_at: a moment that the calendar does not reach"
        raise ServiceError(422, detail, errors=[{"field": "received_at", "message": detail}]) from None
    message = services.screeners.screener.policy.reminders["reply-late" if late else "reply-due"].message
    reminders = [{**one, "message": message} if one["id"] == REPLY_REMINDER else one for one in document["reminders"]]
    return {**document, "received_at": written, "reminders": reminders}


def with_reply_deadline(document: Document, at: datetime, clock: ReplyClock) -> list[dict[str, Any]]:
    """The reminders. That of the reply says by when the customer's message must be answered, and whether that is past;
    without one, by when a response that comes at that moment."""
    received = document.get("received_at")
    due: dict[str, Any] = {"reply_by": clock.reply_by(datetime.fromisoformat(received) if received else at)}
    if received:
        due["late"] = at > due["reply_by"]
    return [{**one, **due} if one["id"] == REPLY_REMINDER else one for one in document["reminders"]]


def _dated(reminder: dict[str, Any]) -> dict[str, Any]:
    """A reminder with its deadline put into its words."""
    if "late" not in reminder:
        return reminder
    by: datetime = reminder["reply_by"]
    message = reminder["message"].format(hour=f"{by:%H:%M}", day=f"{by:%Y-%m-%d}", zone=by.tzname())
    return {**reminder, "message": message}


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
