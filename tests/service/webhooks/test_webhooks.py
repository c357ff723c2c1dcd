"""Webhooks: signed, retried with back-off, never lost, sent once by one process."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from sqlalchemy import select, update

from service.storage.database import Database
from service.storage.outbox import Outbox
from service.storage.tables.screenings import OutboxRow
from service.webhooks.delivery import FIRST_PAUSE, LONGEST_PAUSE, WebhookDelivery, pause

SECRET = "shared-secret"
NEWS = {"screening_id": "s1", "outcome": "overturned"}


class Gateway(BaseHTTPRequestHandler):
    """Takes webhooks and answers with the status it is told to."""

    got: list[tuple[dict[str, str], bytes]]
    status: int

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.got.append((dict(self.headers), body))
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def gateway() -> Iterator[tuple[str, type[Gateway]]]:
    handler = type("Handler", (Gateway,), {"got": [], "status": 200})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/hook", handler
    server.shutdown()
    server.server_close()
    thread.join(10)


@pytest.fixture
def delivery(gateway: tuple[str, type[Gateway]], database: Database) -> Iterator[WebhookDelivery]:
    made = WebhookDelivery(database, gateway[0], SECRET)
    yield made
    made.close()


def put(database: Database, **wait: Any) -> None:
    with database.writing() as session:
        Outbox(session).add("appeal.decided", NEWS, datetime.now(UTC), **wait)


def row(database: Database) -> OutboxRow:
    with database.reading() as session:
        return session.scalars(select(OutboxRow)).one()


def test_an_event_arrives_signed(
    gateway: tuple[str, type[Gateway]], database: Database, delivery: WebhookDelivery
) -> None:
    put(database)
    assert delivery.deliver_due() == 1
    ((headers, body),) = gateway[1].got
    assert json.loads(body) == {"event": "appeal.decided", **NEWS}
    at, given = (part.split("=", 1)[1] for part in headers["Screening-Signature"].split(","))
    assert given == hmac.new(SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["Screening-Event-Id"] == row(database).id
    assert delivery.deliver_due() == 0
    assert row(database).delivered_at is not None


@pytest.mark.parametrize("status", [500, 404, 302])
def test_what_did_not_arrive_is_tried_again_later(
    gateway: tuple[str, type[Gateway]], database: Database, delivery: WebhookDelivery, status: int
) -> None:
    gateway[1].status = status
    put(database)
    before = datetime.now(UTC)
    assert delivery.deliver_due() == 0
    waiting = row(database)
    assert (waiting.delivered_at, waiting.attempts, waiting.last_error) == (None, 1, f"answered {status}")
    assert waiting.next_attempt_at >= before + FIRST_PAUSE
    assert delivery.deliver_due() == 0
    assert len(gateway[1].got) == 1
    gateway[1].status = 204
    with database.writing() as session:
        session.execute(update(OutboxRow).values(next_attempt_at=before))
    assert delivery.deliver_due() == 1


def test_a_gateway_that_is_away_loses_nothing(database: Database) -> None:
    away = WebhookDelivery(database, "http://127.0.0.1:9/", SECRET)
    put(database)
    assert away.deliver_due() == 0
    away.close()
    assert (row(database).delivered_at, row(database).last_error) == (None, "ConnectError")


def test_what_one_process_took_no_other_takes(database: Database) -> None:
    put(database)
    with database.writing() as session:
        assert len(Outbox(session).take_due(datetime.now(UTC))) == 1
    with database.writing() as session:
        assert Outbox(session).take_due(datetime.now(UTC)) == []
        assert len(Outbox(session).take_due(datetime.now(UTC) + timedelta(minutes=5))) == 1


def test_news_that_may_be_taken_back_waits(database: Database, delivery: WebhookDelivery) -> None:
    put(database, wait=timedelta(seconds=30))
    assert delivery.deliver_due() == 0


def test_pauses_double_and_end_at_six_hours() -> None:
    assert [pause(n) for n in (0, 1, 2)] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert pause(1000) == LONGEST_PAUSE
