"""The order directory: none, a table from CSV, CommerceInterface; and what happens when a source is away."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from classifier import Order
from classifier.policy.policy import Policy
from service.orders.commerce_interface import CommerceError, CommerceInterface, OrderFollower, as_asked, parse_order
from service.orders.contradictions import contradiction_findings
from service.orders.csv_table import OrderFileError, read_orders
from service.orders.directory import OrderDirectory, OrderFacts
from service.storage.database import Database
from service.storage.orders import OrderRecord, Orders
from tests.service.drafts import ALLOWED, WARNED
from tests.service.running import running, settings_for

TOKEN = "token-that-must-not-be-seen"


def test_a_csv_of_orders_is_read(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("\ufeffsupport_id,status,cancelled_by\ngg-1,shipped,\nGG-2,cancelled,customer\n", encoding="utf-8")
    assert list(read_orders(path)) == [OrderRecord("gg-1", "shipped"), OrderRecord("GG-2", "cancelled", "customer")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("id,status\n1,x\n", ":1: the heading has no column support_id"),
        ("support_id,colour\n1,x\n", ":1: unknown column 'colour'"),
        ("support_id,cancelled_by\nGG-1,\nGG-2,me\n", ":3: cancelled_by is customer, merchant or empty, not 'me'"),
        ('support_id\n""\n', ":2: support_id is empty"),
        ("support_id\nGG-1,more\n", ":2: more values than columns"),
        ('support_id\n"GG-1\n', ":2:"),
    ],
)
def test_a_bad_row_is_refused_by_file_and_line(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(OrderFileError) as refused:
        list(read_orders(path))
    assert f"{path}{reason}" in str(refused.value)


def test_orders_are_found_whatever_their_case_and_renewed(database: Database) -> None:
    now = datetime.now(UTC)
    with database.writing() as session:
        assert Orders(session).put([OrderRecord("gg-1 ", "open"), OrderRecord("GG-1", "shipped")], now) == 1
        Orders(session).put([OrderRecord("GG-1", "cancelled", "merchant")], now)
    with database.reading() as session:
        orders = Orders(session)
        assert orders.find(" gg-1") == OrderRecord("GG-1", "cancelled", "merchant")
        assert [orders.find(text) for text in ("", "GG-2", "GG-\0", "x" * 500, "\ud800")] == [None] * 5


def test_a_table_of_orders_feeds_the_verdict(tmp_path: Path) -> None:
    draft = {**WARNED, "body": "Your order was cancelled. You can order it again here whenever you like."}
    with running(settings_for(tmp_path, order_source="table")) as service:
        with service.services.database.writing() as session:
            Orders(session).put([OrderRecord(draft["support_id"], "cancelled", "merchant")], datetime.now(UTC))
        known = service.screen(draft)
        assert known["order"] == {"state": "known", "cancelled_by": "merchant", "status": "cancelled"}
        told = service.screen(draft, order={"cancelled_by": "customer"})
        assert told["order"]["cancelled_by"] == "merchant"
        assert told["order"]["contradicted"] == {"cancelled_by": "customer"}
        (said,) = [finding for finding in told["findings"] if finding["id"] == "order-contradicted"]
        assert (said["severity"], told["decision"]) == ("info", known["decision"])
        unknown = service.screen({**ALLOWED, "support_id": "GG-0000-0000-0000"})
        assert (unknown["decision"], unknown["order"]["state"]) == ("warn", "not_found")
        assert "support-id-unknown" in {finding["id"] for finding in unknown["findings"]}


def asked_of(record: OrderRecord | None, given: Order | None) -> OrderFacts:
    directory = OrderDirectory(lambda _: record, timeout=30)
    try:
        return asyncio.run(directory.facts("GG-1", given))
    finally:
        directory.close()


@pytest.mark.parametrize(
    ("given", "order", "contradicted"),
    [
        (Order("merchant"), Order("customer", "shipped"), {"cancelled_by": "merchant"}),
        (Order("customer", " Shipped "), Order("customer", "shipped"), {}),
        (Order(None, "open"), Order("customer", "shipped"), {"status": "open"}),
        (None, Order("customer", "shipped"), {}),
    ],
)
def test_what_the_source_knows_wins_and_a_contradiction_is_said(
    given: Order | None, order: Order, contradicted: dict[str, str]
) -> None:
    facts = asked_of(OrderRecord("GG-1", "shipped", "customer"), given)
    assert (facts.order, facts.contradicted) == (order, contradicted)
    findings = contradiction_findings(facts, Policy.load())
    assert [finding["severity"] for finding in findings] == ["info"] * len(contradicted)
    assert ("contradicted" in facts.document()) == bool(contradicted)


def test_the_caller_fills_in_what_the_source_does_not_know() -> None:
    facts = asked_of(OrderRecord("GG-1", "cancelled", None), Order("merchant"))
    assert (facts.order, facts.contradicted) == (Order("merchant", "cancelled"), {})


class Fake(BaseHTTPRequestHandler):
    """CommerceInterface as clients have seen it: pages, mixed types, and faults on request."""

    asked: list[dict[str, str]]
    fault: str

    def do_GET(self) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        type(self).asked.append(query)
        if self.fault == "slow":
            time.sleep(1)
        body = self._body(query) if self.fault != "garbage" else b"<html>"
        self.send_response(500 if self.fault == "down" else 200)
        self.end_headers()
        self.wfile.write(body)

    def _body(self, query: dict[str, str]) -> bytes:
        if query.get("token") != TOKEN or self.fault == "refused":
            return json.dumps({"success": False, "reason": f"bad token {query.get('token')}"}).encode()
        page = int(query["page"])
        items = [{"status": "open"}, {"status": None}]
        order = {"orderid": 1001 if page == 1 else "GG-1002", "line_items": items}
        return json.dumps({"success": True, "meta": {"no_of_pages": "2"}, "data": [order]}).encode()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def commerce() -> Iterator[tuple[str, type[Fake]]]:
    handler = type("Handler", (Fake,), {"asked": [], "fault": ""})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/api/v4/", handler
    server.shutdown()
    server.server_close()
    thread.join(10)


@pytest.mark.parametrize(
    ("order", "known"),
    [
        ({"orderid": 12, "line_items": [{"status": "open"}]}, OrderRecord("12", "open")),
        (
            {"orderid": " GG-1 ", "line_items": [{"status": "Shipped"}, {"status": "open"}]},
            OrderRecord("GG-1", "open, shipped"),
        ),
        ({"orderid": "GG-1", "line_items": None}, OrderRecord("GG-1", None)),
        ({"orderid": "GG-1", "line_items": [{"status": ""}, {}]}, OrderRecord("GG-1", None)),
    ],
)  # fmt: skip
def test_an_order_is_read_whatever_its_types(order: dict[str, Any], known: OrderRecord) -> None:
    assert parse_order(order) == known


def test_a_moment_is_asked_with_its_minutes() -> None:
    assert as_asked(datetime(2026, 11, 2, 15, 47, tzinfo=UTC)) == "11/02/2026 15:47"


def test_orders_are_followed_page_by_page_in_windows_under_a_day(
    commerce: tuple[str, type[Fake]], database: Database
) -> None:
    url, handler = commerce
    follower = OrderFollower(CommerceInterface(url, "7", TOKEN), database, days=2)
    assert not follower.is_current()
    follower.follow()
    assert follower.is_current()
    follower.close()
    with database.reading() as session:
        assert Orders(session).find("1001") == OrderRecord("1001", "open")
        assert Orders(session).find("gg-1002") == OrderRecord("GG-1002", "open")
    assert {query["page"] for query in handler.asked} == {"1", "2"}
    for query in handler.asked:
        start, end = (datetime.strptime(query[name], "%m/%d/%Y %H:%M") for name in ("start_datetime", "end_datetime"))
        assert timedelta(0) < end - start <= timedelta(hours=23, minutes=1)


@pytest.mark.parametrize("fault", ["down", "garbage", "refused", "slow"])
def test_an_outage_degrades_and_shows_no_credential(
    commerce: tuple[str, type[Fake]], database: Database, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    url, handler = commerce
    handler.fault = fault
    source = CommerceInterface(url, "supplier-7", TOKEN, timeout=0.2)
    with pytest.raises(CommerceError) as refused:
        list(source.orders(datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC)))
    assert TOKEN not in f"{refused.value!r}{refused.value.__cause__!r}"
    follower = OrderFollower(source, database, days=1)
    with caplog.at_level("DEBUG"):
        follower.follow()
    assert not follower.is_current()
    follower.close()
    assert TOKEN not in caplog.text
    assert "supplier-7" not in caplog.text


def test_while_commerce_interface_is_away_an_order_is_unknown_not_missing(tmp_path: Path) -> None:
    settings = settings_for(
        tmp_path, order_source="commerce_interface", commerce_url="http://127.0.0.1:9/", commerce_token=TOKEN
    )
    with running(settings) as service:
        answer = service.screen(ALLOWED)
    assert (answer["decision"], answer["order"]["state"]) == ("allow", "unavailable")
