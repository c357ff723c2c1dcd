"""The yardstick: a bare FastAPI endpoint that parses the same request and answers, in the same process model."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI(docs_url=None, redoc_url=None)


class BareDraft(BaseModel):
    """The same request, as FastAPI's first page would declare it."""

    support_id: str
    subject: str
    body: str
    mode: str = "send"


@app.post("/screen")
async def screen(draft: BareDraft) -> dict[str, Any]:
    """Parse and answer."""
    return {"decision": "allow", "labels": [], "findings": [], "length": len(draft.body)}
