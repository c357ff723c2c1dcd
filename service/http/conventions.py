"""What holds for every answer and every request: nothing is kept on the way unless the answer says so, a body comes as
it is, and HEAD asks how the service is."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.http.errors import ServiceError, render

NO_STORE = (b"cache-control", b"no-store")
_AS_IT_IS = (b"", b"identity")
_HEADED = ("/", "/healthz", "/readyz", "/metrics", "/policy", "/passes/keys", "/openapi.json")


class NotStored:
    """ASGI middleware: `Cache-Control: no-store` on each answer that does not speak of caching itself. Answers carry
    drafts, passes and names; what may be kept says so."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                if not any(name == NO_STORE[0] for name, _ in headers):
                    message["headers"] = [*headers, NO_STORE]
            await send(message)

        await self._app(scope, receive, marked)


class RequestConventions:
    """ASGI middleware: a body in an encoding that we do not read is a 415; HEAD is GET without the body, where watchers
    ask so."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if refusal := encoding_refusal(scope):
            await render(refusal)(scope, receive, send)
        elif scope["method"] == "HEAD" and scope["path"] in _HEADED:
            await self._app({**scope, "method": "GET"}, receive, _without_body(send))
        else:
            await self._app(scope, receive, send)


def encoding_refusal(scope: Scope) -> ServiceError | None:
    """The 415 of a body that is compressed: how large it is would be known only once it is read."""
    encodings = (value for name, value in scope["headers"] if name == b"content-encoding")
    if all(value.strip().lower() in _AS_IT_IS for value in encodings):
        return None
    return ServiceError(415, "Content-Encoding: send the body as it is, not compressed.")


def _without_body(send: Send) -> Send:
    async def cut(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return cut
