"""Cases that are no refusal's doing: suggested by the workbench, disputed by a challenger, sent unscreened. Each from
its opening through the desk and out again as a labelled ticket."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from service.storage.tables.review import AuditRow, CaseRow
from service.storage.tables.screenings import ScreeningRow, ShadowVerdictRow
from tests.service.review.desk import SWAP, Desk, Seat
from tests.service.review.queue.test_queue import walk
from training.__main__ import call

Sit = Callable[[str], Seat]
DELAY = {
    "support_id": "GG-7Q2P-4L7Q",
    "subject": "Your order ships on Monday",
    "body": "Hello, the tortoise teapot is late at our end. It will ship on Monday. There is nothing you need to do.",
}


def case_of(desk: Desk, screening: str, kind: str) -> str:
    with desk.service.services.database.reading() as session:
        query = select(CaseRow.id).where(CaseRow.screening_id == screening, CaseRow.kind == kind)
        return session.scalars(query).one()


def exported(seat: Seat, screening: str) -> dict[str, Any]:
    lines = seat.post("/out", format="jsonl", since="", until="").text.splitlines()
    return next(ticket for ticket in map(json.loads, lines) if screening in ticket["id"])


def opened_by(desk: Desk, case: str) -> tuple[str, Any]:
    with desk.service.services.database.reading() as session:
        row = session.scalars(select(AuditRow).where(AuditRow.subject == f"case:{case}", AuditRow.action == "created"))
        entry = row.one()
        return entry.actor, entry.after


def test_what_the_workbench_suggests_is_found_decided_and_exported(
    desk: Desk, seat: Sit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    screening = desk.service.screen(DELAY, merchant_id="M-suggested")["screening_id"]
    monkeypatch.setenv("SCREENING_HOME", str(tmp_path))
    store = desk.service.services.settings.database()
    assert call(["suggest", "--from-service", store, "--queue", "--most", "1000", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["queued"] > 1
    case, mira = case_of(desk, screening, "suggested"), seat("mira")
    assert "Suggested for labelling" in mira.page("")
    assert case in walk(mira, "queue=suggested")
    assert walk(mira, "queue=all&words=tortoise+teapot") == [case]
    assert opened_by(desk, case) == ("workbench", {"kind": "suggested", "screening": screening})
    assert "Suggested for labelling" in mira.page(f"/cases/{case}?queue=suggested")
    mira.decide(case, "relabel", label=["delay_notice", "inventory_cancellation"])
    assert case not in walk(mira, "queue=suggested")
    ticket = exported(seat("lena"), screening)
    assert sorted(ticket["labels"]) == ["delay_notice", "inventory_cancellation"]


def test_a_challengers_disagreement_is_shown_beside_the_verdict_and_decided(
    desk: Desk, seat: Sit, capsys: pytest.CaptureFixture[str]
) -> None:
    screening = desk.service.screen({**DELAY, "subject": "A llama in shadow"}, merchant_id="M-shadow")["screening_id"]
    with desk.service.services.database.writing() as session:
        row = session.get_one(ScreeningRow, screening)
        session.add(
            ShadowVerdictRow(
                screening_id=screening, model_version="challenger-7", live_version=row.model_version, decision="block",
                live_decision=row.decision, labels="substitute_offer", live_labels=row.labels, probabilities={},
                created_at=datetime.now(UTC),
            )
        )  # fmt: skip
    store = desk.service.services.settings.database()
    assert call(["shadow", "report", "--from-service", store, "--queue", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["queued"] == 1
    case, mira = case_of(desk, screening, "shadow"), seat("mira")
    assert walk(mira, "queue=shadow") == [case]
    page = mira.page(f"/cases/{case}?queue=shadow")
    assert "Shadow disagreement" in page
    assert re.search(r"<code>challenger-7</code> would say <span class=\"decision block\">", page)
    mira.decide(case, "uphold")
    assert walk(mira, "queue=shadow") == []
    assert exported(seat("lena"), screening)["labels"] == row.labels.split()


def test_a_draft_that_was_sent_unscreened_waits_with_its_reason(desk: Desk, seat: Sit) -> None:
    sent = {**SWAP, "subject": "The panda kettle", "reason": "timeout", "merchant_id": "M-unscreened"}
    answer = desk.service.client.post("/unscreened", json=sent)
    assert answer.status_code == 202, answer.text
    screening = answer.json()["screening_id"]
    case, mira = case_of(desk, screening, "unscreened"), seat("mira")
    assert walk(mira, "queue=unscreened") == [case]
    assert case in walk(mira, "queue=all&words=panda+kettle")
    page = mira.page(f"/cases/{case}?queue=unscreened")
    assert "Sent unscreened" in page
    assert "timeout" in page
    mira.decide(case, "uphold")
    assert walk(mira, "queue=unscreened") == []
    assert exported(seat("lena"), screening)["labels"] == ["substitute_offer"]
