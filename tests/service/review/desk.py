"""A desk to test at: real cases by screening drafts of the project's own through the real service, and its people."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from service.storage.database import Database
from service.storage.tables.review import CaseRow
from service.storage.users import Users
from tests.service.running import Running, running, settings_for

RULE = """id = "substitute.llama-lamp"
label = "substitute_offer"
strength = "strong"
status = "draft"
patterns = ["llama ..3 lamp"]
must_flag = ["Take the llama lamp."]
must_not_flag = ["Take the lamp."]
"""
"""A rule as a lead would type it, with its examples."""

DRAFTS = Path(__file__).parents[3] / "data" / "drafts"
PEOPLE = {"mira": "reviewer", "jonas": "reviewer", "lena": "lead", "ada": "administrator", "otto": "auditor"}
PASSWORD = "a long enough password"
SWAP = {
    "support_id": "GG-8K2P-4L7Q",
    "subject": "About your kettle",
    "body": "Hello, the blue kettle is sold out. We can send you the green one instead. Reply and we ship it today.",
}
"""A draft that is blocked, whatever the model."""


def drafts(*files: str, every: int = 1) -> list[dict[str, Any]]:
    """Rows of data/drafts, each `every`-th one, file by file."""
    return [
        json.loads(line)
        for name in files
        for number, line in enumerate((DRAFTS / f"{name}.jsonl").read_text("utf-8").splitlines())
        if number % every == 0
    ]


def send_all(client: httpx.Client, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Screen drafts in send mode, a hundred at a time, each from one of twelve merchants; the answers in order."""
    answers: list[dict[str, Any]] = []
    for start in range(0, len(rows), 100):
        batch = [_draft(row, start + n) for n, row in enumerate(rows[start : start + 100])]
        answer = client.post("/screen/batch", json={"drafts": batch}, timeout=300)  # a busy machine is slow, not wrong
        assert answer.status_code == 200, answer.text
        answers += answer.json()["answers"]
    return answers


def _draft(row: dict[str, Any], number: int) -> dict[str, Any]:
    order = {k: v for k, v in (row.get("order") or {}).items() if k in ("cancelled_by", "status")} or None
    draft = {name: row[name] for name in ("support_id", "subject", "body")}
    return {**draft, "order": order, "merchant_id": f"M-{1040 + number % 12}", "mode": "send"}


def add_people(database: Database) -> None:
    """Mira and Jonas review, Lena leads, Ada administrates, Otto only reads."""
    with database.writing() as session:
        for name, role in PEOPLE.items():
            Users(session).add(name, role, PASSWORD, datetime.now(UTC))


def one_line(html: str) -> str:
    """HTML with each run of white space as one space."""
    return re.sub(r"\s+", " ", html)


@dataclass
class Seat:
    """Somebody signed in, as their browser: pages by GET, forms with the page's own token."""

    client: httpx.Client
    csrf: str = ""

    def sign_in(self, name: str, password: str = PASSWORD) -> httpx.Response:
        form = self.client.get("/review/login").text
        token = re.search(r'name="csrf" value="(\w+)"', form)
        assert token
        answer = self.client.post("/review/login", data={"csrf": token[1], "name": name, "password": password})
        found = re.search(r'name="csrf" value="(\w{64})"', answer.text)
        self.csrf = found[1] if found else ""
        return answer

    def get(self, path: str) -> httpx.Response:
        return self.client.get(f"/review{path}")

    def post(self, path: str, **form: Any) -> httpx.Response:
        """Send a form and follow where it leads."""
        return self.client.post(f"/review{path}", data={"csrf": self.csrf, **form})

    def page(self, path: str) -> str:
        """A page, however its template breaks the lines."""
        answer = self.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:400])
        return one_line(answer.text)

    def decide(self, case: str, outcome: str, **form: Any) -> httpx.Response:
        """Open a case, take its labels as they are ticked unless given, and decide."""
        page = self.page(f"/cases/{case}")
        seen = re.search(r'name="seen" value="(\d+)"', page)
        ticked = re.findall(r'name="label" value="(\w+)" checked', page)
        form = {"label": ticked, "evidence": "[]", "note": "", "filter": "queue=all", **form}
        return self.post(f"/cases/{case}/decide", outcome=outcome, seen=seen[1] if seen else "0", **form)

    def leave(self) -> None:
        self.post("/logout")
        self.client.close()


@dataclass
class Desk:
    """A running service with its people and cases."""

    service: Running
    seats: dict[str, Seat] = field(default_factory=dict)
    answers: list[dict[str, Any]] = field(default_factory=list)
    made: int = 0

    def seat(self, name: str) -> Seat:
        """Somebody signed in, the same session each time."""
        if name not in self.seats:
            self.seats[name] = self.fresh_seat(name)
        return self.seats[name]

    def free(self) -> None:
        """Give back every claim that is no hold."""
        with self.service.services.database.writing() as session:
            session.query(CaseRow).filter(CaseRow.state != "held").update({"claimed_by": None})

    def fresh_seat(self, name: str) -> Seat:
        client = httpx.Client(
            base_url=self.service.url, timeout=300, follow_redirects=True, headers={"accept": "text/html"}
        )
        seat = Seat(client)
        seat.sign_in(name)
        assert seat.csrf, f"{name} could not sign in"
        return seat

    def case(self, draft: dict[str, Any] | None = None, *, second: bool = False, **more: Any) -> str:
        """A new case of its own, from a draft that is blocked, of another template than the last hundred; its id."""
        screening = self.screening(draft, **more)
        with self.service.services.database.writing() as session:
            case = session.query(CaseRow).filter(CaseRow.screening_id == screening).one()
            case.second_review = second
            return case.id

    def screening(self, draft: dict[str, Any] | None = None, **more: Any) -> str:
        self.made += 1
        signed = f"{SWAP['body']} Yours, {'abcdefghij'[self.made % 10]}{'klmnopqrst'[self.made // 10 % 10] * 2}."
        answer = self.service.screen({**SWAP, "body": signed, **(draft or {})}, **more)
        assert answer["decision"] == "block", answer
        screening: str = answer["screening_id"]
        return screening

    def row(self, case: str) -> CaseRow:
        with self.service.services.database.reading() as session:
            return session.get_one(CaseRow, case)

    def change(self, case: str, **values: Any) -> None:
        """Move a case's clocks, as time would."""
        with self.service.services.database.writing() as session:
            row = session.get_one(CaseRow, case)
            for name, value in values.items():
                setattr(row, name, value)


@contextmanager
def a_desk(home: Path, **settings: Any) -> Iterator[Desk]:
    """A running service with people and some hundred cases."""
    with running(settings_for(home, rate_per_minute=0, **settings)) as service:
        add_people(service.services.database)
        rows = drafts("substitute-pairs", "probing-pairs", "swaps-plain", "winback-plain", every=4)
        desk = Desk(service, answers=send_all(service.client, rows))
        yield desk
        for seat in desk.seats.values():
            seat.client.close()
