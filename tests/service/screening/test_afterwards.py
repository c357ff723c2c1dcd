"""What follows a verdict: acknowledge, appeal, withdraw, screen again; and the passes that come of it."""

import base64
import hashlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import select

from service.storage.outbox import UNDO_TIME, decide_appeal
from service.storage.tables.review import CaseRow
from service.storage.tables.screenings import AcknowledgementRow, AppealRow, UnscreenedRow
from tests.service.drafts import ALLOWED, BLOCKED, WARNED
from tests.service.running import Running
from tests.service.screening.test_contract import assert_problem


def post(service: Running, path: str, body: Any | None = None) -> httpx.Response:
    return service.client.post(path, json={} if body is None else body)


def verify(service: Running, token: str, draft: dict[str, str], **changed: str) -> dict[str, Any]:
    answer: dict[str, Any] = post(service, "/passes/verify", {"token": token, **draft, **changed}).json()
    return answer


def kinds_of_case(service: Running, screening_id: str) -> set[str]:
    with service.services.database.reading() as session:
        return set(session.scalars(select(CaseRow.kind).where(CaseRow.screening_id == screening_id)))


def test_the_pass_of_an_allowed_draft_is_valid_for_exactly_its_text(service: Running) -> None:
    answer = service.screen(ALLOWED)
    checked = verify(service, answer["pass"], ALLOWED)
    assert (checked["valid"], checked["screening_id"], checked["decision"]) == (True, answer["screening_id"], "allow")
    for field in ALLOWED:
        changed = verify(service, answer["pass"], {**ALLOWED, field: ALLOWED[field] + "."})
        assert (changed["valid"], changed["reason"]) == (False, "text-changed")


def test_text_cannot_move_from_one_field_to_another(service: Running) -> None:
    token = service.screen(ALLOWED)["pass"]
    moved = {**ALLOWED, "subject": ALLOWED["subject"] + ALLOWED["body"][:1], "body": ALLOWED["body"][1:]}
    assert verify(service, token, moved)["reason"] == "text-changed"


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "...", "é.é.é", "e30.e30.e30", "bnVsbA.bnVsbA.AA", "W10.W10.AA"])
def test_what_is_no_pass_is_said_to_be_none(service: Running, token: str) -> None:
    checked = verify(service, token, ALLOWED)
    assert (checked["valid"], checked["reason"]) == (False, "malformed")


def test_a_pass_whose_claims_were_changed_is_foreign(service: Running) -> None:
    head, payload, signature = service.screen(ALLOWED)["pass"].split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    forged = base64.urlsafe_b64encode(json.dumps({**claims, "exp": 9999999999}).encode()).decode().rstrip("=")
    assert verify(service, f"{head}.{forged}.{signature}", ALLOWED)["reason"] == "foreign"


def test_a_pass_can_be_verified_offline_with_the_public_key(service: Running) -> None:
    token = service.screen(ALLOWED)["pass"]
    with httpx.Client(base_url=service.url) as anyone:
        keys = {key["kid"]: key for key in anyone.get("/passes/keys").json()["keys"]}

    def raw(text: str) -> bytes:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

    head, payload, signature = token.split(".")
    public = Ed25519PublicKey.from_public_bytes(raw(keys[json.loads(raw(head))["kid"]]["x"]))
    public.verify(raw(signature), f"{head}.{payload}".encode())
    text = b"".join(b"%d:%b," % (len(part.encode()), part.encode()) for part in ALLOWED.values())
    assert json.loads(raw(payload))["txt"] == hashlib.sha256(text).hexdigest()


def test_a_warned_draft_gets_its_pass_once_it_is_acknowledged(service: Running) -> None:
    answer = service.screen(WARNED)
    path = f"/screenings/{answer['screening_id']}/acknowledge"
    granted = post(service, path, {"acknowledged_by": "Ann", "reason": "The customer asked for it."}).json()
    assert verify(service, granted["pass"], WARNED)["valid"]
    assert post(service, path).json()["pass"] == granted["pass"]
    with service.services.database.reading() as session:
        row = session.get_one(AcknowledgementRow, answer["screening_id"])
        assert row.acknowledged_by == "Ann"
        assert service.services.encryptor.decrypt_optional(row.reason) == "The customer asked for it."
    stored = service.client.get(f"/screenings/{answer['screening_id']}").json()
    assert (stored["acknowledged_by"], stored["pass"]) == ("Ann", granted["pass"])
    assert kinds_of_case(service, answer["screening_id"]) == {"warned_sent"}


@pytest.mark.parametrize("draft", [BLOCKED, ALLOWED])
def test_only_a_warning_can_be_acknowledged(service: Running, draft: Any) -> None:
    answer = service.screen(draft)
    assert_problem(post(service, f"/screenings/{answer['screening_id']}/acknowledge"), 409)


def test_a_block_is_put_before_the_reviewers_and_may_be_appealed(service: Running) -> None:
    answer = service.screen(BLOCKED)
    path = f"/screenings/{answer['screening_id']}/appeal"
    appealed = post(service, path, {"message": "She asked for green herself. \0"}).json()["appeal"]
    assert appealed["state"] == "open"
    assert post(service, path, {"message": "She asked for green herself. \0"}).json()["appeal"] == appealed
    assert kinds_of_case(service, answer["screening_id"]) == {"appealed"}  # one case a draft
    with service.services.database.reading() as session:
        row = session.get_one(AppealRow, answer["screening_id"])
        assert service.services.encryptor.decrypt_optional(row.words) == "She asked for green herself. \0"
    stored = service.client.get(f"/screenings/{answer['screening_id']}").json()
    assert (stored["appeal"]["state"], stored["pass"]) == ("open", None)


WORDS: dict[str, dict[str, str]] = {"acknowledge": {}, "appeal": {"message": "Why?"}, "withdraw": {}}
"""The least that each step wants."""


@pytest.mark.parametrize("step", ["acknowledge", "appeal", "withdraw"])
def test_the_same_step_at_the_same_moment_is_one_step_with_or_without_words(service: Running, step: str) -> None:
    path = f"/screenings/{service.screen(WARNED)['screening_id']}/{step}"
    start = threading.Barrier(8)

    def ask(body: Any) -> httpx.Response:
        start.wait(30)
        return service.client.post(path, json=body)

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, [WORDS[step] or None, WORDS[step]] * 4))
    assert {answer.status_code for answer in answers} == {200}, answers[0].text
    assert len({answer.text for answer in answers}) == 1


def test_a_warning_may_be_appealed_and_an_allowed_draft_not(service: Running) -> None:
    words = {"message": "Look again."}
    assert post(service, f"/screenings/{service.screen(WARNED)['screening_id']}/appeal", words).status_code == 200
    assert_problem(post(service, f"/screenings/{service.screen(ALLOWED)['screening_id']}/appeal", words), 409)


def overturned(service: Running, decided_at: datetime) -> dict[str, Any]:
    """A block whose appeal was overturned at that moment, as its caller sees it now."""
    screening_id = service.screen(BLOCKED)["screening_id"]
    post(service, f"/screenings/{screening_id}/appeal", {"message": "Please look again."})
    with service.services.database.writing() as session:
        assert decide_appeal(
            session, service.services.encryptor, screening_id, "overturned", "You are right.", decided_at
        )
    stored: dict[str, Any] = service.client.get(f"/screenings/{screening_id}").json()
    return stored


def test_an_appeal_that_is_granted_gives_a_pass(service: Running) -> None:
    stored = overturned(service, datetime.now(UTC) - UNDO_TIME - timedelta(minutes=1))
    assert (stored["appeal"]["state"], stored["appeal"]["note"]) == ("overturned", "You are right.")
    assert verify(service, stored["pass"], BLOCKED)["valid"]


def test_while_the_reviewer_may_undo_it_the_appeal_is_open_and_gives_no_pass(service: Running) -> None:
    stored = overturned(service, datetime.now(UTC))
    assert (stored["appeal"]["state"], stored["appeal"]["note"], stored["pass"]) == ("open", None, None)


def test_a_withdrawn_drafts_pass_is_revoked_online(service: Running) -> None:
    answer = service.screen(ALLOWED)
    post(service, f"/screenings/{answer['screening_id']}/withdraw")
    checked = verify(service, answer["pass"], ALLOWED)
    assert (checked["valid"], checked["reason"]) == (False, "revoked")


def test_of_many_who_redeem_a_pass_one_is_told_that_it_is_valid(service: Running) -> None:
    answer = service.screen(ALLOWED)
    asked = {"token": answer["pass"], **ALLOWED}
    assert post(service, "/passes/redeem", {**asked, "body": "Other"}).json()["reason"] == "text-changed"
    start = threading.Barrier(8)

    def redeem(_: int) -> str | None:
        start.wait(30)
        reason: str | None = post(service, "/passes/redeem", asked).json()["reason"]
        return reason

    with ThreadPoolExecutor(8) as threads:
        reasons = list(threads.map(redeem, range(8)))
    assert sorted(reasons, key=str) == [None] + ["spent"] * 7
    assert verify(service, answer["pass"], ALLOWED)["reason"] == "spent"
    assert service.client.get(f"/screenings/{answer['screening_id']}").json()["redeemed_at"]


def test_the_same_key_redeems_again(service: Running) -> None:
    asked = {"token": service.screen(ALLOWED)["pass"], **ALLOWED}
    answers = [service.client.post("/passes/redeem", json=asked, headers={"Idempotency-Key": "ticket-1"}) for _ in "ab"]
    assert [answer.json()["valid"] for answer in answers] == [True, True]
    assert post(service, "/passes/redeem", asked).json()["reason"] == "spent"
    assert_problem(service.client.post("/passes/redeem", json=asked, headers={"Idempotency-Key": "a b"}), 422)


def test_a_withdrawn_draft_gives_no_pass_any_more(service: Running) -> None:
    screening_id = service.screen(WARNED)["screening_id"]
    first = post(service, f"/screenings/{screening_id}/withdraw").json()
    assert post(service, f"/screenings/{screening_id}/withdraw").json() == first
    assert_problem(post(service, f"/screenings/{screening_id}/acknowledge"), 409)
    allowed = service.screen(ALLOWED)["screening_id"]
    post(service, f"/screenings/{allowed}/withdraw")
    assert service.client.get(f"/screenings/{allowed}").json()["pass"] is None


@pytest.mark.parametrize("step", ["acknowledge", "appeal", "withdraw"])
@pytest.mark.parametrize("screening_id", ["unknown", "0" * 32, "..%2f", "%00", "x" * 500])
def test_what_is_not_there_is_a_404(service: Running, step: str, screening_id: str) -> None:
    assert_problem(post(service, f"/screenings/{screening_id}/{step}", WORDS[step]), 404)


def test_another_callers_screening_is_not_there(service: Running) -> None:
    screening_id = service.screen(WARNED)["screening_id"]
    other = service.key("screen", caller="shop")
    assert_problem(service.client.get(f"/screenings/{screening_id}", headers=other), 404)
    for step in ("acknowledge", "appeal", "withdraw"):
        path = f"/screenings/{screening_id}/{step}"
        assert_problem(service.client.post(path, json=WORDS[step], headers=other), 404)
    response = service.client.post("/screen", json={**WARNED, "previous_screening_id": screening_id}, headers=other)
    assert_problem(response, 422)


@pytest.mark.parametrize("body", [{"reason": 5}, {"reason": "x" * 5001}, {"acknowledged_by": "a\nb"}, {"other": 1}])
def test_a_bad_acknowledgement_is_a_422(service: Running, body: Any) -> None:
    screening_id = service.screen(WARNED)["screening_id"]
    named = assert_problem(post(service, f"/screenings/{screening_id}/acknowledge", body), 422)["errors"][0]["field"]
    assert named == next(iter(body))


@pytest.mark.parametrize("mode", ["send", "preview"])
def test_after_an_edit_it_is_said_what_was_cleared_what_is_left_and_what_is_new(service: Running, mode: str) -> None:
    first = service.screen({**BLOCKED, "support_id": "5"})
    again = service.screen(
        {**ALLOWED, "support_id": "5", "subject": ""}, previous_screening_id=first["screening_id"], mode=mode
    )
    changes = {kind: {finding["id"] for finding in found} for kind, found in again["changes"].items()}
    before, now = ({finding["id"] for finding in answer["findings"]} for answer in (first, again))
    assert changes == {"cleared": before - now, "remaining": before & now, "new": now - before}
    assert "subject-empty" in changes["new"]
    assert "support-id-malformed" in changes["remaining"]
    assert any(finding["label"] == "substitute_offer" for finding in again["changes"]["cleared"])


def test_a_draft_that_was_sent_unscreened_is_screened_for_the_reviewers(service: Running) -> None:
    response = post(service, "/unscreened", {**BLOCKED, "reason": "timeout", "sent_at": "2026-11-02T10:00:00Z"})
    assert response.status_code == 202, response.text
    body = response.json()
    assert body["decision"] == "block"
    assert kinds_of_case(service, body["screening_id"]) == {"unscreened"}  # one case a draft
    assert service.client.get(f"/screenings/{body['screening_id']}").json()["pass"] is None


@pytest.mark.parametrize("sent_at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", None])
def test_whenever_it_was_sent_it_is_kept_within_a_year(service: Running, sent_at: str | None) -> None:
    before = datetime.now(UTC)
    kept = sent_moment(service, sent_at)
    assert before - timedelta(days=366) < kept < datetime.now(UTC)


def test_a_draft_sent_unscreened_is_kept_with_the_moment_it_was_sent(service: Running) -> None:
    sent_at = datetime.now(UTC) - timedelta(days=5)
    assert sent_moment(service, sent_at.isoformat()) == sent_at
    assert sent_moment(service, sent_at.replace(tzinfo=None).isoformat()) == sent_at  # without a zone it is UTC


def sent_moment(service: Running, sent_at: str | None) -> datetime:
    screening_id = post(service, "/unscreened", {**WARNED, "sent_at": sent_at}).json()["screening_id"]
    with service.services.database.reading() as session:
        row = session.scalars(select(UnscreenedRow).where(UnscreenedRow.screening_id == screening_id)).one()
    return row.created_at
