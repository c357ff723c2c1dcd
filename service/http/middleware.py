"""The outermost layer: request ids, body caps, back-pressure once admitted, and one log line and count per request."""

import logging
import random
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.http.back_pressure import BackPressure, Slot
from service.http.errors import ServiceError, render, unexpected
from service.telemetry.logs import LOGGER, event, request_id
from service.telemetry.metrics import Metrics

_RANDOM = random.Random()
_GOOD_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
Endpoint = Callable[[Request], Awaitable[Response]]
_QUIET = ("/healthz", "/readyz", "/metrics")


class RequestMiddleware:
    """ASGI middleware around the app."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: Metrics,
        direct: Mapping[str, Endpoint],
        max_bytes: int,
        caps: Mapping[str, int],
        pressure: BackPressure,
    ) -> None:
        """`direct`: endpoints by path that answer POST without the framework's routing, which costs them a third.
        `caps`: the most bytes of a body by path, where it is not `max_bytes`."""
        self._app = app
        self._direct = direct
        self._metrics = metrics
        self._caps = caps
        self._cap = max_bytes
        self._pressure = pressure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it at once."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        known = headers.get(b"x-request-id", b"")
        rid = known.decode() if _GOOD_ID.fullmatch(known) else f"{_RANDOM.getrandbits(64):016x}"
        answer = _Answer(send, rid.encode())
        token = request_id.set(rid)
        traces = self._metrics.traces
        opened = traces.begin(scope["method"], rid, headers) if traces else None
        started = time.perf_counter()
        slot = Slot(None if scope["path"] in _QUIET else self._pressure, self._weight(scope, headers))
        slot.put(scope)
        try:
            await self._pass_on(scope, _counted(receive, slot), answer, headers)
        finally:
            slot.release()
            route = self._note(scope, answer.status, time.perf_counter() - started)
            if traces and opened:
                traces.end(opened, route, answer.status)
            request_id.reset(token)

    def _weight(self, scope: Scope, headers: dict[bytes, bytes]) -> int:
        """The bytes of the body: the declared length, or the cap without one. Too large a body is not read."""
        declared = headers.get(b"content-length", b"")
        cap = self._cap_of(scope)
        if declared.isdigit():
            return int(declared) if int(declared) <= cap else 0
        return cap if b"transfer-encoding" in headers else 0

    async def _pass_on(self, scope: Scope, receive: Receive, send: "_Answer", headers: dict[bytes, bytes]) -> None:
        if refusal := self._refusal(scope, headers):
            await render(refusal)(scope, receive, send)
            return
        if scope["method"] in ("POST", "PUT", "PATCH") and b"content-length" not in headers:
            receive = _capped(receive, self._cap_of(scope))
        endpoint = self._direct.get(scope["path"]) if scope["method"] == "POST" else None
        if endpoint is None:
            await self._app(scope, receive, send)
        else:
            await _answer_directly(endpoint, scope, receive, send)

    def _refusal(self, scope: Scope, headers: dict[bytes, bytes]) -> ServiceError | None:
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > (cap := self._cap_of(scope)):
            return too_large(cap)
        return None

    def _cap_of(self, scope: Scope) -> int:
        return self._caps.get(scope["path"], self._cap)

    def _note(self, scope: Scope, status: int, seconds: float) -> str:
        path = scope["path"] if scope["path"] in self._direct else getattr(scope.get("route"), "path", "unknown")
        self._metrics.answered(path, status)
        if LOGGER.isEnabledFor(logging.INFO) and path not in _QUIET:
            event("request", method=scope["method"], route=path, status=status, ms=round(seconds * 1000, 2))
        return str(path)


async def _answer_directly(endpoint: Endpoint, scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope, receive)
    try:
        response = await endpoint(request)
    except ServiceError as error:
        response = render(error)
    except HTTPException as error:
        response = render(ServiceError(error.status_code, error.detail, headers=error.headers))
    except ClientDisconnect:
        return
    except Exception as error:
        response = unexpected(request, error)
    await response(scope, receive, send)


class _Answer:
    """Sends on, adds the request id and remembers the status."""

    def __init__(self, send: Send, rid: bytes) -> None:
        self._send = send
        self._rid = rid
        self.status = 500

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers: list[Any] = list(message.get("headers", ()))
            headers.append((b"x-request-id", self._rid))
            message["headers"] = headers
        await self._send(message)


def too_large(cap: int) -> ServiceError:
    """The 413."""
    return ServiceError(413, f"The request is larger than {cap:,} bytes.", limit_bytes=cap)


def _counted(receive: Receive, slot: Slot) -> Receive:
    """Whatever reads a body is counted, also where nobody was admitted, as at the sign-in."""

    async def counted() -> Message:
        try:
            slot.take()
        except ServiceError as error:  # the framework takes what is no HTTPException for a body that cannot be parsed
            raise HTTPException(error.status, error.detail, error.headers) from error
        return await receive()

    return counted


def _capped(receive: Receive, cap: int) -> Receive:
    """For a body of unknown length: stop reading once it is too large."""
    taken = 0

    async def limited() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > cap:
            raise HTTPException(413, too_large(cap).detail)
        return message

    return limited
