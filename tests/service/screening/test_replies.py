"""Replies over HTTP: the customer's message and its deadline, from the request to the purge."""

import io
import json
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from jinja2 import Environment, FileSystemLoader
from sqlalchemy import select

import service.review.case_page
from classifier import Draft
from classifier.policy.translations import LANGUAGES
from service.review.auth.roles import Reviewer
from service.review.case_page.replay import replay
from service.review.cases.claims import locked_case
from service.review.cases.decisions import DecisionRequest, decide
from service.review.export.formats import FORMATS
from service.review.export.tickets import tickets
from service.screening import answer_schemas as schemas
from service.storage.database import Database
from service.storage.encryption import Encryptor
from service.storage.maintenance.backup import write_backup
from service.storage.maintenance.integrity import faults
from service.storage.maintenance.restore import restore_backup
from service.storage.maintenance.retention import PurgeScope, purge_text
from service.storage.screenings.repository import Screenings
from service.storage.tables.review import CaseRow, UserRow
from tests.service.drafts import ALLOWED, BLOCKED, WARNED
from tests.service.running import Running, running, settings_for
from tests.service.test_documents import OPENAPI

MARK = "zanzibarite"
WISH = f"My {MARK} mug is blue. Could I exchange it for a green one?"
SUPPORT_ID = "GG-8K2P-4L7Q-XY19"
REPLY: dict[str, Any] = {
    "support_id": SUPPORT_ID, "subject": "", "context": "reply",
    "body": "The blue mug is sold out, so we will send you the green one instead.",
}  # fmt: skip
WISHED = {**REPLY, "customer_message": WISH}
FRIDAY = "2026-11-20T15:00:00-06:00"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service that takes its time: these tests look at what it says, not at how fast."""
    home = tmp_path_factory.mktemp("replies")
    with running(settings_for(home, rate_per_minute=0, time_budget_ms=60_000)) as started:
        yield started


def problem(service: Running, draft: dict[str, Any], status: int = 422, **headers: str) -> dict[str, Any]:
    answer = service.client.post("/screen", json=draft, headers=headers)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


def redeemed(service: Running, token: str, draft: dict[str, Any], way: str = "redeem", **more: str) -> dict[str, Any]:
    sent = {"token": token, **{name: draft[name] for name in ("support_id", "subject", "body")}, **more}
    answer: dict[str, Any] = service.client.post(f"/passes/{way}", json=sent).json()
    return answer


def test_a_reply_is_judged_as_one_in_preview_send_and_batch_alike(plain: Running) -> None:
    sent = plain.screen({**REPLY, "body": "The lamp takes an E27 bulb, and one is in the box."})
    assert (sent["decision"], sent["context"]) == ("allow", "reply")
    assert sent["pass"]
    for draft, decision in ((REPLY, "block"), (WISHED, "allow")):
        previewed = plain.screen(draft, mode="preview")
        kept = plain.screen(draft)
        (batched,) = plain.client.post("/screen/batch", json={"drafts": [{**draft, "mode": "preview"}]}).json()[
            "answers"
        ]
        assert previewed["decision"] == kept["decision"] == batched["decision"] == decision
        assert {**kept, "screening_id": None, "pass": None} == previewed == batched
        schemas.ScreeningOut.model_validate(kept)
        stored = plain.client.get(f"/screenings/{kept['screening_id']}").json()
        schemas.StoredScreeningOut.model_validate(stored)
        words = {name: draft.get(name, "") for name in ("support_id", "subject", "body", "context", "customer_message")}
        assert stored["draft"] == words


def test_a_new_ticket_is_answered_as_ever(plain: Running) -> None:
    for draft in (ALLOWED, BLOCKED, WARNED):
        answer = plain.screen(draft)
        assert not answer.keys() & {"context", "received_at"}
        assert answer["reminders"][0].keys() == {"id", "message", "reply_by"}
        assert plain.screen(draft, context="new_ticket", mode="preview") == {
            **answer, "screening_id": None, "pass": None
        }  # fmt: skip
        stored = plain.client.get(f"/screenings/{answer['screening_id']}").json()
        assert stored["draft"] == draft


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"customer_message": "Hello"}, "customer_message"),
        ({"received_at": FRIDAY}, "received_at"),
        ({"context": "thread"}, "context"),
        ({"context": "reply", "customer_message": "a" * 200_001}, "customer_message"),
        ({"context": "reply", "customer_message": None}, "customer_message"),
        ({"context": "reply", "received_at": "yesterday"}, "received_at"),
        ({"context": "reply", "received_at": "9999-12-31T23:00:00Z"}, "received_at"),
    ],
)
def test_what_a_thread_cannot_hold_is_refused_by_its_field(plain: Running, wrong: dict[str, Any], field: str) -> None:
    assert problem(plain, {**ALLOWED, **wrong})["errors"][0]["field"] == field
    answers = plain.client.post("/screen/batch", json={"drafts": [{**ALLOWED, **wrong}]}).json()["answers"]
    assert answers[0]["status"] == 422


def test_the_longest_message_is_read(plain: Running) -> None:
    answer = plain.screen({**WISHED, "customer_message": WISH + "x" * (200_000 - len(WISH))}, mode="preview")
    assert answer["decision"] == "allow"


def test_a_customer_who_writes_that_they_cancel_has_cancelled(plain: Running) -> None:
    plea = {**REPLY, "body": "Before we cancel: keep it and we will give you 15% off. Why do you want to cancel?"}
    answer = plain.screen({**plea, "customer_message": "Please cancel my order."})
    assert answer["decision"] == "block"
    assert answer["order"] == {"state": "told", "cancelled_by": "customer", "status": None}
    assert plain.client.get(f"/screenings/{answer['screening_id']}").json()["order"] == answer["order"]
    given = plain.screen({**plea, "customer_message": "Please cancel my order.", "order": {"cancelled_by": "merchant"}})
    assert given["order"]["cancelled_by"] == "merchant"


def reminder(answer: dict[str, Any]) -> dict[str, Any]:
    (found,) = [one for one in answer["reminders"] if one["id"] == "reply-within-one-business-day"]
    return dict(found)


def test_the_reminder_names_the_hour_and_says_when_it_is_late(plain: Running) -> None:
    late = reminder(plain.screen({**WISHED, "received_at": FRIDAY}))
    assert (late["reply_by"], late["late"]) == ("2026-11-23T15:00:00-06:00", True)
    assert "late" in late["message"]
    assert "by 15:00 on 2026-11-23 (CST)" in late["message"]
    now = datetime.now(UTC)
    due = reminder(plain.screen({**WISHED, "received_at": now.isoformat()}, mode="preview"))
    by = datetime.fromisoformat(due["reply_by"])
    assert due["late"] is False
    assert by > now
    assert f"by {by:%H:%M} on {by:%Y-%m-%d}" in due["message"]
    assert "late" not in due["message"]
    unknown = reminder(plain.screen(WISHED, mode="preview"))
    assert "late" not in unknown
    assert unknown["message"].startswith("Once the ticket is open")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_hour_is_named_in_each_language(plain: Running, language: str) -> None:
    headers = {"accept-language": language}
    messages = {
        reminder(plain.screen({**WISHED, "received_at": at}, headers, mode="preview"))["message"]
        for at in (FRIDAY, datetime.now(UTC).isoformat())
    }
    assert len(messages) == 2
    assert all("{" not in message for message in messages)
    assert sum("15:00" in message and "2026-11-23" in message for message in messages) == 1
    advice = [f for f in plain.screen(WISHED, headers, mode="preview")["findings"] if f["id"] == "exchange-asked-for"]
    assert (advice[0]["message"].startswith("Your customer asked")) == (language == "en")


def test_a_stored_reply_says_what_it_said_and_a_key_gives_it_again(plain: Running) -> None:
    draft, key = {**WISHED, "received_at": FRIDAY}, {"Idempotency-Key": "reply-1"}
    first = plain.screen(draft, key)
    assert plain.screen(draft, key) == first
    assert reminder(plain.client.get(f"/screenings/{first['screening_id']}").json()) == reminder(first)
    for other in ({"context": "new_ticket", "customer_message": ""}, {"customer_message": "Where is it?"}):
        changed = {name: value for name, value in {**draft, **other}.items() if name != "received_at"}
        assert problem(plain, changed, 409, **key)["type"].endswith("idempotency-conflict")


def test_a_pass_for_a_reply_opens_no_ticket_and_one_for_a_ticket_sends_no_reply(plain: Running) -> None:
    answered = plain.screen(WISHED)
    assert redeemed(plain, answered["pass"], WISHED, "verify")["reason"] == "text-changed"
    assert redeemed(plain, answered["pass"], WISHED)["reason"] == "text-changed"
    assert redeemed(plain, answered["pass"], WISHED, "verify", context="reply")["valid"] is True
    assert redeemed(plain, answered["pass"], WISHED, context="reply")["valid"] is True
    assert redeemed(plain, answered["pass"], WISHED, context="reply")["reason"] == "spent"
    opened = plain.screen(ALLOWED)
    assert redeemed(plain, opened["pass"], ALLOWED, context="reply")["reason"] == "text-changed"
    assert redeemed(plain, opened["pass"], ALLOWED)["valid"] is True


def test_a_warned_reply_is_acknowledged_with_a_pass_of_its_own(plain: Running) -> None:
    draft = {**REPLY, "body": "Please call us on 555 0142 and we will settle it."}
    warned = plain.screen(draft)
    assert warned["decision"] == "warn"
    given = plain.client.post(f"/screenings/{warned['screening_id']}/acknowledge", json={}).json()["pass"]
    assert redeemed(plain, given, draft, context="reply")["valid"] is True


def test_a_reply_without_a_label_is_allowed_once_its_warning_is_set_aside(plain: Running) -> None:
    draft = {**REPLY, "body": "Please call us on 555 0142 and we will settle it."}
    ignoring = plain.key("screen", "ignore", caller="back-office")
    breaches = [f["id"] for f in plain.screen(draft, mode="preview")["findings"]]
    answer = plain.screen(draft, ignoring, mode="preview", ignore=breaches)
    assert (answer["decision"], answer["ignored"]) == ("allow", sorted(breaches))


def test_an_unscreened_reply_is_judged_as_a_reply(plain: Running) -> None:
    answer = plain.client.post("/unscreened", json={**WISHED, "reason": "unreachable"})
    assert answer.status_code == 202, answer.text
    assert answer.json()["decision"] == "allow"
    stored = plain.client.get(f"/screenings/{answer.json()['screening_id']}").json()
    assert stored["draft"]["customer_message"] == WISH


def test_the_language_is_explained_with_its_confidence_on_request(plain: Running) -> None:
    german = {**ALLOWED, "body": "Guten Tag, Ihre Bestellung verspätet sich wegen des Sturms um zwei Tage."}
    said = plain.screen(german, mode="preview", explain=True)["language"]
    assert said["code"] == "de"
    assert 0.6 < said["confidence"] <= 1
    mixed = plain.screen({**german, "body": german["body"] + " El pedido llega con retraso, lo sentimos mucho."},
                         mode="preview", explain=True)["language"]  # fmt: skip
    assert mixed["confidence"] < said["confidence"]
    assert "confidence" not in plain.screen(german, mode="preview")["language"]
    bare = {**ALLOWED, "subject": "", "body": "XQ-77"}
    assert plain.screen(bare, mode="preview", explain=True)["language"]["confidence"] is None


def test_the_document_names_the_language_header_where_answers_are_translated() -> None:
    paths = json.loads(OPENAPI.read_text("utf-8"))["paths"]
    named = {
        operation["operationId"]
        for operations in paths.values()
        for operation in operations.values()
        if any(one["name"] == "Accept-Language" for one in operation.get("parameters", ()))
    }
    assert named == {"screen", "screenBatch", "getScreening"}


def test_the_desk_judges_a_stored_reply_again_with_the_customers_message(plain: Running) -> None:
    plea = {**REPLY, "body": "We have cancelled your order. You are welcome to place it again at any time.",
            "customer_message": "Please cancel my order."}  # fmt: skip
    kept = plain.screen(plea)
    plain.client.post(f"/screenings/{kept['screening_id']}/appeal", json={"message": "Look again."})
    wished = plain.screen({**WISHED, "body": WISHED["body"] + " Call us on 555 0142."})
    plain.client.post(f"/screenings/{wished['screening_id']}/appeal", json={"message": "Look again."})
    services = plain.services
    with services.database.reading() as session:
        for answer in (kept, wished):
            case = session.scalars(select(CaseRow).where(CaseRow.screening_id == answer["screening_id"])).one()
            again = replay(services, session, case)
            assert again is not None
            assert again.decision == answer["decision"] != "allow"


def exported(service: Running, screening_id: str) -> list[dict[str, Any]]:
    """The screening as every format of the export writes it, once its case is decided."""
    services = service.services
    with services.database.writing() as session:
        case = session.scalars(select(CaseRow).where(CaseRow.screening_id == screening_id)).one()
        user = UserRow(name="ann", role="reviewer", password_hash="x", created_at=case.created_at)
        session.add(user)
        session.flush()
        me = Reviewer(user.id, "ann", "reviewer", "")
        decide(session, services.encryptor, locked_case(session, case.id), me, DecisionRequest("uphold"), case.due_at)
    with services.database.reading() as session:
        found = list(tickets(session, services.encryptor))
    written = {name: write(found).decode("utf-8", "replace") for name, (write, _, _) in FORMATS.items()}
    assert [name for name, text in written.items() if MARK not in text and name != "parquet"] == []
    return found


def test_the_customers_message_goes_where_the_draft_goes(tmp_path: Path) -> None:
    """Stored, backed up, restored, exported, and gone with the order's text: from the rows and the files."""
    with running(settings_for(tmp_path / "home", time_budget_ms=60_000, second_review_share=0)) as service:
        kept = service.screen({**REPLY, "customer_message": f"Where is my {MARK}?"})
        assert kept["decision"] == "block"
        services = service.services
        encryptor = services.encryptor
        assert list(faults(services.database, encryptor, lambda done, total: None)) == []
        assert [one["customer_message"] for one in exported(service, kept["screening_id"])] == [f"Where is my {MARK}?"]
        backup = tmp_path / "backup.tar.gz"
        write_backup(services.database, backup, lambda table, count: None)
        restored = Database(f"sqlite:///{tmp_path / 'restored.db'}")
        restore_backup(restored, backup, encryptor, lambda table, count: None)
        with restored.reading() as session:
            stored = Screenings(session, encryptor).get(kept["screening_id"])
            assert stored is not None
            assert stored.draft == Draft(SUPPORT_ID, "", REPLY["body"], "reply", f"Where is my {MARK}?")
        restored.close()

        report = purge_text(services.database, PurgeScope(support_id=SUPPORT_ID), datetime.now(UTC), prove=True)
        assert not report.left
        with services.database.reading() as session:
            gone = Screenings(session, encryptor).get(kept["screening_id"])
            assert gone is not None
            assert gone.draft is None
            assert gone.verdict["context"] == "reply"
        files = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
        assert [path.name for path in files if MARK.encode() in path.read_bytes()] == []
        assert service.client.get(f"/screenings/{kept['screening_id']}").json()["draft"] is None


def test_with_text_keys_the_customers_message_is_never_plain(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with running(settings_for(home, text_keys=Fernet.generate_key().decode(), time_budget_ms=60_000)) as service:
        kept = service.screen(WISHED)
        assert service.client.get(f"/screenings/{kept['screening_id']}").json()["draft"]["customer_message"] == WISH
        backup = tmp_path / "backup.tar.gz"
        write_backup(service.services.database, backup, lambda table, count: None)
        with tarfile.open(fileobj=io.BytesIO(backup.read_bytes())) as archive:
            held = [archive.extractfile(member) for member in archive.getmembers()]
            assert not any(MARK.encode() in file.read() for file in held if file)
        files = [path for path in home.rglob("*") if path.is_file()]
        assert [path.name for path in files if MARK.encode() in path.read_bytes()] == []


def test_a_reply_is_stored_as_a_draft_of_five_fields_and_a_new_ticket_as_ever() -> None:
    encryptor = Encryptor()
    new, reply = Draft("GG-1", "Subject", "Body"), Draft("GG-1", "", "Body", "reply", "A lone \ud800 surrogate")
    assert encryptor.encrypt_draft(new) == b'p["GG-1","Subject","Body"]'
    assert encryptor.decrypt_draft(encryptor.encrypt_draft(reply)) == reply
    assert encryptor.decrypt_draft(encryptor.encrypt_draft(new)) == new


@pytest.mark.parametrize("message", ["Where is <b>my</b> mug?", ""])
def test_the_partial_for_a_case_shows_the_message_folded(message: str) -> None:
    folder = Path(str(service.review.case_page.__file__)).parent
    partial = Environment(loader=FileSystemLoader(folder), autoescape=True).get_template("customer_message.html")
    shown = partial.render(thread=Draft("GG-1", "", "Body", "reply", message))
    assert "<details" in shown
    assert " open" not in shown
    assert ("Where is &lt;b&gt;my&lt;/b&gt; mug?" in shown) == bool(message)
    assert "<details" not in partial.render(thread=Draft("GG-1", "", "Body"))
    assert "<details" not in partial.render(thread=None)
