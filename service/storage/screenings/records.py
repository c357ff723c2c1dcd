"""What travels between features and the store: a screening to be kept, and one that was."""

import hashlib
import random
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from classifier import Draft
from service.storage.screenings.documents import Document

_RANDOM = random.Random()  # ids are names, not secrets; asking the system for each costs the hot path a thread switch
_DIGITS = re.compile(r"\d+")


def new_id(now: float | None = None) -> str:
    """A 32-character id whose order is the order of time (48 bits of milliseconds, 80 random bits)."""
    return f"{int((time.time() if now is None else now) * 1000):012x}{_RANDOM.getrandbits(80):020x}"


def draft_hash(draft: Draft) -> str:
    """SHA-256 of the exact draft: its three fields in UTF-8 as netstrings (`<bytes>:<text>,`), hexadecimal. A reply has
    `reply` as a fourth, so that no pass for a reply opens a ticket."""
    digest = hashlib.sha256()
    context = () if draft.context == "new_ticket" else (draft.context,)
    for text in (draft.support_id, draft.subject, draft.body, *context):
        raw = text.encode("utf-8", "surrogatepass")
        digest.update(b"%d:%b," % (len(raw), raw))
    return digest.hexdigest()


def verdict_hash(screening_id: str, text_hash: str, verdict: bytes, evidence: bytes) -> str:
    """SHA-256 over a screening's id, the hash of its text, its verdict and its evidence as stored, hexadecimal."""
    digest = hashlib.sha256(f"{screening_id}:{text_hash}:{len(verdict)}:".encode())
    digest.update(verdict)
    digest.update(evidence)
    return digest.hexdigest()


def support_hash(support_id: str) -> str:
    """SHA-256 of a Support ID, without surrounding space, in upper case: finds an order once its text is purged."""
    return hashlib.sha256(support_id.strip().upper().encode("utf-8", "surrogatepass")).hexdigest()


def template_hash(body: str) -> str:
    """SHA-256 of a body with numbers, case and spacing removed: the same for drafts from one template."""
    plain = " ".join(_DIGITS.sub("0", body.lower()).split())
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class ShadowVerdict:
    """What a challenger said of a draft that the live model judged."""

    model_version: str
    decision: str
    labels: tuple[str, ...]
    probabilities: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class NewScreening:
    """A screening on its way to the store. `verdict` without words; `rule_hits` are (rule, its label) of every match;
    `cases` are the kinds of case that open with it."""

    id: str
    created_at: datetime
    caller: str
    merchant_id: str | None
    draft: Draft
    text_hash: str
    order_state: dict[str, object]
    evidence: bytes
    verdict: Document
    rule_hits: tuple[tuple[str, str | None], ...] = ()
    shadow_rules: tuple[str, ...] = ()
    previous_id: str | None = None
    idempotency_key: str | None = None
    cases: tuple[str, ...] = ()
    case_due: datetime | None = None
    second_review: bool = False
    shadow: ShadowVerdict | None = None


@dataclass(frozen=True, slots=True)
class StoredScreening:
    """A screening as it was frozen. `draft` is None once its text is purged."""

    id: str
    created_at: datetime
    caller: str
    merchant_id: str | None
    draft: Draft | None
    text_hash: str
    order_state: Mapping[str, Any]
    verdict: Document
    previous_id: str | None = None
    after: Mapping[str, Any] = field(default_factory=dict)

    @property
    def decision(self) -> str:
        """allow, warn or block."""
        decision: str = self.verdict["decision"]
        return decision


@dataclass(frozen=True, slots=True)
class WriteResult:
    """Which screening the store holds for a request: another `id` than was offered where the Idempotency-Key had
    been used, and another `text_hash` where it was used for another draft."""

    id: str
    text_hash: str
