"""A hand-written stand-in for the screening service, for what the real one cannot be told to do: be slow, fail, lie."""

import asyncio
import re
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse

from service.compose.routes import POLICY, router

OFFER = re.compile(r"(?! )[^.!?\n]*\binstead\b[^.!?\n]*[.!?]?")
CHAT = re.compile(r"\breview\b")
REPLACEMENT = "We have cancelled your order; you are welcome to place a new one."


@dataclass
class Plan:
    """What the fake does next, and what it was asked."""

    delay: float = 0.0
    statuses: list[int] = field(default_factory=list)
    message: str = "This offers something other than what was ordered."
    requests: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    appeal: dict[str, Any] | None = None
    together: int = 0
    most_together: int = 0
    pages: dict[str, str] = field(default_factory=dict)

    def reset(self) -> None:
        """As new; what is still being answered ends without a trace."""
        self.__dict__.update(Plan().__dict__)

    def previews(self) -> list[dict[str, Any]]:
        return [request for request in self.requests if request.get("mode") == "preview"]

    def sends(self) -> list[dict[str, Any]]:
        return [request for request in self.requests if request.get("mode") == "send"]


def units(text: str, position: int) -> int:
    """A code-point offset in UTF-16 units."""
    return len(text[:position].encode("utf-16-le", "surrogatepass")) // 2


def finding(draft: dict[str, Any], found: re.Match[str], plan: Plan) -> dict[str, Any]:
    start, end = units(draft["body"], found.start()), units(draft["body"], found.end())
    return {
        "id": "substitute.instead", "label": "substitute_offer", "severity": "block", "field": "body",
        "start": start, "end": end, "text": found[0], "message": plan.message, "guidance": "Cancel the order.",
        "policy_ref": "Inappropriate Situations: Arranging a product substitute",
        "replacement": REPLACEMENT, "replace_start": start, "replace_end": end,
    }  # fmt: skip


def no_reason() -> dict[str, Any]:
    return {
        "id": "no-recognised-reason", "label": None, "severity": "warn", "field": None, "start": None, "end": None,
        "text": None, "message": "No approved reason.", "guidance": "Say why.", "policy_ref": "Appropriate Situations",
    }  # fmt: skip


def answer(draft: dict[str, Any], plan: Plan) -> dict[str, Any]:
    findings = [finding(draft, found, plan) for found in OFFER.finditer(draft["body"])]
    if CHAT.search(draft["body"]):
        findings.append(no_reason())
    decision = "block" if any(f["severity"] == "block" for f in findings) else "warn" if findings else "allow"
    send = draft["mode"] == "send"
    return {
        "screening_id": str(uuid.uuid4()) if send else None, "decision": decision, "labels": [], "findings": findings,
        "reminders": [{"id": "reply", "message": "Reply within 1 business day."}],
        "pass": "pass-1" if send and decision == "allow" else None,
        "model_version": "m", "rules_version": "r", "policy_version": "p",
    }  # fmt: skip


def build(plan: Plan) -> FastAPI:
    app = FastAPI()
    app.state.demo_key = "demo"

    @app.get("/pages/{name}")
    def own_page(name: str) -> HTMLResponse:
        return HTMLResponse(plan.pages[name], headers={"content-security-policy": POLICY})

    @app.post("/screen")
    async def screen(request: Request) -> JSONResponse:
        draft = await request.json()
        plan.requests.append(draft)
        plan.keys.append(request.headers.get("idempotency-key"))
        plan.together += 1
        plan.most_together = max(plan.most_together, plan.together)
        await asyncio.sleep(plan.delay)
        plan.together = max(0, plan.together - 1)
        if plan.statuses:
            status = plan.statuses.pop(0)
            if status != 200:
                return JSONResponse({"title": "No", "detail": "body: too long"}, status)
        return JSONResponse(answer(draft, plan))

    @app.post("/screenings/{id}/acknowledge")
    async def acknowledge(id: str, request: Request) -> dict[str, Any]:
        plan.requests.append(await request.json() | {"acknowledged": id})
        return {"screening_id": id, "pass": "pass-2"}

    @app.post("/screenings/{id}/appeal")
    async def appeal(id: str, request: Request) -> dict[str, Any]:
        plan.requests.append(await request.json() | {"appealed": id})
        return {"screening_id": id, "state": "open"}

    @app.get("/screenings/{id}")
    def screening(id: str) -> dict[str, Any]:
        granted = plan.appeal and plan.appeal["state"] == "overturned"
        return {"screening_id": id, "appeal": plan.appeal, "pass": "pass-3" if granted else None}

    @app.post("/passes/verify")
    async def verify(request: Request) -> dict[str, Any]:
        token = (await request.json())["token"]
        return {"valid": token in {"pass-1", "pass-2", "pass-3"}, "reason": None}

    app.include_router(router)
    return app


@contextmanager
def running(plan: Plan) -> Iterator[str]:
    """The fake on a free port; its base URL."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        server = uvicorn.Server(uvicorn.Config(build(plan), log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
