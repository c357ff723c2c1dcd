"""How fast passwords may be guessed: a delay that grows by name and by address, and never a lock-out. Counted in this
process; each worker counts for itself."""

import ipaddress
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

FORGOTTEN_AFTER = 600.0
"""Seconds without a failure after which a name or an address begins afresh, and a burst is over."""
_MOST_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class DelayRule:
    """So many failures are `free`; each further one doubles the wait, from one second up to `longest`."""

    free: int
    longest: float

    def wait(self, failures: int) -> float:
        """Seconds from the last failure until the next guess."""
        beyond = min(failures - self.free, 20)
        return 0.0 if beyond < 0 else min(2.0**beyond, self.longest)


BY_NAME = DelayRule(free=3, longest=60.0)
BY_ADDRESS = DelayRule(free=10, longest=300.0)
"""People share an address, and one password tried on many names comes from one."""


@dataclass(slots=True)
class _Count:
    failures: int = 0
    free_at: float = 0.0
    last: float = 0.0
    noted: bool = False


@dataclass(frozen=True, slots=True)
class SignInAttempt:
    """A guess that may be evaluated. It counts as a failure from the start: parallel guesses count each other."""

    keys: tuple[str, ...]


class SignInDelayedError(Exception):
    """The guess comes too early; `seconds` until the next one."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Wait {seconds} s, then try again.")
        self.seconds = seconds


class SignInLimits:
    """The failures of names and addresses. A browser that has signed in before as the same person counts by itself, so
    that strangers cannot delay its owner."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: dict[str, _Count] = {}

    def begin(self, name: str, address: str, browser: str | None = None) -> SignInAttempt:
        """Count a guess. `browser` names a known one. Raises SignInDelayedError, and then counts nothing."""
        keys = (f"browser:{browser}",) if browser else (f"name:{name}", f"address:{network_of(address)}")
        now = self._clock()
        with self._lock:
            counts = [self._count(key, now) for key in keys]
            left = max(count.free_at for count in counts) - now
            if left > 0:
                raise SignInDelayedError(int(left) + 1)
            for key, count in zip(keys, counts, strict=True):
                self._counts[key] = count
                count.failures += 1
                count.last = now
                count.free_at = now + _rule(key).wait(count.failures)
        return SignInAttempt(keys)

    def failed(self, attempt: SignInAttempt) -> bool:
        """True if this is the first failure of a burst: no other of this name or address belongs to one."""
        with self._lock:
            counts = [self._counts[key] for key in attempt.keys if key in self._counts]
            first = not any(count.noted for count in counts)
            for count in counts:
                count.noted = True
        return first

    def failures(self, attempt: SignInAttempt) -> int:
        """How many failures the name or browser of a guess had before it."""
        with self._lock:
            count = self._counts.get(attempt.keys[0])
            return count.failures - 1 if count else 0

    def succeeded(self, attempt: SignInAttempt) -> int:
        """Take the guess back; the name begins afresh. Returns how many failures it had before."""
        before = 0
        with self._lock:
            for key in attempt.keys:
                count = self._counts.get(key)
                if count is None:
                    continue
                if _rule(key) is BY_ADDRESS:
                    count.failures -= 1  # one's own account must not clear the count of an address
                    count.free_at = count.last + BY_ADDRESS.wait(count.failures) if count.failures else 0.0
                else:
                    before = count.failures - 1
                    del self._counts[key]
        return before

    def _count(self, key: str, now: float) -> _Count:
        if len(self._counts) >= _MOST_KEPT:
            self._forget(now)
        count = self._counts.get(key)
        return count if count and now - count.last < FORGOTTEN_AFTER else _Count()

    def _forget(self, now: float) -> None:
        """Make room: what is over goes, then what has failed least."""
        kept = {key: count for key, count in self._counts.items() if now - count.last < FORGOTTEN_AFTER}
        if len(kept) >= _MOST_KEPT:
            worst = sorted(kept, key=lambda key: (kept[key].failures, kept[key].last), reverse=True)
            kept = {key: kept[key] for key in worst[: _MOST_KEPT // 2]}
        self._counts = kept


def _rule(key: str) -> DelayRule:
    return BY_ADDRESS if key.startswith("address:") else BY_NAME


def network_of(address: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 that one household or host has in IPv6."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if known.version == 6 and known.ipv4_mapped:
        return str(known.ipv4_mapped)
    return str(ipaddress.ip_network(f"{known}/64", strict=False)) if known.version == 6 else str(known)
