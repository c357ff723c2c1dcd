"""Callers: API keys, what they may do, and how often. Keys are stored as hashes and found by their prefix."""

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from service.http.errors import ServiceError
from service.storage.keys import ApiKeyRecord

Scope = Literal["screen", "review-export", "admin"]
SCOPES: tuple[Scope, ...] = ("screen", "review-export", "admin")
KEY_CACHE_SECONDS = 5.0
"""How long a key is believed without asking the store: a revoked key dies within this time in every process."""
_MOST_CACHED = 10_000
_MARK = "gs"


@dataclass(frozen=True, slots=True)
class Caller:
    """The holder of an API key: name, prefix of the key, and rights."""

    name: str
    prefix: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made: the secret is shown once, the rest is stored."""

    secret: str
    prefix: str
    key_hash: str


def make_key(secret: str | None = None) -> NewKey:
    """A new key, or one that the demonstration brings. A brought key's prefix is taken from its hash."""
    prefix = secrets.token_hex(4)
    secret = secret or f"{_MARK}_{prefix}_{secrets.token_urlsafe(32)}"
    return NewKey(secret, prefix_of(secret), hash_of(secret))


def prefix_of(secret: str) -> str:
    """What a key is found by: the part that may be shown."""
    mark, _, rest = secret.partition("_")
    prefix, _, tail = rest.partition("_")
    if mark == _MARK and tail and len(prefix) == 8 and prefix.isalnum() and prefix.isascii():
        return prefix
    return "x" + hash_of(secret)[:12]


def hash_of(secret: str) -> str:
    """SHA-256, hexadecimal: enough for a secret of 256 random bits."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


class KeyRing:
    """Checks bearer keys against the store and caches each answer for a few seconds."""

    def __init__(self, look_up: Callable[[str], ApiKeyRecord | None], *, clock: Callable[[], float] = time.monotonic):
        self._look_up = look_up
        self._clock = clock
        self._known: dict[str, tuple[float, ApiKeyRecord | None]] = {}
        self._used: dict[str, datetime] = {}

    def remembered(self, secret: str) -> tuple[bool, Caller | None]:
        """Whether the answer is at hand, and the caller; for the hot path, which must not wait for the store."""
        entry = self._known.get(prefix_of(secret))
        if entry is None or entry[0] < self._clock():
            return False, None
        return True, self._checked(entry[1], secret)

    def caller(self, secret: str) -> Caller | None:
        """The caller of a key, asking the store; None if the key is not known, expired or revoked.

        While the store is unavailable, its last answer is used, so that previews go on. Raises the store's error for a
        key that was never looked up.
        """
        prefix = prefix_of(secret)
        try:
            known = self._look_up(prefix)
        except Exception:
            if prefix not in self._known:
                raise
            known = self._known[prefix][1]
        if len(self._known) >= _MOST_CACHED:
            self._known.clear()
        self._known[prefix] = (self._clock() + KEY_CACHE_SECONDS, known)
        return self._checked(known, secret)

    def _checked(self, known: ApiKeyRecord | None, secret: str) -> Caller | None:
        stored = known.key_hash if known else "0" * 64
        matches = hmac.compare_digest(stored, hash_of(secret))
        now = datetime.now(UTC)
        if known is None or not matches or not known.is_good(now):
            return None
        self._used[known.prefix] = now
        return Caller(known.caller, known.prefix, known.scopes)

    def take_used(self) -> dict[str, datetime]:
        """Prefixes used since the last call, with the time: the store notes them now and then."""
        used, self._used = self._used, {}
        return used


class RateLimit:
    """A token bucket per key, in this process. `per_minute` 0 sets no limit."""

    def __init__(self, per_minute: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = per_minute / 60
        self._most = max(per_minute / 6, 100.0)  # a burst of ten seconds, and always one whole batch
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, caller: Caller, count: int = 1) -> None:
        """Count so many drafts. Raises the 429 with the seconds to wait."""
        if not self._rate:
            return
        now = self._clock()
        with self._lock:
            left, at = self._buckets.get(caller.prefix, (self._most, now))
            left = min(self._most, left + max(0.0, now - at) * self._rate)
            if left < count:
                self._buckets[caller.prefix] = (left, now)
                raise _too_many(int((count - left) / self._rate) + 1)
            self._buckets[caller.prefix] = (left - count, now)


def _too_many(wait: int) -> ServiceError:
    return ServiceError(
        429, f"Too many drafts for this key; try again in {wait} s.", headers={"Retry-After": str(wait)}
    )
