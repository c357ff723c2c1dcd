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
WHY = re.compile(r"(?! )[^.!?\n]*\bwhy\b[^.!?\n]*[.!?]?")
REASON = re.compile(r"\b(?:late|delayed|arrive|well|cancelled|cancel)\b")
LATER = "We have to cancel your order; you are welcome to place a new one."
CONFIRMED = "Your order has been cancelled as you asked."
REPLACEMENT = "We have cancelled your order; you are welcome to place a new one."


@dataclass
class Plan:
    """What the fake does next, and what it was asked."""

    delay: float = 0.0
    statuses: list[int] = field(default_factory=list)
    problem: dict[str, Any] = field(default_factory=lambda: {"title": "No", "detail": "body: too long"})
    message: str = "This offers something other than what was ordered."
    requests: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    appeal: dict[str, Any] | None = None
    away: set[str] = field(default_factory=set)
    languages: list[str | None] = field(default_factory=list)
    posts: list[dict[str, str]] = field(default_factory=list)
    extra: list[dict[str, Any]] = field(default_factory=list)
    still_at_fault: str = ""
    strict: bool = False
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
        "replacements": [
            {"text": REPLACEMENT, "condition": "You have cancelled it."}, {"text": LATER, "condition": None},
        ],
    }  # fmt: skip


def probing(draft: dict[str, Any], found: re.Match[str]) -> dict[str, Any]:
    start, end = units(draft["body"], found.start()), units(draft["body"], found.end())
    return {
        "id": "probing.why", "label": "cancellation_probing", "severity": "block", "field": "body",
        "start": start, "end": end, "text": found[0], "message": "This asks why.", "guidance": "Leave it out.",
        "policy_ref": "Questions re: customer cancellation", "replacement": CONFIRMED,
        "replace_start": start, "replace_end": end, "replacements": [{"text": CONFIRMED, "condition": "It was so."}],
    }  # fmt: skip


def no_reason() -> dict[str, Any]:
    return {
        "id": "no-recognised-reason", "label": None, "severity": "warn", "field": None, "start": None, "end": None,
        "text": None, "message": "No approved reason.", "guidance": "Say why.", "policy_ref": "Appropriate Situations",
    }  # fmt: skip


def answer(draft: dict[str, Any], plan: Plan) -> dict[str, Any]:
    findings = [finding(draft, found, plan) for found in OFFER.finditer(draft["body"])]
    findings += [probing(draft, found) for found in WHY.finditer(draft["body"])]
    if plan.still_at_fault and plan.still_at_fault in draft["body"]:
        findings.append(no_reason() | {"id": "still", "severity": "block", "label": "substitute_offer"})
    if CHAT.search(draft["body"]) or (plan.strict and not findings and not REASON.search(draft["body"])):
        findings.append(no_reason())
    findings += [one for one in plan.extra if one["text"] is None or one["text"] in draft[one["field"]]]
    severities = {f["severity"] for f in findings}
    decision = "block" if "block" in severities else "warn" if "warn" in severities else "allow"
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

    @app.post("/pages/{name}")
    async def posted(name: str, request: Request) -> HTMLResponse:
        plan.posts.append({key: str(value) for key, value in (await request.form()).items()})
        await asyncio.sleep(plan.delay)
        return HTMLResponse("<!doctype html><title>Sent</title>")

    @app.post("/screen")
    async def screen(request: Request) -> JSONResponse:
        draft = await request.json()
        plan.requests.append(draft)
        plan.keys.append(request.headers.get("idempotency-key"))
        plan.languages.append(request.headers.get("accept-language"))
        plan.together += 1
        plan.most_together = max(plan.most_together, plan.together)
        await asyncio.sleep(plan.delay)
        plan.together = max(0, plan.together - 1)
        if plan.statuses:
            status = plan.statuses.pop(0)
            if status != 200:
                return JSONResponse(plan.problem, status)
        return JSONResponse(answer(draft, plan))

    @app.post("/screenings/{id}/acknowledge")
    async def acknowledge(id: str, request: Request) -> Any:
        if "acknowledge" in plan.away:
            return JSONResponse({"title": "Away"}, 503)
        plan.requests.append(await request.json() | {"acknowledged": id})
        return {"screening_id": id, "pass": "pass-2"}

    @app.post("/screenings/{id}/appeal")
    async def appeal(id: str, request: Request) -> Any:
        if "appeal" in plan.away:
            return JSONResponse({"title": "Away"}, 503)
        plan.requests.append(await request.json() | {"appealed": id})
        return {"screening_id": id, "state": "open"}

    @app.get("/screenings/{id}")
    def screening(id: str) -> dict[str, Any]:
        granted = plan.appeal and plan.appeal["state"] == "overturned"
        return {"screening_id": id, "appeal": plan.appeal, "pass": "pass-3" if granted else None}

    @app.post("/passes/redeem")
    async def redeem(request: Request) -> dict[str, Any]:
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
