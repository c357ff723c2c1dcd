"""`check` covers what stands around the service: clock, order source, receiver of webhooks, sign-in provider."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from service.cli.commands import app as commands
from service.cli.neighbours import clock_faults, order_faults, sign_in_faults, webhook_faults
from service.storage.database import Database
from service.storage.orders import OrderRecord, Orders
from tests.service.drafts import ALLOWED
from tests.service.review.auth.oidc_provider import CLIENT, a_provider
from tests.service.running import running, settings_for

NOWHERE = "http://127.0.0.1:9/"


@contextmanager
def answering(status: int, body: Any = None) -> Iterator[tuple[str, list[str]]]:
    """A server that answers everything alike: its address, and the methods that it was asked with."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            asked.append(self.command)
            raw = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(raw)

        do_GET = do_HEAD = do_POST = answer  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def test_a_clock_that_is_behind_what_was_stored_is_a_fault(tmp_path: Path) -> None:
    with running(settings_for(tmp_path, encoder="off")) as service:
        service.screen(ALLOWED)
        database = service.services.database
        assert clock_faults(database) == []
        (fault,) = clock_faults(database, datetime.now(UTC) - timedelta(hours=2))
        assert "it is behind" in fault


def test_a_clock_apart_from_the_database_servers_is_a_fault(postgres: str) -> None:
    database = Database(postgres)
    try:
        database.migrate()
        assert clock_faults(database) == []
        (fault,) = clock_faults(database, datetime.now(UTC) + timedelta(minutes=5))
        assert "the database server's" in fault
    finally:
        database.close()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'x.db'}")
    opened.migrate()
    yield opened
    opened.close()


def test_an_empty_table_of_orders_is_a_fault(tmp_path: Path, database: Database) -> None:
    settings = settings_for(tmp_path, order_source="table")
    assert "the table of orders is empty" in order_faults(settings, database)[0]
    with database.writing() as session:
        Orders(session).put([OrderRecord("GG-1", "shipped")], datetime.now(UTC))
    assert order_faults(settings, database) == []


def test_an_order_source_that_gives_nothing_is_a_fault(tmp_path: Path, database: Database) -> None:
    def faults(url: str) -> list[str]:
        known = {"order_source": "commerce_interface", "commerce_token": "secret-token", "commerce_url": url}
        return order_faults(settings_for(tmp_path, **known), database)

    assert "ConnectError" in faults(NOWHERE)[0]
    with answering(403) as (url, _):
        (refused,) = faults(url)
        assert "answered 403" in refused
        assert "secret-token" not in refused
    with answering(200, {"success": True, "data": [], "meta": {"no_of_pages": 1}}) as (url, _):
        assert faults(url) == []


def test_a_receiver_that_is_away_or_failing_is_a_fault_and_gets_no_event(tmp_path: Path) -> None:
    def faults(url: str) -> list[str]:
        return webhook_faults(settings_for(tmp_path, webhook_url=url, webhook_secret="s" * 32))

    assert "ConnectError" in faults(NOWHERE)[0]
    with answering(502) as (url, _):
        assert "502" in faults(url)[0]
    with answering(405) as (url, asked):
        assert faults(url) == []
        assert asked == ["HEAD"]


def test_a_provider_that_is_away_or_another_is_a_fault(tmp_path: Path) -> None:
    def faults(issuer: str) -> list[str]:
        return sign_in_faults(settings_for(tmp_path, oidc_issuer=issuer, oidc_client_id=CLIENT))

    assert "does not answer" in faults("http://127.0.0.1:9")[0]
    with a_provider() as provider:
        assert faults(provider.issuer) == []
        assert "another issuer" in faults(provider.issuer + "/")[0]


def test_nothing_around_is_no_fault_and_each_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("HOME", str(tmp_path)), ("WEBHOOK_URL", NOWHERE), ("WEBHOOK_SECRET", "s" * 32)):
        monkeypatch.setenv(f"SCREENING_{name}", value)
    checks = json.loads(CliRunner().invoke(commands, ["check", "--json"]).stdout)["checks"]
    assert checks["webhooks"]
    assert [checks[name] for name in ("clock", "orders", "sign_in")] == [[], [], []]
