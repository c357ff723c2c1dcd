"""What the workbench reads from the service's own store, made here by the service's own tables."""

import csv
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from classifier import Draft, Order
from service.review.export.formats import as_jsonl
from service.review.export.tickets import tickets
from service.storage.database import Database
from service.storage.encryption import Encryptor
from service.storage.tables.review import AuditRow, CaseDecisionRow, CaseRow, UserRow
from service.storage.tables.screenings import FindingRow, ScreeningRow, ShadowVerdictRow
from tests.service.conftest import KINDS, fresh_url
from tests.service.conftest import postgres as postgres  # the server, as this folder's fixture too
from tests.service.drafts import drafts_with
from training.__main__ import call
from training.registry.model_registry import ModelRegistry
from training.service_data.database_reader import ServiceStore
from training.service_data.export_client import ServiceDataError
from training.tickets.loading import load

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
OFFER = Draft("GG-AB12", "Your kettle", "Blue is gone. Shall we send you the green one?")


class Shop:
    """A store with screenings and what people said of them."""

    def __init__(self, url: str, encryptor: Encryptor | None = None) -> None:
        self.url = url
        self.database = Database(url)
        self.database.migrate()
        self.encryptor = encryptor or Encryptor()
        with self.database.writing() as session:
            session.add(UserRow(id=1, name="rita", role="reviewer", password_hash="-", created_at=NOW))

    def screened(
        self, id: str, draft: Draft = OFFER, *, decision: str = "block", labels: str = "substitute_offer"
    ) -> None:
        row = ScreeningRow(
            id=id, created_at=NOW, format=1, caller="gateway", merchant_id="m1",
            draft=self.encryptor.encrypt_draft(draft),
            text_hash="-", support_hash="-", template_hash="0123456789abcdef" * 4, evidence=b"{}", verdict=b"{}",
            order_state={"state": "known", "cancelled_by": "customer", "status": None}, decision=decision,
            labels=labels, language="en", complete=True, model_version="model-a", rules_version="r", policy_version="p",
        )  # fmt: skip
        hit = FindingRow(
            screening_id=id, rule_id="substitute.x", label=None, severity="block", witness="rule", created_at=NOW
        )
        with self.database.writing() as session:
            session.add(row)
            session.flush()
            session.add(hit)

    def reviewed(
        self, id: str, said: Sequence[tuple[str, str]], *, evidence: Sequence[object] = (), undo: bool = False
    ) -> None:
        case = CaseRow(
            id=f"case-{id}", screening_id=id, kind="blocked", state="decided", created_at=NOW, due_at=NOW,
            decided_at=NOW, decision="block", labels="", model_version="model-a", language="en",
        )  # fmt: skip
        with self.database.writing() as session:
            session.add(case)
            session.flush()
            for action, labels in said:
                details = self.encryptor.encrypt(json.dumps({"note": "Seen before.", "evidence": list(evidence)}))
                row = CaseDecisionRow(
                    case_id=case.id, at=NOW, actor_id=1, action=action, labels=labels, details=details
                )
                session.add(row)
                session.flush()
            if undo:
                session.add(CaseDecisionRow(case_id=case.id, at=NOW, actor_id=1, action="undo", undoes=row.id))

    def shadowed(self, id: str, live: str, challenger: str) -> None:
        with self.database.writing() as session:
            session.add(
                ShadowVerdictRow(
                    screening_id=id,
                    model_version="model-b",
                    live_version="model-a",
                    decision=challenger,
                    live_decision=live,
                    labels="",
                    live_labels="",
                    probabilities={},
                    created_at=NOW,
                )
            )

    def cases(self, kind: str) -> list[CaseRow]:
        """The cases of a kind, due first."""
        with self.database.reading() as session:
            return list(session.scalars(select(CaseRow).where(CaseRow.kind == kind).order_by(CaseRow.due_at)))

    def found(self, words: str) -> list[str]:
        with self.database.reading() as session:
            return sorted(drafts_with(session.connection(), words))

    def created(self) -> list[AuditRow]:
        with self.database.reading() as session:
            return list(session.scalars(select(AuditRow).where(AuditRow.action == "created").order_by(AuditRow.id)))


@pytest.fixture(params=KINDS)
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    opened = Shop(fresh_url(request.param, tmp_path, request))
    yield opened
    opened.database.close()


def test_reviewed_cases_become_tickets(shop: Shop, home: Path) -> None:
    mark = {"field": "body", "start": 14, "end": len(OFFER.body), "label": "substitute_offer"}
    shop.screened("a")
    shop.reviewed("a", [("uphold", "substitute_offer")], evidence=[mark])
    shop.screened("b")
    shop.reviewed("b", [("uphold", "substitute_offer"), ("relabel", "delay_notice inventory_cancellation")])
    shop.screened("nobody-looked")
    assert call(["import", "--from-service", shop.url, "--as", "reviewed"]) == 0
    tickets = {t.id: t for t in load(home / "tickets")}
    assert sorted(tickets) == ["screening-a", "screening-b"]
    a = tickets["screening-a"]
    assert (a.draft, a.order, a.writer, a.note) == (OFFER, Order("customer"), "merchant-m1", "Seen before.")
    assert {str(k): v for k, v in a.evidence.items()} == {"substitute_offer": ("Shall we send you the green one?",)}
    assert sorted(tickets["screening-b"].labels) == ["delay_notice", "inventory_cancellation"]


def test_the_tickets_are_those_of_the_services_own_export(shop: Shop, home: Path, tmp_path: Path) -> None:
    """Word for word, notes, evidence, replies, dates and provenance included: both ways give one fingerprint."""
    mark = {"field": "body", "start": 14, "end": len(OFFER.body), "label": "substitute_offer"}
    shop.screened("a")
    shop.reviewed("a", [("uphold", "substitute_offer"), ("relabel", "substitute_offer")], evidence=[mark])
    shop.screened("b", Draft("GG-1", "Re: late", "It ships on Monday.", "reply", "Where is it?"), labels="")
    shop.reviewed("b", [("overturn", "delay_notice")])
    shop.screened("c")
    shop.reviewed("c", [("uphold", "substitute_offer")], undo=True)
    shop.screened("nobody-looked")
    exported = tmp_path / "export.jsonl"
    with shop.database.reading() as session:
        exported.write_bytes(as_jsonl(list(tickets(session, shop.encryptor))))
    assert call(["import", "--from-service", shop.url, "--as", "tables"]) == 0
    read = sorted((home / "tickets" / "tables.jsonl").read_text(encoding="utf-8").splitlines())
    (home / "tickets" / "tables.jsonl").unlink()
    assert call(["import", str(exported), "--as", "export"]) == 0
    assert sorted((home / "tickets" / "export.jsonl").read_text(encoding="utf-8").splitlines()) == read
    found = {t.id: t for t in load(home / "tickets")}
    assert sorted(found) == ["screening-a", "screening-b"]
    assert (found["screening-a"].note, found["screening-b"].draft.context) == ("Seen before.", "reply")
    assert found["screening-b"].draft.customer_message == "Where is it?"
    out = tmp_path / "out.csv"  # and note and message leave the workbench again
    assert call(["export", str(out), "--data", str(home / "tickets")]) == 0
    with out.open(newline="", encoding="utf-8") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    assert (rows["screening-a"]["note"], rows["screening-b"]["customer_message"]) == ("Seen before.", "Where is it?")
    (home / "tickets" / "export.jsonl").unlink()
    assert call(["import", str(out), "--as", "again"]) == 0
    assert {t.id: t for t in load(home / "tickets")} == found


def test_the_reader_cannot_write(shop: Shop) -> None:
    shop.screened("a1")
    store = ServiceStore(shop.url)
    with pytest.raises(DBAPIError), store._engine.begin() as connection:
        connection.execute(text("DELETE FROM findings"))
    assert [one.incoming.id for one in store.screenings()] == ["a1"]
    assert store.queue(["a1"], "suggested") == 1


def test_a_decision_taken_back_does_not_count(shop: Shop) -> None:
    shop.screened("a")
    shop.reviewed("a", [("uphold", "substitute_offer"), ("overturn", "")], undo=True)
    assert ServiceStore(shop.url).reviewed()[0]["labels"] == ["substitute_offer"]


def test_encrypted_text_stays_closed(tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from cryptography.fernet import Fernet

    shop = Shop(f"sqlite:///{tmp_path / 'sealed.db'}", Encryptor(Fernet.generate_key().decode()))
    shop.screened("a")
    shop.reviewed("a", [("uphold", "substitute_offer")])
    assert call(["import", "--from-service", shop.url]) == 2
    printed = capsys.readouterr().err
    assert "encrypted at rest" in printed
    assert "green" not in printed


def test_no_store_is_said_without_a_trace(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home.mkdir()
    with pytest.raises(ServiceDataError, match=r"all\.db: no such file"):
        ServiceStore(str(home / "all.db"))
    assert not list(home.iterdir())
    assert call(["shadow", "report", "--from-service", "/nowhere/at/all.db"]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_shadow_report_counts_agreement_and_queues_the_rest(
    shop: Shop, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = {"a": ("block", "block"), "b": ("warn", "block"), "c": ("allow", "block"), "d": ("allow", "allow")}
    for name, (live, challenger) in pairs.items():
        shop.screened(name, decision=live)
        shop.shadowed(name, live, challenger)
    assert call(["shadow", "report", "--from-service", shop.url, "--queue", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    report = printed["reports"][0]
    assert report["matrix"]["allow"] == {"allow": 1, "warn": 0, "block": 1}
    assert (report["same_decision"], report["disagreements"]) == (0.5, ["c", "b"])
    assert printed["queued"] == 2
    assert call(["shadow", "report", "--from-service", shop.url, "--queue"]) == 0
    assert [case.screening_id for case in shop.cases("shadow")] == ["c", "b"]  # the gravest is due first; none twice
    assert shop.found("green one") == ["b", "c"]


def test_a_queued_case_is_whole_findable_and_in_the_record(shop: Shop) -> None:
    shop.screened("c1", Draft("GG-1", "A zebra", "Its stripes are late."), decision="warn", labels="delay_notice")
    store = ServiceStore(shop.url)
    assert store.queue(["c1", "never-was", "c1"], "suggested") == 1
    case = shop.cases("suggested")[0]
    assert (case.screening_id, case.state, case.decision, case.labels) == ("c1", "open", "warn", "delay_notice")
    assert (case.merchant_id, case.model_version, case.language) == ("m1", "model-a", "en")
    assert case.template_hash is not None  # by which the desk's queue folds
    assert shop.found("stripes zebra") == ["c1"]
    entry = shop.created()[0]
    assert (entry.actor, entry.subject, entry.after) == (
        "workbench", f"case:{case.id}", {"kind": "suggested", "screening": "c1"},
    )  # fmt: skip
    assert (store.queue(["c1"], "suggested"), store.queue(["c1"], "shadow")) == (0, 0)  # a draft has one case
    assert len(shop.created()) == 1


def test_no_second_case_is_opened_for_a_draft_that_people_have_decided(shop: Shop) -> None:
    shop.screened("c5")
    shop.reviewed("c5", [("uphold", "substitute_offer")])
    before = len(shop.cases("shadow"))
    assert ServiceStore(shop.url).queue(["c5"], "shadow") == 0
    assert len(shop.cases("shadow")) == before


def test_a_draft_without_its_text_is_not_queued(shop: Shop) -> None:
    shop.screened("c2")
    with shop.database.writing() as session:
        session.get_one(ScreeningRow, "c2").draft = None
    assert ServiceStore(shop.url).queue(["c2"], "shadow") == 0


def test_an_encrypted_draft_is_queued_without_its_words(tmp_path: Path) -> None:
    from cryptography.fernet import Fernet

    shop = Shop(f"sqlite:///{tmp_path / 'sealed.db'}", Encryptor(Fernet.generate_key().decode()))
    shop.screened("c3")
    assert ServiceStore(shop.url).queue(["c3"], "shadow") == 1
    assert shop.found("green") == []


def test_the_path_of_a_file_is_a_store_too(tmp_path: Path) -> None:
    shop = Shop(f"sqlite:///{tmp_path / 'service.db'}")
    shop.screened("c4")
    assert ServiceStore(str(tmp_path / "service.db")).queue(["c4"], "suggested") == 1


def test_suggestions_leave_reviewed_and_repeated_drafts_out_and_fill_the_queue(
    shop: Shop, registered: tuple[ModelRegistry, str], capsys: pytest.CaptureFixture[str]
) -> None:
    registry, version = registered
    registry.promote(version, who="ada", why="live")
    shop.screened("e1")
    shop.reviewed("e1", [("uphold", "substitute_offer")])
    shop.screened("b1", Draft("GG-1", "Hello", "Zorgle blimpf quux, shall we?"))
    shop.screened("b2", Draft("GG-1", "Hello", "Zorgle blimpf quux, shall we?"))
    shop.screened("c0", Draft("GG-2", "Your order is delayed", "Your order is delayed and will ship on Monday."))
    assert call(["suggest", "--from-service", shop.url, "--queue", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    ids = [s["id"] for s in printed["suggestions"]]
    assert ids == ["b1", "c0"]
    assert printed["suggestions"][0]["novelty"] > printed["suggestions"][1]["novelty"]
    assert printed["queued"] == 2
    assert [case.screening_id for case in shop.cases("suggested")] == ids
    assert "Zorgle" not in json.dumps(printed)
