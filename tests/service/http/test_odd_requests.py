"""Requests that no honest client sends: odd methods and headers, many at once on one connection, half-closed sockets,
deep and doubled JSON, passes that were tampered with, and many hands on one screening at once.
"""

import json
import re
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.passes import from_base64url, to_base64url
from tests.service.drafts import ALLOWED, BLOCKED, WARNED
from tests.service.http.test_connections import answered, found
from tests.service.running import Running, running, settings_for

METHODS = ("HEAD", "OPTIONS", "TRACE", "PUT", "PATCH", "DELETE", "PROPFIND", "GET", "POST")
HANDS = 16


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(settings_for(tmp_path_factory.mktemp("odd"), rate_per_minute=0)) as started:
        yield started


def raw(service: Running, data: bytes, *, half_closed: bool = False) -> bytes:
    """What these bytes are answered on a connection of their own."""
    with socket.create_connection(("127.0.0.1", httpx.URL(service.url).port or 0), timeout=60) as connection:
        connection.sendall(data)
        if half_closed:
            connection.shutdown(socket.SHUT_WR)
        return answered(connection)


def request(service: Running, draft: dict[str, Any], *extra: str, close: bool = True) -> bytes:
    body = json.dumps(draft).encode()
    lines = [
        "POST /screen HTTP/1.1", "Host: x", f"Authorization: {service.client.headers['authorization']}",
        "Content-Type: application/json", f"Content-Length: {len(body)}", *extra,
    ]  # fmt: skip
    return "\r\n".join([*lines, *(["Connection: close"] if close else []), "", ""]).encode() + body


def paths(service: Running) -> list[str]:
    """Every path of the app, with something in its places."""
    asked = {re.sub(r"\{\w+(:\w+)?\}", "x%00y", route.path) for route in found(service.app)}
    return sorted(asked | {"/", "//", "/%2e%2e/%2e%2e/etc", "/%00"})


def test_no_method_on_any_route_makes_an_error_of_ours(odd: Running) -> None:
    seen = Counter[int]()
    for path in paths(odd):
        for method in METHODS:
            answer = odd.client.request(method, path, headers={"accept": "application/json"})
            assert answer.status_code < 500, (method, path, answer.text)
            if answer.status_code == 405:
                assert answer.headers["allow"], (method, path)
            seen[answer.status_code] += 1
    assert seen[405] > 100


@pytest.mark.parametrize(
    ("extra", "status"),
    [
        ("Range: bytes=0-10", b"200"),
        ("Expect: 100-continue", b"200"),
        ("Expect: the-moon", b"200"),
        ("Transfer-Encoding: chunked", b"400"),  # with a Content-Length: two lengths, one request smuggled
        ("Content-Length: 3", b"400"),
        ("Content-Encoding: gzip", b"415"),
        ("Content-Encoding: gzip, identity", b"415"),
        ("Upgrade: websocket\r\nConnection: upgrade", b"422"),  # there is no other protocol, and no body in it
        ("X-Request-Id: " + "a" * 2000, b"200"),
        ("Idempotency-Key: ", b"422"),
        ("X-Folded: a\r\n b", b"400"),
        ("Host: y", b"200"),
    ],
)
def test_a_header_that_asks_for_something_else_changes_nothing(odd: Running, extra: str, status: bytes) -> None:
    told = raw(odd, request(odd, {**BLOCKED, "mode": "preview"}, extra))
    final = told.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert final.startswith(b"HTTP/1.1 " + status), told[:300]
    if status == b"200":
        assert json.loads(final.partition(b"\r\n\r\n")[2])["decision"] == "block"


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /screen HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /screen HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST /screen HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        b"POST /screen HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    ],
)
def test_what_is_no_http_ends_its_own_connection_alone(odd: Running, data: bytes) -> None:
    told = raw(odd, data, half_closed=True)
    assert told == b"" or re.match(rb"HTTP/1\.1 4\d\d ", told), told[:200]
    assert odd.screen(ALLOWED, mode="preview")["decision"] == "allow"


def test_many_requests_at_once_on_one_connection_are_answered_in_order(odd: Running) -> None:
    drafts = [ALLOWED, BLOCKED, WARNED] * 40
    last = len(drafts) - 1
    many = b"".join(request(odd, {**d, "mode": "preview"}, close=n == last) for n, d in enumerate(drafts))
    told = raw(odd, many)
    decisions = re.findall(rb'"decision":"(\w+)"', told)
    assert decisions == [b"allow", b"block", b"warn"] * 40


def test_who_closes_their_own_half_is_answered_all_the_same_or_not_counted(odd: Running) -> None:
    told = raw(odd, request(odd, {**BLOCKED, "mode": "preview"}), half_closed=True)
    assert told == b"" or b'"decision":"block"' in told
    cut = request(odd, BLOCKED)[:-20]
    for _ in range(30):
        raw(odd, cut, half_closed=True)
    assert odd.services.writer.depth == 0
    assert odd.screen(ALLOWED, mode="preview")["decision"] == "allow"


BODIES = {
    "arrays in arrays": b"[" * 100_000,
    "objects in objects": b'{"a":' * 100_000,
    "an order that nests": b'{"support_id":"a","subject":"b","body":"c","order":' + b"[" * 50_000,
    "a huge number": b'{"support_id":"a","subject":"b","body":' + b"9" * 100_000 + b"}",
    "an exponent": b'{"support_id":"a","subject":"b","body":1e999999999}',
    "a lone surrogate": b'{"support_id":"a","subject":"\\ud800","body":"c"}',
    "bytes that are no UTF-8": b'{"support_id":"a","subject":"\xff\xfe","body":"c"}',
    "UTF-16": '{"support_id":"a","subject":"b","body":"c"}'.encode("utf-16"),
    "a BOM": b"\xef\xbb\xbf" + json.dumps(ALLOWED).encode(),
    "NaN": b'{"support_id":"a","subject":"b","body":NaN}',
    "nothing": b"",
    "a form": b"support_id=a&subject=b&body=c",
}


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("path", ["/screen", "/screen/batch", "/passes/redeem", "/unscreened"])
def test_a_body_that_no_client_writes_is_a_422(odd: Running, kind: str, path: str) -> None:
    answer = odd.client.post(path, content=BODIES[kind], headers={"content-type": "application/json"})
    if path == "/unscreened" and kind in ("UTF-16", "a BOM"):
        assert answer.status_code == 202  # read by a more patient reader: what went out is to be noted
        return
    assert answer.status_code in (400, 422), (answer.status_code, answer.text[:200])
    assert answer.json()["detail"]


def test_of_a_name_that_comes_twice_one_value_is_judged_stored_and_bound(odd: Running) -> None:
    """No caller may show us one text and have another one signed: the last value counts, for all of it."""
    draft = json.dumps(ALLOWED)[:-1] + ', "body": ' + json.dumps(BLOCKED["body"]) + "}"
    answer = odd.client.post("/screen", content=draft, headers={"content-type": "application/json"}).json()
    assert (answer["decision"], answer["pass"]) == ("block", None)
    stored = odd.client.get(f"/screenings/{answer['screening_id']}").json()
    assert stored["draft"]["body"] == BLOCKED["body"]


def test_a_pair_of_escaped_surrogates_is_one_character(odd: Running) -> None:
    body = BLOCKED["body"] + " \U0001f600"
    draft = {**BLOCKED, "body": body, "mode": "preview"}
    escaped = odd.client.post("/screen", content=json.dumps(draft)).json()
    plain = odd.client.post("/screen", content=json.dumps(draft, ensure_ascii=False).encode()).json()
    assert escaped == plain


@pytest.mark.parametrize("field", ["support_id", "subject", "body", "merchant_id", "customer_message"])
def test_a_nul_in_any_field_is_stored_and_found_again_or_refused(service: Running, field: str) -> None:
    draft = {
        **BLOCKED,
        "context": "reply",
        "merchant_id": "m",
        "customer_message": "Hello",
        field: "a\0b " + BLOCKED["body"],
    }
    draft[field] = draft[field][:100]
    answer = service.client.post("/screen", json=draft)
    assert answer.status_code in (200, 422), answer.text
    if answer.status_code == 200:
        stored = service.client.get(f"/screenings/{answer.json()['screening_id']}")
        assert stored.status_code == 200


def test_a_batch_of_too_many_or_too_large_is_refused_whole(odd: Running) -> None:
    many = odd.client.post("/screen/batch", json={"drafts": [ALLOWED] * 101})
    assert many.status_code == 422
    large = odd.client.post("/screen/batch", json={"drafts": [{**ALLOWED, "body": "x" * 150_000}] * 60})
    assert large.status_code == 413
    assert odd.services.writer.depth == 0


# passes


def parts_of(token: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    header, payload, signature = token.split(".")
    return json.loads(from_base64url(header)), json.loads(from_base64url(payload)), signature


def token_of(header: Any, payload: Any, signature: str) -> str:
    return ".".join([to_base64url(json.dumps(part).encode()) for part in (header, payload)] + [signature])


def test_a_pass_with_another_header_payload_or_signature_is_good_for_nothing(odd: Running) -> None:
    granted = str(odd.screen(ALLOWED)["pass"])
    header, payload, signature = parts_of(granted)
    public = odd.client.get("/passes/keys").json()["keys"][0]
    mine = Ed25519PrivateKey.generate()
    headers: list[Any] = [
        *({**header, "alg": alg} for alg in ("none", "None", "HS256", "ES256", "eddsa", "Ed25519", "", None, 5, ["a"])),
        *({**header, "kid": kid} for kid in ("", "x", "../../etc/passwd", None, 5, ["a"], {"a": 1}, public["x"])),
        {**header, "crit": ["exp"], "jwk": public}, {**header, "b64": False}, {}, [], None, "EdDSA",
    ]  # fmt: skip
    payloads: list[Any] = [
        *({**payload, "exp": moment} for moment in (payload["exp"] + 1, 1e300, None, "9", -1)),
        {**payload, "dec": "allow", "ack": True}, {**payload, "sid": "0" * 32}, {**payload, "iss": "x"}, {}, [], None,
    ]  # fmt: skip
    signed = granted.rpartition(".")[0]
    raw_signature = from_base64url(signature)
    order = 2**252 + 27742317777372353535851937790883648493
    scalar = int.from_bytes(raw_signature[32:], "little") + order  # the same point: RFC 8032 refuses it
    signatures = [
        "", "A", signature[:-1], signature + "A", signature + "=", signature + "!", "\n" + signature, signature[::-1],
        signature[:-1] + chr(ord(signature[-1]) + 1), f" {signature}", signature[:9] + "*" + signature[9:],
        to_base64url(raw_signature[:32] + scalar.to_bytes(32, "little")), to_base64url(b"\0" * 64),
        to_base64url(mine.sign(signed.encode())), f"{signature}.{signature}",
    ]  # fmt: skip
    forged = [
        *(token_of(one, payload, signature) for one in headers),
        *(token_of(header, one, signature) for one in payloads),
        *(f"{signed}.{one}" for one in signatures),
        *(granted.replace(".", one, 1) for one in ("", "..", ".\0.", "%2e")),
        granted.upper(), granted + ".", "." + granted, "..", ".", "", "a.b.c", "💥", "e30.e30.e30",
    ]  # fmt: skip
    for token in forged:
        for path in ("/passes/verify", "/passes/redeem"):
            answer = odd.client.post(path, json={"token": token, **ALLOWED})
            assert answer.status_code in (200, 422), (token, answer.text)
            assert not answer.json().get("valid"), token
    assert odd.client.post("/passes/redeem", json={"token": granted, **ALLOWED}).json()["valid"]  # nothing spent it


# many hands


def at_once(asks: list[Callable[[], httpx.Response]]) -> list[httpx.Response]:
    """All asked at the same moment."""
    start = threading.Barrier(len(asks))

    def ask(one: Callable[[], httpx.Response]) -> httpx.Response:
        start.wait(60)
        return one()

    with ThreadPoolExecutor(len(asks)) as hands:
        return list(hands.map(ask, asks))


def test_of_many_who_redeem_at_once_one_has_it(service: Running) -> None:
    token = {"token": service.screen(ALLOWED)["pass"], **ALLOWED}
    answers = at_once([lambda: service.client.post("/passes/redeem", json=token)] * HANDS)
    assert Counter(answer.status_code for answer in answers) == {200: HANDS}
    assert Counter(answer.json()["reason"] for answer in answers) == {None: 1, "spent": HANDS - 1}


def test_many_who_withdraw_and_redeem_at_once_agree_in_the_end(service: Running) -> None:
    screened = service.screen(ALLOWED)
    token = {"token": screened["pass"], **ALLOWED}
    at = f"/screenings/{screened['screening_id']}"
    redeem: Callable[[], httpx.Response] = lambda: service.client.post("/passes/redeem", json=token)  # noqa: E731
    withdraw: Callable[[], httpx.Response] = lambda: service.client.post(f"{at}/withdraw")  # noqa: E731
    answers = at_once([redeem, withdraw] * (HANDS // 2))
    assert all(answer.status_code < 500 for answer in answers), [answer.text for answer in answers]
    assert sum(answer.json().get("valid") is True for answer in answers[::2]) <= 1
    last = service.client.post("/passes/redeem", json=token).json()
    assert (last["valid"], last["reason"] in ("revoked", "spent")) == (False, True)
    assert not service.client.post("/passes/verify", json=token).json()["valid"]


def test_many_who_appeal_acknowledge_and_withdraw_at_once_leave_one_state(service: Running) -> None:
    for draft in (BLOCKED, WARNED):
        at = f"/screenings/{service.screen(draft)['screening_id']}"
        steps: list[tuple[str, dict[str, Any]]] = [
            ("appeal", {"message": "Please look."}),
            ("acknowledge", {"reason": "asked for", "acknowledged_by": "sam"}),
            ("withdraw", {}),
        ]
        asks: list[Callable[[], httpx.Response]] = [
            lambda step=step, body=body: service.client.post(f"{at}/{step}", json=body)  # type: ignore[misc] # noqa: B023
            for step, body in steps * (HANDS // 3)
        ]
        answers = at_once(asks)
        assert all(answer.status_code < 500 for answer in answers), [answer.text for answer in answers]
        stored = service.client.get(at).json()
        assert stored["pass"] is None  # it was withdrawn, whoever came first
        for path, body in steps[:2]:
            assert service.client.post(f"{at}/{path}", json=body).status_code in (200, 409, 422)
        assert service.client.get(at).json()["pass"] is None


def test_two_services_on_one_sqlite_file_share_what_they_are_sent(tmp_path: Path) -> None:
    shared = settings_for(tmp_path, rate_per_minute=0)
    with running(shared) as one, running(shared) as other:
        other.client.headers.update(one.client.headers)
        asks: list[Callable[[], httpx.Response]] = [
            lambda service=service, key=key: service.client.post(  # type: ignore[misc]
                "/screen", json=ALLOWED, headers={"Idempotency-Key": f"both-{key}"}
            )
            for key in range(HANDS // 2)
            for service in (one, other)
        ]
        answers = at_once(asks)
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.json()["screening_id"] for answer in answers}) == HANDS // 2
        token = {"token": answers[0].json()["pass"], **ALLOWED}
        spent = at_once(
            [lambda service=service: service.client.post("/passes/redeem", json=token) for service in (one, other)]  # type: ignore[misc]
        )
        assert sorted(str(answer.json()["reason"]) for answer in spent) == ["None", "spent"]
