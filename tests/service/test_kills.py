"""Killed at any moment: every screening that was answered is stored, every webhook arrives in the end."""

import random
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from service.storage.database import Database
from service.storage.encryption import Encryptor
from service.storage.outbox import Outbox
from service.storage.screenings.repository import Screenings
from service.storage.tables.screenings import OutboxRow
from service.webhooks.delivery import WebhookDelivery
from tests.service.conftest import KINDS, fresh_url
from tests.service.drafts import ALLOWED, BLOCKED, WARNED
from tests.service.test_processes import process

ROUNDS = 2
SENDERS = 6


def send_until_killed(client: httpx.Client, answered: list[dict[str, Any]], refused: list[str]) -> None:
    """Send single drafts and batches; note what was answered, and what was refused."""
    with httpx.Client(base_url=client.base_url, headers=client.headers, timeout=60) as mine:
        try:
            for number in range(1_000_000):
                draft = (ALLOWED, BLOCKED, WARNED)[number % 3]
                draft = {**draft, "body": f"{draft['body']} {number}"}
                batch = number % 7 == 0
                path, body = ("/screen/batch", {"drafts": [draft] * 5}) if batch else ("/screen", draft)
                response = mine.post(path, json=body)
                if response.status_code != 200:
                    refused.append(response.text)
                    return
                answered.extend(response.json()["answers"] if batch else [response.json()])
        except httpx.TransportError:
            pass


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_answered_is_stored_whenever_the_process_is_killed(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = fresh_url(kind, tmp_path, request)
    answered: list[dict[str, Any]] = []
    refused: list[str] = []
    for _ in range(ROUNDS):
        with process(tmp_path, database_url=url, rate_per_minute="0") as (running, client, _):
            before = len(answered)
            threads = [
                threading.Thread(target=send_until_killed, args=(client, answered, refused)) for _ in range(SENDERS)
            ]
            for thread in threads:
                thread.start()
            while len(answered) < before + 20 and any(thread.is_alive() for thread in threads):
                time.sleep(0.01)
            time.sleep(random.uniform(0, 0.5))
            running.send_signal(signal.SIGKILL)
            for thread in threads:
                thread.join(60)
    assert refused == []
    database = Database(url)
    with database.reading() as session:
        screenings = Screenings(session, Encryptor())
        for answer in answered:
            stored = screenings.get(answer["screening_id"])
            assert stored is not None
            assert (stored.decision, stored.draft is not None) == (answer["decision"], True)
    database.close()
    assert len(answered) >= 20 * ROUNDS


class HangingGateway(BaseHTTPRequestHandler):
    """Takes a webhook and answers when it may."""

    got: list[str]
    arrived: threading.Event
    go: threading.Event

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.got.append(self.headers["Screening-Event-Id"])
        self.arrived.set()
        self.go.wait(60)
        try:
            self.send_response(200)
            self.end_headers()
        except OSError:
            pass  # whoever asked was killed

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def test_a_webhook_whose_sender_is_killed_is_sent_again_by_another(database_url: str) -> None:
    handler = type("Handler", (HangingGateway,), {"got": [], "arrived": threading.Event(), "go": threading.Event()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    hook = f"http://127.0.0.1:{server.server_address[1]}/hook"
    database = Database(database_url)
    database.migrate()
    with database.writing() as session:
        event_id = Outbox(session).add("appeal.decided", {"screening_id": "s"}, datetime.now(UTC))
    code = (
        "import sys; from service.storage.database import Database; "
        "from service.webhooks.delivery import WebhookDelivery; "
        "WebhookDelivery(Database(sys.argv[1]), sys.argv[2], 'secret').deliver_due()"
    )
    sender = subprocess.Popen([sys.executable, "-c", code, database_url, hook])
    assert handler.arrived.wait(60)  # type: ignore[attr-defined]
    sender.kill()
    sender.wait(30)
    handler.go.set()  # type: ignore[attr-defined]
    other = WebhookDelivery(database, hook, "secret")
    assert other.deliver_due() == 0  # still leased to the one that is gone
    with database.writing() as session:
        session.execute(update(OutboxRow).values(next_attempt_at=datetime.now(UTC)))  # a minute later
    assert other.deliver_due() == 1
    other.close()
    with database.reading() as session:
        row = session.scalars(select(OutboxRow)).one()
        assert (row.delivered_at is not None, row.attempts) == (True, 2)
    assert handler.got == [event_id, event_id]  # type: ignore[attr-defined]
    database.close()
    server.shutdown()
    server.server_close()
