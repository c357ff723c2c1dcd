"""One business day, by table: weekends, holidays, hours, and the days on which clocks change."""

from datetime import datetime

import pytest

from service.business_hours import ClockError, ReplyClock

CENTRAL = {"country": "US", "region": "", "zone": "America/Chicago", "hours": "09:00-17:00"}

TABLE = [
    ("within a day", "2026-11-03T10:30:00-06:00", "2026-11-04T10:30:00-06:00"),
    ("over a weekend", "2026-11-06T15:00:00-06:00", "2026-11-09T15:00:00-06:00"),
    ("before opening", "2026-11-03T05:00:00-06:00", "2026-11-04T09:00:00-06:00"),
    ("after closing", "2026-11-03T17:00:00-06:00", "2026-11-05T09:00:00-06:00"),
    ("on a Saturday", "2026-11-07T12:00:00-06:00", "2026-11-10T09:00:00-06:00"),
    ("before Thanksgiving", "2026-11-25T15:00:00-06:00", "2026-11-27T15:00:00-06:00"),
    ("on a holiday that is a Friday", "2026-12-25T12:00:00-06:00", "2026-12-29T09:00:00-06:00"),
    ("in another zone", "2026-11-04T02:30:00+05:30", "2026-11-04T15:00:00-06:00"),
    ("over the end of summer time", "2026-10-30T16:00:00-05:00", "2026-11-02T16:00:00-06:00"),
    ("over the start of summer time", "2026-03-06T16:00:00-06:00", "2026-03-09T16:00:00-05:00"),
]


@pytest.mark.parametrize(("received", "reply_by"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_a_response_is_due_one_business_day_later(received: str, reply_by: str) -> None:
    deadline = ReplyClock(**CENTRAL).deadline(datetime.fromisoformat(received))
    assert deadline.reply_by == datetime.fromisoformat(reply_by)


def test_a_moment_without_a_zone_is_utc() -> None:
    clock = ReplyClock(**CENTRAL)
    aware = clock.deadline(datetime.fromisoformat("2026-11-03T16:30:00+00:00"))
    assert clock.deadline(datetime(2026, 11, 3, 16, 30)) == aware


def test_another_country_has_other_holidays() -> None:
    clock = ReplyClock(country="DE", region="BY", zone="Europe/Berlin", hours="08:00-18:00")
    due = clock.deadline(datetime.fromisoformat("2026-11-25T15:00:00+01:00")).reply_by
    assert due == datetime.fromisoformat("2026-11-26T15:00:00+01:00")


@pytest.mark.parametrize(
    ("name", "value"),
    [("zone", "Mars/Base"), ("hours", "9-5"), ("hours", "17:00-09:00"), ("hours", ""), ("country", "XX")],
)
def test_a_setting_that_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(ClockError, match=f"SCREENING_BUSINESS_{name.upper()}"):
        ReplyClock(**{**CENTRAL, name: value})
