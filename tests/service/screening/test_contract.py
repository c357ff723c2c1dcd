"""The contract over real HTTP, line by line, on SQLite and on PostgreSQL."""

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from classifier import LABELS
from service.http.api_keys import KEY_CACHE_SECONDS
from tests.service.drafts import ALLOWED, BLOCKED, WARNED
from tests.service.running import Running, running, settings_for

PROBLEM = "application/problem+json"
ANSWERED = {
    "screening_id", "decision", "labels", "findings", "reminders", "pass", "model_version", "rules_version",
    "policy_version", "language", "complete", "encoder",
}  # fmt: skip
FOUND = {
    "id", "label", "severity", "field", "start", "end", "text", "message", "guidance", "policy_ref", "replacement",
    "replace_start", "replace_end", "witness",
}  # fmt: skip


def assert_problem(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    body: dict[str, Any] = response.json()
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    return body


@pytest.mark.parametrize(("draft", "decision"), [(BLOCKED, "block"), (ALLOWED, "allow"), (WARNED, "warn")])
def test_a_send_is_answered_in_the_words_of_the_contract(service: Running, draft: Any, decision: str) -> None:
    answer = service.screen(draft)
    assert answer.keys() >= ANSWERED
    assert answer["decision"] == decision
    assert [entry["label"] for entry in answer["labels"]] == list(LABELS)
    assert all(entry.keys() == {"label", "probability", "asserted", "policy"} for entry in answer["labels"])
    assert all(finding.keys() >= FOUND for finding in answer["findings"])
    assert answer["reminders"][0]["id"] == "reply-within-one-business-day"
    assert (answer["pass"] is not None) == (decision == "allow")
    assert isinstance(answer["screening_id"], str)


def test_a_preview_stores_nothing_and_gives_no_pass(service: Running) -> None:
    def stored() -> int:
        from sqlalchemy import func, select

        from service.storage.tables.screenings import ScreeningRow

        with service.services.database.reading() as session:
            return session.scalar(select(func.count()).select_from(ScreeningRow)) or 0

    before = stored()
    answer = service.screen(ALLOWED, mode="preview")
    assert answer["decision"] == "allow"
    assert answer["screening_id"] is None
    assert answer["pass"] is None
    assert stored() == before


def test_preview_and_send_judge_alike(service: Running) -> None:
    sent, seen = service.screen(BLOCKED), service.screen(BLOCKED, mode="preview")
    assert {**sent, "screening_id": None} == seen


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8", None])
def test_offsets_count_in_the_unit_that_was_asked_for(service: Running, encoding: str | None) -> None:
    draft = {**BLOCKED, "body": "👩‍🎨 Grüße! " + BLOCKED["body"]}
    answer = service.screen(draft, **({"offset_encoding": encoding} if encoding else {}))
    placed = [finding for finding in answer["findings"] if finding["start"] is not None]
    assert placed
    for finding in placed:
        text = draft[finding["field"]]
        if encoding == "utf-32":
            found = text[finding["start"] : finding["end"]]
        elif encoding == "utf-8":
            found = text.encode()[finding["start"] : finding["end"]].decode()
        else:
            raw = text.encode("utf-16-le")
            found = raw[2 * finding["start"] : 2 * finding["end"]].decode("utf-16-le")
        assert found == finding["text"]
        assert finding["replace_start"] is None or finding["replace_start"] <= finding["start"]


def test_a_replacement_replaces_the_whole_sentence(service: Running) -> None:
    answer = service.screen(BLOCKED, offset_encoding="utf-32")
    finding = next(finding for finding in answer["findings"] if finding["replacement"])
    body = BLOCKED["body"]
    changed = body[: finding["replace_start"]] + finding["replacement"] + body[finding["replace_end"] :]
    assert "instead" not in changed
    assert service.screen({**BLOCKED, "body": changed})["decision"] != "block"


def test_the_order_that_the_caller_tells_feeds_the_verdict(service: Running) -> None:
    draft = {**WARNED, "body": "Your order was cancelled. You can order it again here whenever you like."}
    told = service.screen(draft, order={"cancelled_by": "customer", "status": "cancelled"})
    assert told["order"] == {"state": "told", "cancelled_by": "customer", "status": "cancelled"}
    chance = {e["label"]: e["probability"] for e in told["labels"]}["cancellation_probing"]
    merchant = service.screen(draft, order={"cancelled_by": "merchant", "status": None})
    assert {e["label"]: e["probability"] for e in merchant["labels"]}["cancellation_probing"] == 0.0 < chance


def test_a_malformed_support_id_is_a_finding_with_its_place(service: Running) -> None:
    answer = service.screen({**ALLOWED, "support_id": "order 5"})
    finding = next(f for f in answer["findings"] if f["field"] == "support_id")
    assert (answer["decision"], finding["severity"], finding["label"]) == ("warn", "warn", None)
    assert (finding["start"], finding["end"], finding["text"]) == (0, 7, "order 5")


STRANGE = [
    "", " ", "\0", "a\0b", "\x01\x02\x1b[31m", "\r\n\t", "\ufeff", "\u202e" + "abc", "a" * 100_000, "💥" * 20_000,
    "ab " * 33_000, "\ud7ff\ue000\uffff", "<script>alert(1)</script>", "%s %d {} {0}", "e\u0301" * 500,
]  # fmt: skip


@pytest.mark.parametrize("text", STRANGE, ids=range(len(STRANGE)))
@pytest.mark.parametrize("mode", ["preview", "send"])
def test_any_string_in_any_field_gives_a_verdict_or_a_clear_refusal(service: Running, text: str, mode: str) -> None:
    for field in ("support_id", "subject", "body"):
        response = service.client.post("/screen", json={**ALLOWED, field: text, "mode": mode})
        if response.status_code != 200:
            assert field in assert_problem(response, 422)["detail"]
        elif mode == "send":
            stored = service.client.get(f"/screenings/{response.json()['screening_id']}").json()
            assert stored["draft"][field] == text


@pytest.mark.parametrize("field", ["support_id", "subject", "body", "merchant_id"])
@pytest.mark.parametrize("escape", [r"\ud800", r"\udc00", r"a\ud83d b"])
def test_a_lone_surrogate_is_refused(service: Running, field: str, escape: str) -> None:
    raw = json.dumps({**ALLOWED, "merchant_id": "m", field: "MARK"}).replace("MARK", escape)
    response = service.client.post("/screen", content=raw.encode())
    assert assert_problem(response, 422)["errors"][0]["field"] == "request"  # not `body`, which is one of the fields


@pytest.mark.parametrize("path", ["/screen", "/screen/batch", "/passes/verify", "/unscreened"])
def test_what_is_no_json_is_refused_as_the_whole_request(service: Running, path: str) -> None:
    response = service.client.post(path, content=b'{"body": ', headers={"content-type": "application/json"})
    (error,) = assert_problem(response, 422)["errors"]
    assert error["field"] == "request"
    assert error["message"].startswith("Invalid JSON: ")


WRONG = [
    ({"body": None}, "body"), ({"body": 5}, "body"), ({"subject": ["a"]}, "subject"), ({"mode": "later"}, "mode"),
    ({"offset_encoding": "latin-1"}, "offset_encoding"), ({"order": {"cancelled_by": "nobody"}}, "order.cancelled_by"),
    ({"order": "x"}, "order"), ({"unknown": 1}, "unknown"), ({"merchant_id": "a\0"}, "merchant_id"),
    ({"body": "a" * 200_001}, "body"), ({"previous_screening_id": "none"}, "previous_screening_id"),
    ({"Would you take green?": 1}, "(no name)"),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "field"), WRONG, ids=[field for _, field in WRONG])
def test_an_invalid_request_is_a_422_that_names_the_field(service: Running, changed: Any, field: str) -> None:
    secret = "12 Elm Street"
    draft = {**ALLOWED, "subject": secret, **changed}
    body = assert_problem(service.client.post("/screen", json=draft), 422)
    assert body["errors"][0]["field"] == field
    assert secret not in json.dumps(body)


@pytest.mark.parametrize("missing", ["support_id", "subject", "body"])
def test_a_missing_field_is_named(service: Running, missing: str) -> None:
    draft = {name: value for name, value in ALLOWED.items() if name != missing}
    assert assert_problem(service.client.post("/screen", json=draft), 422)["errors"][0]["field"] == missing


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"support_id": NaN}', b'"text"'])
@pytest.mark.parametrize("path", ["/screen", "/screen/batch", "/passes/verify", "/unscreened"])
def test_a_body_that_is_no_such_json_is_a_422(service: Running, raw: bytes, path: str) -> None:
    headers = {"content-type": "application/json"}
    assert_problem(service.client.post(path, content=raw, headers=headers), 422)


def test_without_a_key_nothing_is_screened(service: Running) -> None:
    with httpx.Client(base_url=service.url) as nobody:
        for headers in ({}, {"Authorization": "Bearer gs_00000000_x"}, {"Authorization": "Basic eDp5"}):
            response = nobody.post("/screen", json=ALLOWED, headers=headers)
            assert_problem(response, 401)
            assert response.headers["www-authenticate"] == "Bearer"


def test_a_key_without_the_right_is_a_403(service: Running) -> None:
    response = service.client.post("/screen", json=ALLOWED, headers=service.key("review-export"))
    assert "screen" in assert_problem(response, 403)["detail"]


def test_an_expired_key_is_a_401(service: Running) -> None:
    key = service.key("screen", expires=datetime.now(UTC) - timedelta(seconds=1))
    assert_problem(service.client.post("/screen", json=ALLOWED, headers=key), 401)


def test_the_same_idempotency_key_and_draft_give_the_same_screening(service: Running) -> None:
    headers = {"Idempotency-Key": "order-1"}
    first = service.screen(ALLOWED, headers)
    assert service.screen(ALLOWED, headers) == first


def test_the_same_idempotency_key_with_another_draft_is_a_409(service: Running) -> None:
    headers = {"Idempotency-Key": "order-2"}
    service.screen(ALLOWED, headers)
    assert_problem(service.client.post("/screen", json=BLOCKED, headers=headers), 409)


def test_an_idempotency_key_belongs_to_its_caller(service: Running) -> None:
    headers = {"Idempotency-Key": "order-3"}
    mine = service.screen(ALLOWED, headers)
    other = service.screen(ALLOWED, {**headers, **service.key("screen", caller="shop")})
    assert mine["screening_id"] != other["screening_id"]


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "é"])
def test_an_idempotency_key_that_is_none_is_a_422(service: Running, key: str) -> None:
    response = service.client.post("/screen", json=ALLOWED, headers={"Idempotency-Key": key.encode()})  # type: ignore[dict-item]
    assert_problem(response, 422)


def test_too_large_is_a_413(service: Running) -> None:
    assert_problem(service.client.post("/screen", content=b" " * 1_000_001), 413)


def test_too_large_in_pieces_is_a_413(service: Running) -> None:
    pieces = (b" " * 100_000 for _ in range(12))
    assert_problem(service.client.post("/screen", content=pieces), 413)


def test_a_batch_is_answered_in_order_each_by_itself(service: Running) -> None:
    drafts = [BLOCKED, {**ALLOWED, "body": 5}, ALLOWED, WARNED, {**ALLOWED, "mode": "preview"}]
    answers = service.client.post("/screen/batch", json={"drafts": drafts}).json()["answers"]
    assert [answer.get("decision") for answer in answers] == ["block", None, "allow", "warn", "allow"]
    assert answers[1]["errors"][0]["field"] == "drafts.1.body"
    assert answers[4]["screening_id"] is None
    single = service.screen(BLOCKED)
    assert {**answers[0], "screening_id": single["screening_id"]} == single


@pytest.mark.parametrize("count", [0, 101])
def test_a_batch_holds_1_to_100_drafts(service: Running, count: int) -> None:
    response = service.client.post("/screen/batch", json={"drafts": [ALLOWED] * count})
    assert assert_problem(response, 422)["errors"][0]["field"] == "drafts"


def test_a_batch_of_100_is_kept(service: Running) -> None:
    answers = service.client.post("/screen/batch", json={"drafts": [ALLOWED] * 100}).json()["answers"]
    assert len({answer["screening_id"] for answer in answers}) == 100


def test_the_key_of_a_batch_leaves_room_for_the_number_of_each_draft(service: Running) -> None:
    batch = {"drafts": [ALLOWED]}
    longest = {"Idempotency-Key": "k" * 250}
    assert "decision" in service.client.post("/screen/batch", json=batch, headers=longest).json()["answers"][0]
    assert_problem(service.client.post("/screen/batch", json=batch, headers={"Idempotency-Key": "k" * 251}), 422)


def test_a_batch_may_be_repeated(service: Running) -> None:
    headers = {"Idempotency-Key": "batch-1"}
    first, second = (
        service.client.post("/screen/batch", json={"drafts": [ALLOWED, BLOCKED]}, headers=headers).json()
        for _ in range(2)
    )
    assert first == second


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_the_service_says_that_it_is_well(service: Running, path: str) -> None:
    assert service.client.get(path).status_code == 200


def test_the_policy_says_what_is_enforced(service: Running) -> None:
    policy = service.client.get("/policy").json()
    assert {e["label"]: e["policy"] for e in policy["labels"]}["substitute_offer"] == "prohibited"
    assert policy["version"] == service.screen(ALLOWED)["policy_version"]


def test_the_metrics_count_what_was_decided(service: Running) -> None:
    service.screen(BLOCKED)
    text = service.client.get("/metrics").text
    assert 'screening_decisions_total{decision="block",mode="send"}' in text
    assert "screening_cases_open" in text
    assert "screening_cases_oldest_seconds" in text
    assert 'screening_model{version="' in text
    assert "mug" not in text


@pytest.mark.parametrize(("path", "status"), [("/nowhere", 404), ("/screen", 405), ("/screenings/x", 404)])
def test_errors_of_the_way_are_problems_too(service: Running, path: str, status: int) -> None:
    assert_problem(service.client.get(path), status)


def test_the_reply_deadline_is_one_business_day_later(service: Running) -> None:
    answer = service.client.get("/reply-deadline", params={"received_at": "2026-11-25T15:00:00-06:00"}).json()
    assert answer["reply_by"] == "2026-11-27T15:00:00-06:00"  # the 26th is Thanksgiving


@pytest.mark.parametrize("moment", ["yesterday", "9999-12-31T23:00:00Z", ""])
def test_a_moment_that_cannot_be_reckoned_with_is_a_422(service: Running, moment: str) -> None:
    assert_problem(service.client.get("/reply-deadline", params={"received_at": moment}), 422)


def test_while_the_database_is_gone_previews_go_on_and_sends_are_503(tmp_path: Path) -> None:
    with running(settings_for(tmp_path)) as service:
        kept = service.screen(ALLOWED)
        database = service.services.database
        assert database.file is not None
        away = database.file.with_name("away")
        for suffix in ("", "-wal", "-shm"):
            part = database.file.with_name(database.file.name + suffix)
            if part.exists():
                part.rename(away.with_name(away.name + suffix))
        database.engine.dispose()
        service.services.keys._clock = lambda: time.monotonic() + 2 * KEY_CACHE_SECONDS
        assert service.screen(ALLOWED, mode="preview")["decision"] == "allow"
        for response in (
            service.client.post("/screen", json=ALLOWED),
            service.client.get(f"/screenings/{kept['screening_id']}"),
            service.client.get("/readyz"),
        ):
            assert_problem(response, 503)
            assert response.headers["retry-after"]
        assert "screening_store_up 0.0" in service.client.get("/metrics").text
        for suffix in ("", "-wal", "-shm"):
            database.file.with_name(database.file.name + suffix).unlink(missing_ok=True)
            part = away.with_name(away.name + suffix)
            if part.exists():
                part.rename(database.file.with_name(database.file.name + suffix))
        database.engine.dispose()
        assert service.client.get(f"/screenings/{kept['screening_id']}").json()["pass"] == kept["pass"]
        assert service.screen(ALLOWED)["decision"] == "allow"
