"""Whatever JSON is sent to whatever endpoint: an answer or a clear refusal, and never an error of ours."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.service.drafts import ALLOWED, BLOCKED, WARNED
from tests.service.running import Running, running, settings_for

PLACES = [
    ("POST", "/screen"), ("POST", "/screen/batch"), ("POST", "/passes/verify"), ("POST", "/unscreened"),
    ("POST", "/screenings/{id}/acknowledge"), ("POST", "/screenings/{id}/appeal"),
    ("POST", "/screenings/{id}/withdraw"),
]  # fmt: skip
NAMES = (
    "support_id", "subject", "body", "mode", "order", "merchant_id", "offset_encoding", "previous_screening_id",
    "drafts", "token", "message", "reason", "acknowledged_by", "cancelled_by", "status", "sent_at", "context",
    "customer_message", "received_at", "other",
)  # fmt: skip
words = st.one_of(
    st.text(max_size=60),
    st.sampled_from(["send", "preview", "customer", "reply", "utf-8", "utf-16", "", "\0", "💥", "a" * 32]),
    st.sampled_from([ALLOWED["body"], BLOCKED["body"], WARNED["body"]]),
)  # fmt: skip
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES) | words, inner, max_size=5),
    max_leaves=12,
)
drafts = st.fixed_dictionaries(
    {"support_id": words, "subject": words, "body": words},
    optional={
        name: words | st.none() | st.dictionaries(st.sampled_from(NAMES), words, max_size=2) for name in NAMES[3:]
    },
)
bodies = st.one_of(
    values.map(lambda value: json.dumps(value).encode()),
    drafts.map(lambda draft: json.dumps(draft).encode()),
    st.lists(drafts | values, max_size=3).map(lambda found: json.dumps({"drafts": found}).encode()),
    st.binary(max_size=60),
    drafts.map(lambda draft: json.dumps(draft, ensure_ascii=False).encode("utf-8", "surrogatepass")[:-1]),
)
keys = st.text(st.characters(min_codepoint=33, max_codepoint=126) | st.characters(min_codepoint=161), max_size=5)
"""Without control characters: those are no HTTP, and the server's parser refuses the whole request."""


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(settings_for(tmp_path_factory.mktemp("fuzz"), rate_per_minute=0)) as started:
        yield started


@settings(
    max_examples=250,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(place=st.sampled_from(PLACES), raw=bodies, known=st.booleans(), key=st.none() | keys)
def test_no_body_makes_an_error_of_ours(
    fuzzed: Running, place: tuple[str, str], raw: bytes, known: bool, key: str | None
) -> None:
    method, path = place
    at = path.replace("{id}", _warned(fuzzed) if known else "f" * 32)
    headers: dict[str, Any] = {"content-type": "application/json"}
    if key is not None:
        headers["idempotency-key"] = key.encode("utf-8", "replace")
    response = fuzzed.client.request(method, at, content=raw, headers=headers)
    assert response.status_code < 500, response.text
    if response.status_code >= 400:
        assert response.json()["status"] == response.status_code
        assert response.json()["detail"]


@settings(max_examples=80, deadline=None, derandomize=True)
@given(word=st.text(max_size=40))
def test_no_address_makes_an_error_of_ours(fuzzed: Running, word: str) -> None:
    from urllib.parse import quote

    told = quote(word, safe="", errors="replace")
    for path in (
        f"/screenings/{told}",
        f"/screenings/{told}?offset_encoding={told}",
        f"/reply-deadline?received_at={told}",
    ):
        response = fuzzed.client.get(path)
        assert response.status_code < 500, response.text


def _warned(fuzzed: Running) -> str:
    return str(fuzzed.screen(WARNED, {"Idempotency-Key": "the-warned"})["screening_id"])
