"""Numbers, the record, and reviewed cases going out."""

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa
import pytest
from pyarrow import parquet
from sqlalchemy import func, select, text
from sqlalchemy.exc import DatabaseError
from typer.testing import CliRunner

from service.cli.commands import app
from service.review.cases.closed_cases import closed_cases as done
from service.review.statistics.figures import TABLES
from service.storage.tables.review import AuditRow, CaseRow
from service.storage.tables.screenings import FindingRow, ScreeningRow
from tests.service.review.desk import SWAP, Desk, Seat

Sit = Callable[[str], Seat]


@pytest.fixture(scope="module")
def closed_cases(desk: Desk) -> dict[str, str]:
    """One case upheld with evidence, one overturned; screening -> outcome."""
    seat = desk.seat("mira")
    start = SWAP["body"].index("green one")
    mark = json.dumps([{"field": "body", "start": start, "end": start + 9, "label": "substitute_offer"}])
    found = {}
    for outcome, more in (("uphold", {"evidence": mark, "note": "=cmd()"}), ("overturn", {})):
        case = desk.case(SWAP, merchant_id="M-out")
        seat.decide(case, outcome, **more)
        found[desk.row(case).screening_id] = outcome
    return found


@pytest.mark.parametrize("name", TABLES)
def test_each_number_is_a_plot_a_table_and_a_sheet(
    desk: Desk, seat: Sit, closed_cases: dict[str, str], name: str
) -> None:
    mira = seat("mira")
    sheet = list(csv.reader(io.StringIO(mira.get(f"/numbers/{name}.csv").text)))
    assert len(sheet) > (name != "false-warnings")  # no warning was read here
    for theme in ("light", "dark"):
        answer = mira.get(f"/numbers/{name}.svg?theme={theme}")
        assert answer.headers["content-type"] == "image/svg+xml"
        assert "<svg" in answer.text


READ = """
SELECT count(*) FROM cases WHERE decided_at > :since AND EXISTS (
    SELECT 1 FROM case_decisions AS act WHERE act.case_id = cases.id AND act.id > coalesce(cases.earlier_round, 0)
    AND act.action IN ('uphold', 'overturn', 'relabel'))
"""
"""Cases that somebody decided in the days that the page counts; other tests of the desk move the clocks of some."""


def test_the_numbers_are_those_of_the_store(desk: Desk, seat: Sit, closed_cases: dict[str, str]) -> None:
    mira = seat("mira")

    def sheet(name: str) -> dict[str, list[str]]:
        return {row[0]: row[1:] for row in csv.reader(io.StringIO(mira.get(f"/numbers/{name}.csv").text))}

    with desk.service.services.database.reading() as session:
        screenings = session.execute(text("SELECT count(*) FROM screenings WHERE decision = 'block'")).scalar_one()
        read = session.execute(text(READ), {"since": datetime.now(UTC) - timedelta(days=29)}).scalar_one()
        sent = session.execute(text("SELECT count(*) FROM acknowledgements")).scalar_one()
        first, last = session.execute(
            select(func.min(ScreeningRow.created_at), func.max(ScreeningRow.created_at))
        ).one()
    days = {day: row for day, row in sheet("volumes").items() if day[:2] == "20"}
    assert sum(int(row[0]) for row in days.values()) == screenings
    assert (min(days), max(days)) == (first.date().isoformat(), last.date().isoformat())
    assert int(sheet("models")[desk.service.services.screeners.model_version][2]) == read
    assert int(sheet("after-warning")["Sent all the same"][1]) == sent
    assert mira.get("/numbers?days=31").status_code == 422
    assert mira.get("/numbers/nothing.csv").status_code == 404


def test_false_blocks_are_counted_by_day(desk: Desk, seat: Sit, closed_cases: dict[str, str]) -> None:
    head, *days = csv.reader(io.StringIO(seat("mira").get("/numbers/false-blocks.csv").text))
    assert head == ["Day", "Blocks read", "Unjust", "Share unjust"]
    assert sum(int(day[1]) for day in days) >= 2
    assert sum(int(day[2]) for day in days) >= 1


def test_a_warning_for_its_form_is_not_overturned_by_its_labels(desk: Desk, seat: Sit) -> None:
    draft = {"support_id": "GG-8K2P-4L7Q", "subject": "", "body": "Your order will ship two days late, on Friday."}
    answer = desk.service.screen(draft, merchant_id="M-form")
    assert answer["decision"] == "warn"
    desk.service.client.post(f"/screenings/{answer['screening_id']}/acknowledge", json={})
    with desk.service.services.database.reading() as session:
        case = session.scalars(select(CaseRow.id).where(CaseRow.screening_id == answer["screening_id"])).one()
    seat("mira").decide(case, "uphold", label=["delay_notice"])
    now = datetime.now(UTC)
    with desk.service.services.database.reading() as session:
        one = next(r for r in done(session, now - timedelta(hours=1), now + timedelta(hours=1)) if r.case.id == case)
    assert (one.form_at_fault, one.overturned) == (True, False)


def test_the_record_is_searched_exported_and_cannot_be_changed(
    desk: Desk, seat: Sit, closed_cases: dict[str, str]
) -> None:
    otto = seat("otto")
    found = list(csv.DictReader(io.StringIO(otto.get("/audit.csv?actor=mira&action=decided").text)))
    assert found
    assert {(row["actor"], row["action"]) for row in found} == {("mira", "decided")}
    assert json.loads(found[0]["after"])["state"]
    subject = found[0]["subject"]
    assert subject[-8:] in otto.page(f"/audit?subject={subject}")
    assert "Nothing found" in otto.page("/audit?actor=nobody")
    for change in (AuditRow.__table__.update().values(actor="x"), AuditRow.__table__.delete()):
        with pytest.raises(DatabaseError), desk.service.services.database.writing() as session:
            session.execute(change)


def test_the_page_of_the_record_says_whether_its_chain_holds(
    desk: Desk, seat: Sit, closed_cases: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    otto = seat("otto")
    page = otto.page("/audit")
    assert "The rows below follow from those before them." in page
    assert "Somebody has changed the record" not in page
    with desk.service.services.database.reading() as session:
        decided = select(AuditRow).where(AuditRow.action == "decided").order_by(AuditRow.id.desc())
        newest = session.scalars(decided).first()
    assert newest
    assert newest.hash in otto.get("/audit.csv").text
    monkeypatch.setattr("service.review.audit.records.broken_rows", lambda connection, rows, last: {newest.id})
    assert "Somebody has changed the record" in otto.page("/audit?action=decided")


def take(seat: Sit, format: str) -> bytes:
    answer = seat("lena").post("/out", format=format, since="", until="")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"].startswith("attachment")
    return answer.content


def ours(tickets: list[dict[str, Any]], closed_cases: dict[str, str]) -> dict[str, dict[str, Any]]:
    return {closed_cases[t["id"].removeprefix("screening-")]: t for t in tickets if t["id"][10:] in closed_cases}


def test_tickets_hold_what_people_said_with_its_provenance(seat: Sit, closed_cases: dict[str, str]) -> None:
    found = ours([json.loads(line) for line in take(seat, "jsonl").splitlines()], closed_cases)
    upheld, overturned = found["uphold"], found["overturn"]
    assert (upheld["labels"], upheld["evidence"]) == (["substitute_offer"], {"substitute_offer": ["green one"]})
    assert (overturned["labels"], overturned["evidence"]) == ([], {})
    assert overturned["machine"]["labels"] == ["substitute_offer"]
    assert "overturned by mira" in overturned["provenance"]
    assert "machine said block" in overturned["provenance"]


NARROWED = [
    ({"merchant": "M-out"}, {"uphold", "overturn"}), ({"merchant": "M-nobody"}, set()),
    ({"label": "substitute_offer"}, {"uphold"}), ({"label": "none"}, {"overturn"}),
    ({"label": "delay_notice"}, set()), ({"rule": "substitute.no-such"}, set()),
    ({"until": "2020-01-01"}, set()), ({"since": "2020-01-01", "label": "none"}, {"overturn"}),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "there"), NARROWED)
def test_an_export_is_narrowed_and_previewed(
    desk: Desk, seat: Sit, closed_cases: dict[str, str], asked: dict[str, str], there: set[str]
) -> None:
    lena = seat("lena")
    lines = lena.post("/out", format="jsonl", **asked).text.splitlines()
    assert set(ours([json.loads(line) for line in lines], closed_cases)) == there
    page = lena.page(f"/out?{urlencode(asked)}")
    assert f"{len(lines):,} reviewed {'case' if len(lines) == 1 else 'cases'}" in page
    assert page.count('data-th="The machine said"') == min(len(lines), 10)
    key = desk.service.key("review-export")
    by_key = desk.service.client.get(f"/review/export?{urlencode(asked)}", headers=key).text.splitlines()
    assert by_key == lines


def test_an_export_is_narrowed_by_a_rule_and_refuses_what_it_does_not_know(
    desk: Desk, seat: Sit, closed_cases: dict[str, str]
) -> None:
    lena, screening = seat("lena"), next(iter(closed_cases))
    with desk.service.services.database.reading() as session:
        rule = session.scalars(select(FindingRow.rule_id).where(FindingRow.screening_id == screening)).first()
    lines = lena.post("/out", format="jsonl", rule=rule).text.splitlines()
    assert screening in "".join(lines)
    assert lena.post("/out", format="jsonl", label="nonsense").status_code == 422
    assert lena.get("/out?since=never").status_code == 422


def test_the_command_writes_what_the_desk_does(
    desk: Desk, seat: Sit, closed_cases: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, target = desk.service.services.settings, tmp_path / "out.jsonl"
    monkeypatch.setenv("SCREENING_HOME", str(settings.home))
    monkeypatch.setenv("SCREENING_DATABASE_URL", settings.database())
    wanted = ["export", str(target), "--format", "jsonl", "--merchant", "M-out"]
    assert CliRunner().invoke(app, wanted).exit_code == 0
    assert target.read_text() == seat("lena").post("/out", format="jsonl", merchant="M-out").text
    assert "=cmd()" in target.read_text()
    assert CliRunner().invoke(app, [*wanted, "--label", "nonsense"]).exit_code == 2
    assert "operator" in seat("otto").page("/audit.csv?action=exported")


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_tables_hold_the_same_tickets(seat: Sit, closed_cases: dict[str, str], format: str) -> None:
    raw = take(seat, format)
    rows = (
        list(csv.DictReader(io.StringIO(raw.decode())))
        if format == "csv"
        else parquet.read_table(pa.BufferReader(raw)).to_pylist()
    )
    found = ours(rows, closed_cases)
    assert found["uphold"]["labels"] == "substitute_offer"
    assert json.loads(found["uphold"]["evidence"]) == {"substitute_offer": ["green one"]}
    assert found["overturn"]["labels"] == ""
    assert found["uphold"]["body"] == SWAP["body"]


def test_label_studio_and_prodigy_take_the_persons_spans(seat: Sit, closed_cases: dict[str, str]) -> None:
    tasks = json.loads(take(seat, "label-studio"))
    task = next(t for t in tasks if closed_cases.get(t["data"]["ticket_id"][10:]) == "uphold")
    choices, span = task["annotations"][0]["result"]
    assert choices["value"] == {"choices": ["substitute_offer"]}
    assert SWAP["body"][span["value"]["start"] : span["value"]["end"]] == "green one"
    assert "predictions" not in task
    lines = [json.loads(line) for line in take(seat, "prodigy").splitlines()]
    line = next(one for one in lines if closed_cases.get(one["ticket_id"][10:]) == "uphold")
    assert [line["text"][s["start"] : s["end"]] for s in line["spans"]] == ["green one"]
    assert (line["accept"], line["answer"]) == (["substitute_offer"], "accept")


def test_a_key_with_the_right_takes_the_same_and_it_is_recorded(
    desk: Desk, seat: Sit, closed_cases: dict[str, str]
) -> None:
    client, url = desk.service.client, "/review/export?format=jsonl"
    assert client.get(url).status_code == 403
    answer = client.get(url, headers=desk.service.key("review-export"))
    assert len(answer.text.splitlines()) >= 2
    assert client.get(url + "x", headers=desk.service.key("review-export")).status_code == 422
    assert "exported" in seat("otto").page("/audit.csv?action=exported")
