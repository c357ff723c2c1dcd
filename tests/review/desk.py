"""A desk to test at: real cases by screening drafts of the project's own through the real service, and its people."""

import json
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from service.storage.database import Database
from service.storage.users import Users

DRAFTS = Path(__file__).parent.parent.parent / "data" / "drafts"
PEOPLE = {"mira": "reviewer", "jonas": "reviewer", "lena": "lead", "ada": "administrator", "otto": "auditor"}
PASSWORD = "a long enough password"


def drafts(*files: str, every: int = 1) -> Iterator[dict[str, Any]]:
    """Rows of data/drafts, each `every`-th one, file by file."""
    for name in files:
        for number, line in enumerate((DRAFTS / f"{name}.jsonl").read_text("utf-8").splitlines()):
            if number % every == 0:
                yield json.loads(line)


def post(url: str, key: str, body: dict[str, Any]) -> dict[str, Any]:
    """One JSON request of a caller; its answer."""
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"authorization": f"Bearer {key}", "content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def send_all(base: str, key: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Screen drafts in send mode, a hundred at a time, each from one of twelve merchants; the answers in order."""
    answers: list[dict[str, Any]] = []
    for start in range(0, len(rows), 100):
        batch = [_draft(row, start + n) for n, row in enumerate(rows[start : start + 100])]
        answers += post(f"{base}/screen/batch", key, {"drafts": batch})["answers"]
    return answers


def _draft(row: dict[str, Any], number: int) -> dict[str, Any]:
    order = {k: v for k, v in (row.get("order") or {}).items() if k in ("cancelled_by", "status")} or None
    draft = {name: row[name] for name in ("support_id", "subject", "body")}
    return {**draft, "order": order, "merchant_id": f"M-{1040 + number % 12}", "mode": "send"}


def add_people(database_url: str) -> None:
    """Mira and Jonas review, Lena leads, Ada administrates, Otto only reads."""
    database = Database(database_url)
    with database.writing() as session:
        users = Users(session)
        for name, role in PEOPLE.items():
            users.add(name, role, PASSWORD, datetime.now(UTC))
    database.close()
