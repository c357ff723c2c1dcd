"""A deadline for routes whose work is a question to the store, whose driver waits without end for a server that hangs.

The thread that waits cannot be broken off: it is left, and ends when the store does. Once the store is known to say
nothing, who comes is refused at once, so that no threads pile up.
"""

import asyncio
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.http.errors import ServiceError, render
from service.storage.health import StoreHealth, StoreSilentError

LONGEST = 25.0
"""Seconds after which a request that is whole is answered without the store: longer than SQLite waits for a writer."""
_ROUTES = ("/screenings/", "/passes/verify", "/passes/redeem", "/unscreened")
_PAGES = "/review"
_FILES = f"{_PAGES}/static/"


class StoreDeadline:
    """ASGI middleware: a route that asks the store ends in time, with a 503 if need be."""

    def __init__(
        self, app: ASGIApp, health: StoreHealth, page: Callable[[Request], Response],
        longest: Callable[[], float] = lambda: LONGEST,
    ) -> None:  # fmt: skip
        """`page` renders the refusal of a page of the desk, for a person."""
        self._app = app
        self._health = health
        self._page = page
        self._longest = longest
        self._silent = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and answer it where nobody does."""
        if scope["type"] != "http" or not _asks_the_store(scope["path"]):
            await self._app(scope, receive, send)
            return
        self._silent = self._silent and self._health.failing  # the health is asked every few seconds whether it is back
        if self._silent:
            await self._refusal(scope)(scope, receive, send)
            return
        await self._within(scope, receive, send)

    async def _within(self, scope: Scope, receive: Receive, send: Send) -> None:
        whole, outgoing = asyncio.Event(), _Outgoing(send)
        if scope["method"] in ("GET", "HEAD"):
            whole.set()

        async def received() -> Message:
            message = await receive()
            if not message.get("more_body"):
                whole.set()
            return message

        work = asyncio.ensure_future(self._app(scope, received, outgoing))
        arrival = asyncio.ensure_future(whole.wait())
        try:
            await asyncio.wait({work, arrival}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({work}, timeout=self._longest())
            if work.done() or outgoing.begun:
                await work
                return
        except asyncio.CancelledError:
            work.cancel()
            raise
        finally:
            arrival.cancel()
        outgoing.closed = self._silent = True
        work.add_done_callback(_forgotten)
        self._health.failed(StoreSilentError())
        await self._refusal(scope)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response:
        request = Request(scope)
        if scope["path"].startswith(_PAGES) and "text/html" in request.headers.get("accept", ""):
            return self._page(request)
        return render(store_is_silent())


def _asks_the_store(path: str) -> bool:
    return path == _PAGES or (path.startswith((*_ROUTES, f"{_PAGES}/")) and not path.startswith(_FILES))


class _Outgoing:
    """Sends on, until somebody else has answered."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = self.closed = False

    async def __call__(self, message: Message) -> None:
        if not self.closed:
            self.begun = True
            await self._send(message)


def store_is_silent() -> ServiceError:
    """The 503 of a store that did not answer in time."""
    detail = "The store did not answer in time; try again, with the same Idempotency-Key if you sent one."
    return ServiceError(503, detail, headers={"Retry-After": "5"})


def _forgotten(work: "asyncio.Future[None]") -> None:
    if not work.cancelled():
        work.exception()  # nobody waits for it any more: the request was answered without it
