"""The numbers as rows tell them, by another path; the audit as it opens."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import func, select

from classifier import Label
from service.review.cases.closed_cases import closed_cases
from service.review.statistics.agreement import DoubleReading, agreement, by_readers
from service.review.statistics.figures import FATES, TABLES, ReportPeriod, StatisticsTable, wilson
from service.review.statistics.reviewers import by_reviewer
from service.review.statistics.routes import TABLES as SHOWN
from service.review.web.wording import KIND
from service.storage.tables.review import AuditRow, CaseDecisionRow, CaseRow, UserRow
from service.storage.tables.screenings import AcknowledgementRow, FindingRow, ScreeningRow
from tests.service.review.cases.test_correcting import NO_SUBJECT
from tests.service.review.desk import Desk, Seat

Sit = Callable[[str], Seat]


def table(desk: Desk, name: str) -> StatisticsTable:
    now = datetime.now(UTC)
    with desk.service.services.database.reading() as session:
        return TABLES[name](ReportPeriod(session, now - timedelta(days=1), now + timedelta(hours=1)))


def yesterday() -> datetime:
    """Where the tables of these tests begin."""
    return datetime.now(UTC) - timedelta(days=1)


PROHIBITED = {"substitute_offer", "cancellation_probing"}
STEPS = ("under 15 min", "under 1 h", "under 4 h", "under 24 h", "longer")


@dataclass
class Raw:
    """Every row that the numbers rest on, and what follows from them by plain counting: another path to each figure."""

    cases: list[CaseRow]
    acts: list[CaseDecisionRow]
    findings: list[FindingRow]
    screenings: list[ScreeningRow]
    audit: list[AuditRow]
    names: dict[int, str]

    @classmethod
    def read(cls, desk: Desk) -> "Raw":
        with desk.service.services.database.reading() as session:
            rows = [
                list(session.scalars(select(t))) for t in (CaseRow, CaseDecisionRow, FindingRow, ScreeningRow, AuditRow)
            ]
            return cls(*rows, {user.id: user.name for user in session.scalars(select(UserRow))})  # type: ignore[arg-type]

    def standing(self) -> list[CaseDecisionRow]:
        undone = {act.undoes for act in self.acts}
        outcomes = ("uphold", "overturn", "relabel")
        return [act for act in self.acts if act.action in outcomes and act.id not in undone]

    def closed(self) -> list[tuple[CaseRow, CaseDecisionRow, CaseDecisionRow, bool]]:
        """(case, first decision, last decision, overturned) of each case that is decided."""
        found = []
        for case in self.cases:
            mine = [act for act in self.standing() if act.case_id == case.id and act.id > (case.earlier_round or 0)]
            if case.decided_at and case.decided_at > yesterday() and mine:
                first, last = min(mine, key=lambda a: a.id), max(mine, key=lambda a: a.id)
                found.append((case, first, last, self._overturned(case, last)))
        return found

    def _overturned(self, case: CaseRow, last: CaseDecisionRow) -> bool:
        labels = set((last.labels or "").split())
        truth = "block" if labels & PROHIBITED else "allow" if labels else "warn"
        form = any(
            f.severity == "warn" and f.witness in ("form", "order", "policy") and f.rule_id != "no-recognised-reason"
            for f in self.of(case)
        )
        if case.decision == "warn":
            return not (truth != "allow" or (form and last.action != "overturn"))
        return truth != case.decision

    def of(self, case: CaseRow) -> list[FindingRow]:
        return [finding for finding in self.findings if finding.screening_id == case.screening_id]


def is_grave(finding: FindingRow) -> bool:
    return finding.severity in ("warn", "block")


def tallied(pairs: Iterable[tuple[str, bool]]) -> dict[str, tuple[int, int]]:
    """(how many, how many of them so) by name."""
    found: dict[str, tuple[int, int]] = {}
    for name, so in pairs:
        count, hits = found.get(name, (0, 0))
        found[name] = (count + 1, hits + so)
    return found


def test_each_figure_of_the_cases_is_what_the_rows_say(desk: Desk, seat: Sit) -> None:
    mira, jonas = seat("mira"), seat("jonas")
    cases = [desk.case(second=n == 0) for n in range(4)]
    for case, outcome in zip(cases, ("uphold", "overturn", "uphold", "overturn"), strict=True):
        mira.decide(case, outcome)
    jonas.decide(cases[0], "uphold")
    mira.post(f"/cases/{cases[2]}/reopen", reason="Wrong.", filter="")
    mira.decide(cases[2], "overturn")
    raw = Raw.read(desk)
    closed = raw.closed()
    assert len(closed) >= 4

    def shares(name: str) -> dict[str, tuple[int, int]]:
        return {str(row[0]): (int(row[3] or 0), int(row[2] or 0)) for row in table(desk, name).rows}

    words = {label: label.replace("_", " ").capitalize() for label in {w for c in raw.cases for w in c.labels.split()}}
    assert shares("labels") == tallied(
        (name, over) for case, *_, over in closed for name in ([words[w] for w in case.labels.split()] or ["No label"])
    )
    assert shares("models") == tallied((case.model_version, over) for case, *_, over in closed)
    grave = [
        ({f.rule_id if f.witness == "rule" else f"{f.witness}: {f.rule_id}" for f in raw.of(case) if is_grave(f)}, over)
        for case, *_, over in closed
    ]
    assert shares("rules") == tallied((name, over) for names, over in grave for name in names)
    by_day = tallied((last.at.date().isoformat(), over) for _, _, last, over in closed)
    assert {str(row[0]): (row[1], row[2]) for row in table(desk, "decisions").rows} == {
        day: (whole - over, over) for day, (whole, over) in by_day.items()
    }
    for name, decision in (("false-blocks", "block"), ("false-warnings", "warn")):
        read = tallied(
            (last.at.date().isoformat(), over) for case, _, last, over in closed if case.decision == decision
        )
        assert {str(row[0]): (row[1], row[2]) for row in table(desk, name).rows} == read
    hours = [(first.at - case.created_at).total_seconds() / 3600 for case, first, *_ in closed]
    limits = (0, 0.25, 1, 4, 24, 1e9)
    expected = [sum(low <= h < high for h in hours) for low, high in pairwise(limits)]
    assert [row[1] for row in table(desk, "time").rows] == expected
    waiting = Counter(case.kind for case in raw.cases if case.decided_at is None)
    assert {str(row[0]): row[1] for row in table(desk, "backlog").rows} == {KIND[k]: n for k, n in waiting.items()}
    volumes = Counter((s.created_at.date().isoformat(), s.decision) for s in raw.screenings)
    assert {str(row[0]): row[1:] for row in table(desk, "volumes").rows} == {
        day: tuple(volumes[day, decision] for decision in ("block", "warn", "allow")) for day, _ in volumes
    }


def test_each_figure_of_a_reviewer_is_what_the_rows_say(desk: Desk, seat: Sit) -> None:
    mira = seat("mira")
    for outcome in ("uphold", "overturn", "uphold"):
        mira.decide(desk.case(), outcome)
    raw = Raw.read(desk)
    rows = {str(row[0]): row for row in reviewers(desk)}
    made = [act for act in raw.standing() if act.at > yesterday()]
    assert {name: row[1] for name, row in rows.items()} == Counter(raw.names[act.actor_id] for act in made)
    for name, row in rows.items():
        mine = [act for act in made if raw.names[act.actor_id] == name]
        against = sum(act.action == "overturn" for act in mine)
        assert (row[2], row[3]) == (against, pytest.approx(against / len(mine)))
        waits = []
        for act in mine:
            case = f"case:{act.case_id}"
            mine_here = [a for a in raw.audit if (a.actor, a.subject) == (name, case) and a.at <= act.at]
            opened = [a.at for a in mine_here if a.action in ("claimed", "took_over")]
            if opened:
                waits.append(round((act.at - max(opened)).total_seconds()))
        for value, share in ((row[6], 0.5), (row[7], 0.9)):
            within = sum(wait <= int(value or 0) for wait in waits)
            below = sum(wait < int(value or 0) for wait in waits)
            assert not waits or below < share * len(waits) <= within


def reviewers(desk: Desk, only: str = "") -> list[Any]:
    now = datetime.now(UTC)
    with desk.service.services.database.reading() as session:
        return list(by_reviewer(ReportPeriod(session, now - timedelta(days=1), now + timedelta(hours=1), only)).rows)


def test_numbers_by_reviewer_are_for_leads_and_ones_own_for_oneself(desk: Desk, seat: Sit) -> None:
    for name in ("mira", "jonas"):
        seat(name).decide(desk.case(), "uphold")
    assert {"mira,", "jonas,"} <= {line[: line.find(",") + 1] for line in sheet(seat("lena"))}
    assert not [line for line in sheet(seat("mira"))[1:] if line and not line.startswith("mira,")]


def sheet(sitting: Seat) -> list[str]:
    return sitting.get("/numbers/reviewers.csv?days=7").text.splitlines()


def test_any_days_can_be_looked_at(desk: Desk, seat: Sit) -> None:
    lena, today = seat("lena"), datetime.now(UTC).date()
    page = lena.page(f"/numbers?since={today}&until={today}")
    assert f"{today} to {today}" in page
    assert "Nothing to count yet" in lena.page("/numbers?since=2020-01-01&until=2020-01-31")
    for wrong in ("since=2020-02-01&until=2020-01-01", "since=never", "since=2999-01-01&until=2999-01-02"):
        assert lena.get(f"/numbers?{wrong}").status_code == 422


def test_agreement_has_its_n_and_its_pairs_of_readers() -> None:
    swap, none, both = (
        frozenset({Label.SUBSTITUTE_OFFER}),
        frozenset[Label](),
        frozenset({Label.SUBSTITUTE_OFFER, Label.DELAY_NOTICE}),
    )
    read = [
        DoubleReading(("ann", "bob"), (swap, swap)), DoubleReading(("bob", "ann"), (none, swap)),
        DoubleReading(("ann", "cy"), (both, both)),
    ]  # fmt: skip
    first, second = by_readers(read)
    assert (first.readers, first.cases, first.same) == (("ann", "bob"), 2, 1)
    assert (second.readers, second.cases, second.same, second.kappa) == (("ann", "cy"), 1, 1, 1.0)
    # ann said yes twice and bob once in twelve answers: observed 11/12, by chance 2/12 * 1/12 + 10/12 * 11/12
    chance = (2 * 1 + 10 * 11) / 144
    assert first.kappa == pytest.approx((11 / 12 - chance) / (1 - chance))
    assert [row.cases for row in agreement([one.labels for one in read])] == [3] * 6


def test_the_page_of_agreement_shows_them(desk: Desk, seat: Sit) -> None:
    case = desk.case(second=True)
    seat("mira").decide(case, "uphold")
    seat("jonas").decide(case, "uphold")
    page = seat("lena").page("/agreement")
    assert "jonas and mira" in page
    assert re.search(r'data-th="Cases" class="number">\d', page)


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
    empty += [] if reviewers(desk, "mira") else ["reviewers"]
    assert page.count("Nothing to count yet") == bool(empty)
    assert page.count('<section class="card"') == len(SHOWN) - len(empty)


def test_the_audit_opens_without_signing_in_and_groups_what_belongs_together(desk: Desk, seat: Sit) -> None:
    case, lena = desk.case(), seat("lena")
    seat("mira").decide(case, "uphold")
    page = lena.page("/audit")
    assert '<td data-th="Did" class="moment">signed in</td>' not in page
    assert page.count(f'title="case:{case}"') == 1
    desk.fresh_seat("mira").client.close()  # the page holds the newest hundred rows
    assert "signed in</td>" in lena.page("/audit?sign_ins=1&actor=mira")
    assert "signed in</td>" in lena.page("/audit?action=signed_in")


def test_a_refusal_offers_the_way_back(desk: Desk, seat: Sit) -> None:
    mira = seat("mira")
    came = {"referer": f"{desk.service.url}/review/mine"}
    answer = mira.client.get("/review/cases/none", headers=came)
    assert answer.status_code == 404
    assert 'href="/review/mine">Back</a>' in " ".join(answer.text.split())
