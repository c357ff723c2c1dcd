"""One guess at a password: the form is one that we gave out, the guess is due, and one at a time is hashed."""

import asyncio
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from service.review.auth.sign_in_limits import SignInAttempt, SignInDelayedError, SignInLimits
from service.storage.database import Database
from service.storage.users import User, Users

FORM_LIFE = 3600
"""Seconds for which a page with the sign-in form is good."""
BROWSER_COOKIE = "review_browser"
BROWSER_LIFE = 90 * 24 * 3600
"""Seconds for which a browser is known as one that has signed in before."""
MOST_WAITING = 8
"""Guesses that may wait for the one that is being hashed."""
_MOST_USED = 100_000


@dataclass(frozen=True, slots=True)
class SignInForm:
    """What the form carried; `browser` is the cookie of a browser that has signed in before."""

    token: str
    name: str
    password: str
    address: str
    browser: str = ""


@dataclass(frozen=True, slots=True)
class SignInOutcome:
    """What came of a guess. `first_of_burst`: this failure belongs on the audit; `refused_before`: a right password
    after so many wrong ones."""

    user: User | None
    first_of_burst: bool = False
    refused_before: int = 0


class FormUsedError(Exception):
    """The form is too old, was not given out here, or carried a guess already."""


class SignIn:
    """The sign-in of one process. `secret` is shared by all workers and replicas, so that each knows their forms."""

    def __init__(
        self, database: Database, secret: bytes, *, limits: SignInLimits | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self.limits = limits or SignInLimits()
        self._database = database
        self._secret = hashlib.sha256(b"sign-in\0" + secret).digest()
        self._now = now
        self._slot = ThreadPoolExecutor(1, "sign-in")
        self._waiting = 0
        self._guesses: dict[str, tuple[bytes, asyncio.Future[SignInOutcome]]] = {}

    def close(self) -> None:
        """End the thread that hashes."""
        self._slot.shutdown(wait=False, cancel_futures=True)

    def form_token(self) -> str:
        """The token of a new form: a number, when it ends, and our seal. Letters and digits only."""
        return self.sealed(b"form", FORM_LIFE)

    def browser_token(self, name: str) -> str:
        """The cookie of a browser in which this person has just signed in."""
        return self.sealed(b"browser\0" + name.encode(), BROWSER_LIFE)

    def known_browser(self, token: str, name: str) -> str | None:
        """The number of a browser in which this person has signed in before."""
        return self._number(token, b"browser\0" + name.encode("utf-8", "surrogatepass"))

    def sealed(self, purpose: bytes, seconds: int) -> str:
        """A token that is good for one purpose and some time."""
        head = f"{secrets.token_hex(8)}{int(self._now()) + seconds:010x}"
        return head + self._seal(purpose, head)

    def opens(self, purpose: bytes, token: str) -> bool:
        """Whether a token was sealed for this purpose, and is not too old."""
        return self._number(token, purpose) is not None

    async def guess(self, form: SignInForm) -> SignInOutcome:
        """Evaluate a guess, once: a form that is sent twice at the same time shares the outcome.

        Raises FormUsedError, or SignInDelayedError where the guess comes too early or too many wait.
        """
        number = self._number(form.token, b"form")
        if number is None:
            raise FormUsedError
        digest = hashlib.sha256(f"{form.name}\0{form.password}".encode("utf-8", "surrogatepass")).digest()
        if number in self._guesses:
            known, outcome = self._guesses[number]
            if outcome.done() or not hmac.compare_digest(known, digest):
                raise FormUsedError
            return await asyncio.shield(outcome)
        if self._waiting > MOST_WAITING:
            raise SignInDelayedError(2)
        attempt = self.limits.begin(form.name, form.address, self.known_browser(form.browser, form.name))
        self._remember(number, digest)
        self._waiting += 1
        outcome = self._guesses[number][1]
        try:
            outcome.set_result(await self._evaluated(form, attempt))
        except BaseException as error:
            if isinstance(error, Exception):
                outcome.set_exception(error)
                outcome.exception()  # seen: nobody else may be waiting
            else:
                outcome.cancel()
            raise
        finally:
            self._waiting -= 1
        return outcome.result()

    async def right_password(self, name: str, password: str, address: str) -> bool:
        """Whether somebody who is signed in knows their own password. Raises SignInDelayedError."""
        if self._waiting > MOST_WAITING:
            raise SignInDelayedError(2)
        attempt = self.limits.begin(name, address, f"signed-in:{name}")
        self._waiting += 1
        try:
            form = SignInForm("", name, password, address)
            return (await self._evaluated(form, attempt)).user is not None
        finally:
            self._waiting -= 1

    async def _evaluated(self, form: SignInForm, attempt: SignInAttempt) -> SignInOutcome:
        loop = asyncio.get_running_loop()
        user = await loop.run_in_executor(self._slot, self._check, form.name, form.password)
        if user is None:
            return SignInOutcome(None, first_of_burst=self.limits.failed(attempt))
        return SignInOutcome(user, refused_before=self.limits.succeeded(attempt))

    def _check(self, name: str, password: str) -> User | None:
        with self._database.reading() as session:
            return Users(session).check(name, password)

    def _remember(self, number: str, digest: bytes) -> None:
        if len(self._guesses) >= _MOST_USED:
            for old in list(self._guesses)[: _MOST_USED // 2]:
                if self._guesses[old][1].done():
                    del self._guesses[old]
        self._guesses[number] = (digest, asyncio.get_running_loop().create_future())

    def _number(self, token: str, purpose: bytes) -> str | None:
        head, seal = token[:26], token[26:]
        if not token.isascii() or not hmac.compare_digest(seal, self._seal(purpose, head)):
            return None
        return head[:16] if int(head[16:], 16) > self._now() else None

    def _seal(self, purpose: bytes, head: str) -> str:
        return hmac.new(self._secret, purpose + b"\0" + head.encode(), hashlib.sha256).hexdigest()[:40]
