"""What the workbench reads from the service's own store, made here by the service's own tables."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

from classifier import Draft, Order
from service.storage.database import Database
from service.storage.review_tables import CaseDecisionRow, CaseRow, UserRow
from service.storage.sealing import Sealer
from service.storage.tables import FindingRow, ScreeningRow, ShadowVerdictRow
from training.__main__ import call
from training.from_service import ServiceStore
from training.registry import ModelRegistry
from training.service_export import ServiceError
from training.tickets import load

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
OFFER = Draft("GG-AB12", "Your kettle", "Blue is gone. Shall we send you the green one?")


class Shop:
    """A store with screenings and what people said of them."""

    def __init__(self, path: Path, sealer: Sealer | None = None) -> None:
        self.path = path
        self.database = Database(f"sqlite:///{path}")
        self.database.migrate()
        self.sealer = sealer or Sealer()
        with self.database.writing() as session:
            session.add(UserRow(id=1, name="rita", role="reviewer", password_hash="-", created_at=NOW))

    def screened(
        self, id: str, draft: Draft = OFFER, *, decision: str = "block", labels: str = "substitute_offer"
    ) -> None:
        row = ScreeningRow(
            id=id, created_at=NOW, format=1, caller="gateway", merchant_id="m1", draft=self.sealer.seal_draft(draft),
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
                details = self.sealer.seal(json.dumps({"note": "", "evidence": list(evidence)}))
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

    def cases(self, kind: str) -> int:
        with self.database.reading() as session:
            return session.scalar(select(func.count()).select_from(CaseRow).where(CaseRow.kind == kind)) or 0


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "service.db")


def test_reviewed_cases_become_tickets(shop: Shop, home: Path) -> None:
    mark = {"field": "body", "start": 14, "end": len(OFFER.body), "label": "substitute_offer"}
    shop.screened("a")
    shop.reviewed("a", [("uphold", "substitute_offer")], evidence=[mark])
    shop.screened("b")
    shop.reviewed("b", [("uphold", "substitute_offer"), ("relabel", "delay_notice inventory_cancellation")])
    shop.screened("nobody-looked")
    assert call(["import", "--from-service", str(shop.path), "--as", "reviewed"]) == 0
    tickets = {t.id: t for t in load(home / "tickets")}
    assert sorted(tickets) == ["screening-a", "screening-b"]
    a = tickets["screening-a"]
    assert (a.draft, a.order, a.writer) == (OFFER, Order("customer"), "merchant-m1")
    assert {str(k): v for k, v in a.evidence.items()} == {"substitute_offer": ("Shall we send you the green one?",)}
    assert sorted(tickets["screening-b"].labels) == ["delay_notice", "inventory_cancellation"]


def test_a_decision_taken_back_does_not_count(shop: Shop) -> None:
    shop.screened("a")
    shop.reviewed("a", [("uphold", "substitute_offer"), ("overturn", "")], undo=True)
    assert ServiceStore(str(shop.path)).reviewed()[0]["labels"] == ["substitute_offer"]


def test_encrypted_text_stays_closed(tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from cryptography.fernet import Fernet

    shop = Shop(tmp_path / "sealed.db", Sealer(Fernet.generate_key().decode()))
    shop.screened("a")
    shop.reviewed("a", [("uphold", "substitute_offer")])
    assert call(["import", "--from-service", str(shop.path)]) == 2
    told = capsys.readouterr().err
    assert "encrypted at rest" in told
    assert "green" not in told


def test_no_store_is_said_without_a_trace(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ServiceError):
        ServiceStore("/nowhere/at/all.db")
    assert call(["shadow", "report", "--from-service", "/nowhere/at/all.db"]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_shadow_report_counts_agreement_and_queues_the_rest(
    shop: Shop, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = {"a": ("block", "block"), "b": ("warn", "block"), "c": ("allow", "block"), "d": ("allow", "allow")}
    for name, (live, challenger) in pairs.items():
        shop.screened(name, decision=live)
        shop.shadowed(name, live, challenger)
    assert call(["shadow", "report", "--from-service", str(shop.path), "--queue", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    report = told["reports"][0]
    assert report["matrix"]["allow"] == {"allow": 1, "warn": 0, "block": 1}
    assert (report["same_decision"], report["disagreements"]) == (0.5, ["c", "b"])
    assert (told["queued"], shop.cases("shadow")) == (2, 2)
    assert call(["shadow", "report", "--from-service", str(shop.path), "--queue"]) == 0
    assert shop.cases("shadow") == 2


def test_suggestions_leave_reviewed_and_repeated_drafts_out_and_fill_the_queue(
    shop: Shop, shelf: tuple[ModelRegistry, str], capsys: pytest.CaptureFixture[str]
) -> None:
    registry, version = shelf
    registry.promote(version, who="ada", why="live")
    shop.screened("reviewed")
    shop.reviewed("reviewed", [("uphold", "substitute_offer")])
    shop.screened("twice-1", Draft("GG-1", "Hello", "Zorgle blimpf quux, shall we?"))
    shop.screened("twice-2", Draft("GG-1", "Hello", "Zorgle blimpf quux, shall we?"))
    shop.screened("plain", Draft("GG-2", "Your order is delayed", "Your order is delayed and will ship on Monday."))
    assert call(["suggest", "--from-service", str(shop.path), "--queue", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    ids = [s["id"] for s in told["suggestions"]]
    assert ids == ["twice-1", "plain"]
    assert told["suggestions"][0]["novelty"] > told["suggestions"][1]["novelty"]
    assert (told["queued"], shop.cases("suggested")) == (2, 2)
    assert "Zorgle" not in json.dumps(told)
