"""Callers: API keys, what they may do, and how often. Keys are stored as hashes and found by their prefix."""

import asyncio
import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from service.http.errors import ServiceError
from service.storage.health import StoreSilentError
from service.storage.keys import ApiKeyRecord

Scope = Literal["screen", "ignore", "review-export", "admin"]
SCOPES: tuple[Scope, ...] = ("screen", "ignore", "review-export", "admin")
"""ignore: set findings aside that warn or inform."""
KEY_CACHE_SECONDS = 5.0
"""How long a key is believed without asking the store: a revoked key dies within this time in every process."""
NEW_KEY_SECONDS = 2.0
"""How long the store may take to tell of a key that was never seen: there is no earlier answer to fall back on."""
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
    """Checks bearer keys against the store and caches each answer for a few seconds. A key that the store has
    confirmed stays good for a stated time without it, so that previews go on."""

    def __init__(
        self,
        look_up: Callable[[str], ApiKeyRecord | None],
        *,
        good_for: float = 3600.0,
        patience: float = 0.5,
        failed: Callable[[Exception], None] = lambda error: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`good_for`: seconds that a key is good after the store's last answer. `patience`: seconds that the store may
        take to confirm such a key. `failed` receives the cause where it does not."""
        self._look_up = look_up
        self._good_for = good_for
        self._patience = patience
        self._failed = failed
        self._clock = clock
        self._known: dict[str, tuple[float, ApiKeyRecord]] = {}
        self._unknown: dict[str, float] = {}
        self._used: dict[str, datetime] = {}
        self._unasked_until = float("-inf")
        # apart, so that a flood of keys that nobody has holds up no key that somebody has
        self._old, self._new = ThreadPoolExecutor(2, "keys"), ThreadPoolExecutor(2, "new-keys")

    def close(self) -> None:
        """End the threads that ask."""
        for threads in (self._old, self._new):
            threads.shutdown(wait=False, cancel_futures=True)

    def remembered(self, secret: str) -> tuple[bool, Caller | None]:
        """Whether the answer is at hand, and the caller; for the hot path, which must not wait for the store."""
        prefix, now = prefix_of(secret), self._clock()
        entry = self._known.get(prefix)
        if entry is None:
            return now < self._unknown.get(prefix, now), None
        if now < entry[0] + KEY_CACHE_SECONDS or (now < self._unasked_until and self._is_good(entry[0])):
            return True, self._checked(entry[1], secret)
        return False, None

    async def find(self, secret: str) -> Caller | None:
        """The caller of a key, asking the store, but not for long; None if the key is not known, expired or revoked.

        Raises the 503 where the store does not answer about a key that it has not confirmed for too long.
        """
        prefix = prefix_of(secret)
        seen = prefix in self._known
        try:
            work = asyncio.get_running_loop().run_in_executor(self._old if seen else self._new, self._ask, prefix)
            await asyncio.wait_for(work, self._patience if seen else NEW_KEY_SECONDS)
        except Exception as error:
            # a flood of unknown keys is no fault of the store
            if seen or not isinstance(error, TimeoutError):
                self._failed(StoreSilentError() if isinstance(error, TimeoutError) else error)
            entry = self._known.get(prefix)
            if entry is None or not self._is_good(entry[0]):
                detail = "The store cannot tell now whether this key is good; try again."
                raise ServiceError(503, detail, headers={"Retry-After": "2"}) from error
            self._unasked_until = self._clock() + KEY_CACHE_SECONDS
        return self._answered(prefix, secret)

    def caller(self, secret: str) -> Caller | None:
        """As `find`, waiting for the store as long as it takes. Raises the store's error."""
        prefix = prefix_of(secret)
        self._ask(prefix)
        return self._answered(prefix, secret)

    def _ask(self, prefix: str) -> None:
        known = self._look_up(prefix)
        if known:
            self._known[prefix] = (self._clock(), known)
            return
        self._known.pop(prefix, None)
        if len(self._unknown) >= _MOST_CACHED:
            self._unknown.clear()
        self._unknown[prefix] = self._clock() + KEY_CACHE_SECONDS

    def _is_good(self, answered_at: float) -> bool:
        return self._clock() < answered_at + self._good_for

    def _answered(self, prefix: str, secret: str) -> Caller | None:
        entry = self._known.get(prefix)
        return self._checked(entry[1] if entry else None, secret)

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
