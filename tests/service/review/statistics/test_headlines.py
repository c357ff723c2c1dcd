"""What followed a warning, and the figures on top of the numbers: recomputed from the rows by another path."""

import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from service.review.statistics.figures import FATES, ReportPeriod, after_warning
from service.review.statistics.headlines import Headline, headlines
from service.storage.tables.review import CaseRow
from service.storage.tables.screenings import AcknowledgementRow, ScreeningRow, WithdrawalRow
from tests.service.review.cases.test_correcting import NO_SUBJECT
from tests.service.review.desk import Desk, Seat
from tests.service.review.statistics.test_figures import Raw

Sit = Callable[[str], Seat]
CLEAN, FLAGGED, SENT, WITHDRAWN, NOTHING = FATES
DAYS = timedelta(hours=6)


def screened(desk: Desk, *, subject: str = "", after: str | None = None) -> str:
    """A draft that is warned about where it has no subject, else allowed; its id."""
    more = {"previous_screening_id": after} if after else {}
    answer = desk.service.screen({**NO_SUBJECT, "subject": subject, **more}, merchant_id="M-fates")
    assert answer["decision"] == ("allow" if subject else "warn"), answer
    screening: str = answer["screening_id"]
    return screening


def sent_all_the_same(desk: Desk, screening: str) -> None:
    answer = desk.service.client.post(f"/screenings/{screening}/acknowledge", json={"reason": "It is in the details."})
    assert answer.status_code == 200, answer.text


def withdrawn(desk: Desk, screening: str) -> None:
    assert desk.service.client.post(f"/screenings/{screening}/withdraw").status_code == 200


EACH = Counter({CLEAN: 4, FLAGGED: 1, SENT: 1, WITHDRAWN: 1, NOTHING: 1})
"""What `each_fate` adds."""


def each_fate(desk: Desk) -> None:
    """Warned drafts with each thing that can follow, alone and one after another."""
    mended, chained, sent, given_up, _, twice, late = (screened(desk) for _ in range(7))
    screened(desk, subject="About your parcel", after=mended)
    halfway = screened(desk, after=chained)  # itself a warned draft, which is mended
    screened(desk, subject="About your parcel", after=halfway)
    sent_all_the_same(desk, sent)
    screened(desk, subject="About your parcel", after=sent)
    withdrawn(desk, given_up)
    screened(desk, subject="About your parcel", after=twice)
    sent_all_the_same(desk, twice)
    screened(desk, subject="About your parcel", after=late)
    withdrawn(desk, late)


@dataclass
class Figures:
    """The figures of some days as the desk has them."""

    rows: dict[str, tuple[float, int]]
    heads: dict[str, Headline]

    @classmethod
    def of(cls, desk: Desk, since: datetime) -> "Figures":
        with desk.service.services.database.reading() as session:
            days = ReportPeriod(session, since, since + DAYS)
            rows = {str(name): (float(share or 0), int(count or 0)) for name, share, count in after_warning(days).rows}
            return cls(rows, {one.name: one for one in headlines(days)})


def recounted(desk: Desk, since: datetime, until: datetime) -> Counter[str]:
    """By another path: from each warned draft forward, to whatever the tables hold of it, the earliest first."""
    with desk.service.services.database.reading() as session:
        screenings = list(session.scalars(select(ScreeningRow)))
        acknowledged = {row.screening_id: row.at for row in session.scalars(select(AcknowledgementRow))}
        withdrawn = {row.screening_id: row.at for row in session.scalars(select(WithdrawalRow))}
    fates: Counter[str] = Counter()
    for warned in screenings:
        if warned.decision != "warn" or not since <= warned.created_at < until:
            continue
        first, when = NOTHING, datetime.max.replace(tzinfo=UTC)
        for edit in screenings:
            if edit.previous_id == warned.id and edit.created_at < when:
                first, when = CLEAN if edit.decision == "allow" else FLAGGED, edit.created_at
        for fate, at in ((SENT, acknowledged.get(warned.id)), (WITHDRAWN, withdrawn.get(warned.id))):
            if at and at < when:
                first, when = fate, at
        fates[first] += 1
    return fates


def interval(count: int, whole: int) -> tuple[float, float]:
    """The shares p from which the one that was seen lies just 1.96 standard errors away: the roots of a square."""
    z = 1.959964
    a, b, c = whole + z * z, -(2 * count + z * z), count * count / whole
    root = math.sqrt(b * b - 4 * a * c)
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


def as_headline(name: str, of: str, now: tuple[int, int], before: tuple[int, int]) -> Headline:
    low, high = interval(*now)
    rests_on = f"of {now[1]:,} {of}, {round(low * 100)}% to {round(high * 100)}%"
    was = f"{before[0] / before[1]:.1%} of {before[1]:,} in the days before"
    return Headline(name, f"{100 * now[0] / now[1]:.1f}%", rests_on, was)


def blocks_read(desk: Desk, since: datetime, until: datetime) -> tuple[int, int]:
    """(unjust, all) of the blocks whose case was decided in these days."""
    read = [
        over for case, *_, over in Raw.read(desk).closed()
        if case.decision == "block" and case.decided_at and since <= case.decided_at < until
    ]  # fmt: skip
    return sum(read), len(read)


@pytest.fixture(scope="module")
def middle(desk: Desk) -> datetime:
    """Where the days begin that are looked at; before it and after it, each thing has happened."""
    mira = desk.seat("mira")

    def happen(outcomes: str) -> None:
        each_fate(desk)
        for outcome in outcomes:
            mira.decide(desk.case(), {"u": "uphold", "o": "overturn"}[outcome])

    happen("uo")
    began = datetime.now(UTC)
    happen("uuo")
    desk.free()
    return began


def test_what_followed_a_warning_is_what_the_rows_say(desk: Desk, middle: datetime) -> None:
    counted = recounted(desk, middle, middle + DAYS)
    assert counted == EACH
    rows = Figures.of(desk, middle).rows
    assert list(rows) == list(FATES)
    assert {name: count for name, (_, count) in rows.items()} == counted
    for name, (share, _) in rows.items():
        assert share == pytest.approx(counted[name] / counted.total())
    earlier = recounted(desk, middle - DAYS, middle)
    assert {name: count for name, (_, count) in Figures.of(desk, middle - DAYS).rows.items()} == earlier
    assert earlier.total() > counted.total()  # the desk's own drafts are older


def test_the_share_that_was_mended_is_what_the_rows_say(desk: Desk, middle: datetime) -> None:
    now, before = recounted(desk, middle, middle + DAYS), recounted(desk, middle - DAYS, middle)
    pairs = [(fates[CLEAN], fates.total()) for fates in (now, before)]
    expected = as_headline("Mended after a warning", "warned drafts", *pairs)
    assert Figures.of(desk, middle).heads[expected.name] == expected


def test_the_share_of_false_blocks_is_what_the_rows_say(desk: Desk, middle: datetime) -> None:
    now, before = blocks_read(desk, middle, middle + DAYS), blocks_read(desk, middle - DAYS, middle)
    assert now == (1, 3)
    assert before[1] >= 2
    expected = as_headline("False blocks", "blocks read", now, before)
    assert Figures.of(desk, middle).heads[expected.name] == expected


@pytest.mark.parametrize(
    ("age", "said"),
    [(timedelta(minutes=7), "7 min"), (timedelta(hours=31), "31 h"), (timedelta(days=5), "5 days")],
)
def test_the_oldest_wait_is_that_of_the_case_that_came_first(
    desk: Desk, middle: datetime, age: timedelta, said: str
) -> None:
    waiting = [case for case in Raw.read(desk).cases if case.decided_at is None]
    decided = next(case for case in Raw.read(desk).cases if case.decided_at)
    moved = waiting[len(waiting) // 2]
    kept = {case.id: case.created_at for case in (*waiting, decided)}
    with desk.service.services.database.writing() as session:  # all come just now, but for one and one that is decided
        now = datetime.now(UTC)
        session.execute(update(CaseRow).where(CaseRow.decided_at.is_(None)).values(created_at=now))
        session.execute(update(CaseRow).where(CaseRow.id == moved.id).values(created_at=now - age))
        session.execute(update(CaseRow).where(CaseRow.id == decided.id).values(created_at=now - 2 * age))
    try:
        head = Figures.of(desk, middle).heads["Oldest wait"]
        assert head == Headline("Oldest wait", said, f"of {len(waiting):,} that wait", "")
    finally:
        with desk.service.services.database.writing() as session:
            for case_id, created_at in kept.items():
                session.execute(update(CaseRow).where(CaseRow.id == case_id).values(created_at=created_at))


def test_the_page_shows_the_figures_that_were_counted(desk: Desk, seat: Sit, middle: datetime) -> None:
    page = seat("mira").page("/numbers?days=7")
    week = recounted(desk, datetime.now(UTC) - timedelta(days=8), datetime.now(UTC) + timedelta(days=1))
    unjust, read = blocks_read(desk, datetime.now(UTC) - timedelta(days=8), datetime.now(UTC) + timedelta(days=1))
    for name, count, whole in (
        ("False blocks", unjust, read),
        ("Mended after a warning", week[CLEAN], week.total()),
    ):
        assert re.search(rf"<dt>{name}</dt><dd>{100 * count / whole:.1f}% <small>of {whole:,} ", page), name
