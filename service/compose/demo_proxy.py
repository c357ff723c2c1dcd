"""The demonstration's same-origin proxy: calls the service from inside, with a key that no page ever sees."""

from typing import TYPE_CHECKING, Any

from fastapi import Request, Response

if TYPE_CHECKING:
    import httpx

PASSED_ON = ("idempotency-key", "content-type", "accept-language")
PASSED_BACK = ("content-type", "retry-after")


def demo_key(request: Request) -> str | None:
    """The demonstration's API key, or None where the demonstration is off."""
    return getattr(request.app.state, "demo_key", None)


async def forward(request: Request, path: str) -> Response:
    """The service's own answer to the same request at `path`, asked as the demonstration's caller."""
    headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
    answer = await call(request, request.method, path, headers=headers, content=await request.body())
    kept = {name: answer.headers[name] for name in PASSED_BACK if name in answer.headers}
    return Response(answer.content, answer.status_code, kept)


async def call(request: Request, method: str, path: str, **sent: Any) -> "httpx.Response":
    """One request to the service in this process; `sent` is httpx's. Its answer, whatever the status."""
    import httpx  # only the demonstration's pages come here

    transport = httpx.ASGITransport(app=request.app, raise_app_exceptions=False)
    auth = {"authorization": f"Bearer {demo_key(request)}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://service", headers=auth) as client:
        return await client.request(method, path, **sent)
