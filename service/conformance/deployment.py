"""The deployment that is checked: requests with and without a key, and answers that several checks look at."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import httpx

LABELS = (
    "address_request", "delay_notice", "returned_to_sender", "inventory_cancellation", "substitute_offer",
    "cancellation_probing",
)  # fmt: skip
BLOCKED = {
    "support_id": "GG-8K2P-4L7Q-XY19",
    "subject": "Your blue mug",
    "body": "Hello, the blue mug is sold out. Would you accept the green one instead? We can ship it today.",
}
ALLOWED = {
    "support_id": "GG-8K2P-4L7Q-XY19",
    "subject": "Your order is delayed",
    "body": "Hello, your order is delayed by a snow storm and will arrive on 5 December. We are sorry for the wait.",
}
WARNED = {
    "support_id": "GG-8K2P-4L7Q-XY19",
    "subject": "Thank you for your purchase",
    "body": "Thank you for shopping with us. We hope that you enjoy your new mug. Have a lovely weekend!",
}
"""Drafts whose decision is plain, whatever the model."""
DRAFTS = {"allow": ALLOWED, "warn": WARNED, "block": BLOCKED}
Answer = Mapping[str, Any]


class BrokenError(Exception):
    """A line of the contract that does not hold; the text says what came instead."""


class NotCheckedError(Exception):
    """A line that cannot be checked here; the text says why."""


def expect(holds: bool, otherwise: str) -> None:
    """Raise BrokenError unless it holds."""
    if not holds:
        raise BrokenError(otherwise)


@dataclass
class Deployment:
    """`client` carries the key. Without `sends` nothing is stored: what needs that is not checked. `limited`: a key
    without the right to screen."""

    client: httpx.Client
    sends: bool = True
    limited: str = ""
    mark: str = "conformance"

    def preview(self, draft: Answer, **more: Any) -> Answer:
        """The answer to a preview, which is a 200."""
        return self.answered({**draft, **more, "mode": "preview"})

    def sent(self, draft: Answer, headers: Mapping[str, str] | None = None, **more: Any) -> Answer:
        """The answer to a send, which is a 200."""
        self.needs_sends()
        return self.answered({"merchant_id": self.mark, **draft, **more}, headers)

    def answered(self, draft: Answer, headers: Mapping[str, str] | None = None) -> Answer:
        """The 200 of POST /screen."""
        return self.json("POST", "/screen", json=draft, headers=headers)

    def json(self, method: str, path: str, **more: Any) -> Answer:
        """The JSON object of a 200."""
        response = self.client.request(method, path, **more)
        expect(response.status_code == 200, f"{method} {path}: {response.status_code} {response.text[:150]}")
        found = _object(response)
        expect(found is not None, f"{method} {path}: no JSON object")
        return found or {}

    def refused(self, status: int, method: str, path: str, *, key: str | None = None, **more: Any) -> Answer:
        """The problem of a refusal with this status. `key` stands in for the key; empty sends none."""
        headers = dict(more.pop("headers", {}))
        request = self.client.build_request(method, path, headers=headers, **more)
        if key is not None:
            request.headers.pop("authorization", None)
            if key:
                request.headers["authorization"] = f"Bearer {key}"
        response = self.client.send(request)
        expect(response.status_code == status, f"{method} {path}: {response.status_code}, expected {status}")
        kind = response.headers.get("content-type", "").partition(";")[0]
        expect(kind == "application/problem+json", f"{method} {path}: {status} as {kind or 'nothing'}")
        problem = _object(response) or {}
        expect(problem.get("status") == status, f"{method} {path}: a problem without its status")
        expect(bool(problem.get("title")), f"{method} {path}: a problem without a title")
        return problem

    def needs_sends(self) -> None:
        """Raise NotCheckedError where nothing may be stored."""
        if not self.sends:
            raise NotCheckedError("stores screenings; left out by --no-sends")

    @cached_property
    def sends_by_decision(self) -> Mapping[str, Answer]:
        """One send of each decision; all lines about stored screenings look at these."""
        return {decision: self.sent(draft) for decision, draft in DRAFTS.items()}

    @cached_property
    def previews_by_decision(self) -> Mapping[str, Answer]:
        """One preview of each decision."""
        return {decision: self.preview(draft) for decision, draft in DRAFTS.items()}


def _object(response: httpx.Response) -> Answer | None:
    try:
        found = response.json()
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
