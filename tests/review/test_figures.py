"""The numbers as rows tell them, by another path; the audit as it opens."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from service.review.cases.closed_cases import closed_cases
from service.review.statistics.figures import FATES, TABLES, ReportPeriod, StatisticsTable, wilson
from service.storage.tables.review import CaseRow
from service.storage.tables.screenings import AcknowledgementRow, FindingRow, ScreeningRow
from tests.review.desk import Desk, Seat
from tests.review.test_correcting import NO_SUBJECT

Sit = Callable[[str], Seat]


def table(desk: Desk, name: str) -> StatisticsTable:
    now = datetime.now(UTC)
    with desk.service.services.database.reading() as session:
        return TABLES[name](ReportPeriod(session, now - timedelta(days=1), now + timedelta(hours=1)))


def test_what_came_first_after_a_warning_is_what_is_counted(desk: Desk) -> None:
    before = {str(name): count for name, _, count in table(desk, "after-warning").rows}
    warned = desk.service.screen(NO_SUBJECT, merchant_id="M-first")
    assert warned["decision"] == "warn"
    path = f"/screenings/{warned['screening_id']}/acknowledge"
    assert desk.service.client.post(path, json={"reason": "It is in the details."}).status_code == 200
    edited = {**NO_SUBJECT, "subject": "About your parcel", "previous_screening_id": warned["screening_id"]}
    desk.service.screen(edited, merchant_id="M-first")
    with desk.service.services.database.reading() as session:
        screening = session.get_one(ScreeningRow, warned["screening_id"])
        assert session.get_one(AcknowledgementRow, screening.id).at >= screening.created_at
    after = {str(name): count for name, _, count in table(desk, "after-warning").rows}
    grown = {name: int(after[name] or 0) - int(before[name] or 0) for name in FATES}
    assert grown[FATES[2]] == 1
    assert grown[FATES[0]] == 0


def test_labels_and_findings_leave_nothing_out(desk: Desk, seat: Sit) -> None:
    case = desk.case()
    seat("mira").decide(case, "uphold")
    now = datetime.now(UTC)
    with desk.service.services.database.reading() as session:
        closed = closed_cases(session, now - timedelta(days=1), now + timedelta(hours=1))
        for one in closed:
            query = select(FindingRow).where(FindingRow.screening_id == one.case.screening_id)
            grave = {row.rule_id for row in session.scalars(query) if row.severity in ("warn", "block")}
            assert {name.rpartition(": ")[2] for name in one.findings} == grave
    decided = {str(row[0]): row[3] for row in table(desk, "labels").rows}
    assert decided.get("No label", 0) == sum(not one.case.labels for one in closed)
    unjust = sum(one.overturned for one in closed if one.case.decision == "block")
    read = sum(one.case.decision == "block" for one in closed)
    assert f"Of {read} blocks that people read, {unjust} were unjust" in table(desk, "false-blocks").says


@pytest.mark.parametrize(
    ("count", "whole", "low", "high"), [(0, 4, 0.0, 0.4899), (1, 10, 0.0179, 0.4042), (50, 100, 0.4038, 0.5962)]
)
def test_an_interval_is_wilsons(count: int, whole: int, low: float, high: float) -> None:
    assert wilson(count, whole) == pytest.approx((low, high), abs=1e-4)


def test_shares_are_ranked_by_what_is_sure(desk: Desk) -> None:
    rows = table(desk, "rules").rows
    assert [row[4] for row in rows] == sorted((row[4] for row in rows), reverse=True)  # type: ignore[type-var]


def test_four_figures_stand_on_top_and_what_is_empty_is_one_line(desk: Desk, seat: Sit) -> None:
    page = seat("mira").page("/numbers?days=7")
    with desk.service.services.database.reading() as session:
        drafts = session.scalar(select(func.count()).select_from(ScreeningRow))
        waiting = session.scalar(select(func.count()).select_from(CaseRow).where(CaseRow.decided_at.is_(None)))
    assert f"<dt>Drafts screened</dt><dd>{drafts:,} " in page
    assert f"of {waiting:,} that wait" in page
    assert page.count("<dt>") == 4
    empty = [name for name in TABLES if not table(desk, name).rows]
    assert page.count("Nothing to count yet") == bool(empty)
    assert page.count('<section class="card"') == len(TABLES) - len(empty)


def test_the_audit_opens_without_signing_in_and_groups_what_belongs_together(desk: Desk, seat: Sit) -> None:
    case, lena = desk.case(), seat("lena")
    seat("mira").decide(case, "uphold")
    page = lena.page("/audit")
    assert '<td data-th="Did" class="moment">signed in</td>' not in page
    assert page.count(f'title="case:{case}"') == 1
    assert "signed in</td>" in lena.page("/audit?sign_ins=1&actor=mira")
    assert "signed in</td>" in lena.page("/audit?action=signed_in")


def test_a_refusal_offers_the_way_back(desk: Desk, seat: Sit) -> None:
    mira = seat("mira")
    came = {"referer": f"{desk.service.url}/review/mine"}
    answer = mira.client.get("/review/cases/none", headers=came)
    assert answer.status_code == 404
    assert 'href="/review/mine">Back</a>' in " ".join(answer.text.split())
