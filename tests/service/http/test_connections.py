"""Sockets that ask for nothing, too much or too slowly bring nobody down: heads, bodies, deadlines, caps, admission."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import uvicorn
from fastapi.routing import APIRoute

from service.connection_limits import ConnectionLimits
from service.http.back_pressure import BackPressure, Shedding, Slot
from service.http.errors import ServiceError
from service.http.guarded_protocol import GuardedProtocol
from tests.service.running import Running, running, settings_for, until

BODIED = ("POST", "PUT", "PATCH", "DELETE")
PROMISED = "Content-Length: 900000\r\nContent-Type: application/json\r\n"


class Echo:
    """An app that reads what it is sent and tells its length."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        length, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            length, more = length + len(message["body"]), message.get("more_body", False)
        body = str(length).encode()
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@contextmanager
def served(**limits: Any) -> Iterator[tuple[int, Shedding]]:
    """A server of these limits: its port, and what it cut."""
    shedding = Shedding()
    named = {"limits": ConnectionLimits(**limits), "shedding": shedding}
    protocol = type("Limited", (GuardedProtocol,), named)
    config = uvicorn.Config(Echo(), http=protocol, log_config=None, access_log=False, lifespan="off", ws="none")
    server, listening = uvicorn.Server(config), socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        until(lambda: server.started)
        yield listening.getsockname()[1], shedding
    finally:
        server.should_exit = True
        thread.join(30)
        listening.close()


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=60)


def answered(connection: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    found = b""
    with suppress(ConnectionResetError):
        while piece := connection.recv(65_536):
            found += piece
    return found


def sent(port: int, data: bytes) -> bytes:
    """What a connection is told that sends this and waits until it is closed."""
    with connected(port) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(data)
        return answered(connection)


WHOLE = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"


def test_a_request_is_answered_however_it_is_cut() -> None:
    chunked = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    with served(header_bytes=1024) as (port, _):
        assert sent(port, WHOLE).endswith(b"\r\n\r\n5")
        with connected(port) as connection:
            for byte in WHOLE:
                connection.sendall(bytes([byte]))
            assert answered(connection).endswith(b"\r\n\r\n5")
        assert sent(port, chunked + b"400\r\n" + b"x" * 1024 + b"\r\n" + b"1\r\ny\r\n" * 900 + b"0\r\n\r\n").endswith(
            b"1924"
        )
        long = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\nConnection: close\r\n\r\n" + b"x" * 200_000
        assert sent(port, long).endswith(b"200000")


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nX: " + b"x" * 5_000_000,
        b"GET /" + b"x" * 5_000_000,
        b"GET / HTTP/1.1\r\n" + b"X: x\r\n" * 200_000,
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX: " + b"x" * 5_000_000,
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * 5_000_000,
    ],
    ids=["value", "address", "many", "trailer", "chunk extension"],
)
def test_a_head_of_any_length_is_cut_off(head: bytes) -> None:
    with served(header_bytes=8192) as (port, _):
        told = sent(port, head)
        assert told.startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 400 ")) or not told  # a reset may overtake the answer
        assert sent(port, WHOLE).endswith(b"\r\n\r\n5")


def test_so_many_headers_are_refused_and_not_kept() -> None:
    with served(headers=20) as (port, _):
        assert sent(port, b"GET / HTTP/1.1\r\n" + b"X: x\r\n" * 21 + b"\r\n").startswith(b"HTTP/1.1 431 ")
        assert b" 200 " in sent(port, b"GET / HTTP/1.1\r\nConnection: close\r\n" + b"X: x\r\n" * 19 + b"\r\n")


@pytest.mark.parametrize(
    ("data", "told", "reason"),
    [
        (b"", b"", "slow-head"),
        (b"\r\n", b"", "slow-head"),
        (b"GET / HTTP/1.1\r\nHost", b"HTTP/1.1 408 ", "slow-head"),
        (b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhell", b"HTTP/1.1 408 ", "slow-body"),
    ],
    ids=["nothing", "an empty line", "half a head", "half a body"],
)
def test_who_does_not_go_on_is_let_go(data: bytes, told: bytes, reason: str) -> None:
    with served(header_seconds=0.3, body_seconds=0.3) as (port, shedding):
        assert sent(port, data).startswith(told)  # returns once the server has closed
        assert shedding.lately() == [reason]


def test_after_an_answer_the_next_head_has_its_deadline_too() -> None:
    with served(header_seconds=0.3) as (port, shedding), connected(port) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HT")
        assert b" 408 " in answered(connection)
        assert shedding.lately() == ["slow-head"]


def test_over_the_cap_the_one_that_has_idled_longest_makes_room() -> None:
    with served(connections=5) as (port, shedding):
        idle = [connected(port) for _ in range(12)]
        for connection in idle[:7]:
            assert answered(connection) == b""
        assert sent(port, WHOLE).endswith(b"\r\n\r\n5")
        assert shedding.lately() == ["connections"]
        for connection in idle:
            connection.close()


def test_where_all_are_at_work_one_more_is_refused() -> None:
    with served(connections=2) as (port, _):
        busy = [connected(port) for _ in range(2)]
        for connection in busy:
            connection.sendall(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
            assert b"100" in connection.recv(100)  # it is being served
        assert sent(port, WHOLE).startswith(b"HTTP/1.1 503 ")
        for connection in busy:
            connection.sendall(b"hello")
            assert b" 200 " in connection.recv(1000)
            connection.close()


# admission


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service that two large bodies fill."""
    home = tmp_path_factory.mktemp("small")
    with running(settings_for(home, max_pending_bytes=1_000_000, max_pending=3)) as started:
        yield started


def bodied(service: Running) -> list[tuple[str, str]]:
    """The methods and paths of all routes that may have a body."""
    return [(method, route.path) for route in found(service.app) for method in sorted(route.methods & set(BODIED))]


def found(router: Any) -> Iterator[APIRoute]:
    for route in router.routes:
        if isinstance(route, APIRoute):
            yield route
        elif hasattr(route, "original_router"):
            yield from found(route.original_router)


def asked(service: Running, method: str, path: str, *headers: str) -> socket.socket:
    """A request whose head has come and whose body never does."""
    connection = connected(int(service.url.rsplit(":", 1)[1]))
    lines = "".join(f"{header}\r\n" for header in headers)
    path = path.replace("{", "").replace("}", "")
    connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{PROMISED}{lines}\r\n".encode())
    return connection


SIGN_IN = ("/review/login", "/review/login/code")
"""Nobody is known before these; they have a cap of their own."""


def test_no_route_waits_for_the_body_of_one_without_a_key(small: Running) -> None:
    routes = bodied(small)
    assert len(routes) > 15
    for method, path in routes:
        if path in SIGN_IN:
            continue
        with asked(small, method, path) as connection:
            status = answered(connection).split(b" ", 2)[1]
            assert status in (b"401", b"403", b"404", b"303"), (method, path, status)
    for path in SIGN_IN:
        with asked(small, "POST", path) as connection:
            assert answered(connection).startswith(b"HTTP/1.1 413 ")


def test_sockets_without_a_key_refuse_nobody(small: Running) -> None:
    paths = ("/screen", "/unscreened", "/passes/verify", "/screenings/x/appeal", "/review/login")
    open_ones = [asked(small, "POST", path, "Authorization: Bearer nobody") for path in paths * 8]
    try:
        draft = {"support_id": "GG-1", "subject": "x", "body": "Your order is late.", "mode": "preview"}
        assert small.client.post("/screen", json=draft).status_code == 200
        assert "shedding" not in small.client.get("/readyz").json()
    finally:
        for connection in open_ones:
            connection.close()


def test_readiness_tells_what_is_shed(small: Running) -> None:
    key = f"Authorization: {small.client.headers['authorization']}"
    taken = [asked(small, "POST", "/screen", key) for _ in range(2)]
    pressure = small.services.shedding
    try:
        with asked(small, "POST", "/screen", key) as third:
            assert b" 503 " in answered(third)
        ready = small.client.get("/readyz")
        assert (ready.status_code, ready.json()["shedding"]) == (200, ["bytes"])
        assert 'screening_shed_total{reason="bytes"} ' in small.client.get("/metrics").text
        assert pressure.lately() == ["bytes"]
    finally:
        for connection in taken:
            connection.close()


def test_a_slot_counts_once_it_is_taken_and_until_it_is_released() -> None:
    pressure = BackPressure(2, 1000, Shedding())
    first, second, third = (Slot(pressure, 600) for _ in range(3))
    first.take()
    first.take()
    assert (pressure.pending, pressure.bytes) == (1, 600)
    with pytest.raises(ServiceError) as refused:
        second.take()
    assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "1"})
    second.release()
    first.release()
    third.take()
    third.release()
    assert (pressure.pending, pressure.bytes) == (0, 0)


def test_what_is_shed_is_logged_once_and_then_by_count(caplog: pytest.LogCaptureFixture) -> None:
    now, counted = [0.0], list[str]()
    shedding = Shedding(counted=counted.append, clock=lambda: now[0])
    with caplog.at_level("WARNING", "screening"):
        for _ in range(50):
            shedding.note("bytes")
        now[0] = 61
        shedding.note("bytes")
    said = [record.fields for record in caplog.records if record.msg == "shedding"]  # type: ignore[attr-defined]
    assert said == [{"reason": "bytes", "count": 1}, {"reason": "bytes", "count": 50}]
    assert len(counted) == 51
    assert shedding.lately() == ["bytes"]
    now[0] = 72
    assert shedding.lately() == []
