"""The reply clock: by when a customer's response must be answered, one business day later. Pure."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays


class ClockError(ValueError):
    """A business setting that cannot be used; the text names it."""


@dataclass(frozen=True, slots=True)
class ReplyDeadline:
    """The deadline and what it was reckoned from. All moments carry the business time zone."""

    received_at: datetime
    counted_from: datetime
    reply_by: datetime


class ReplyClock:
    """Counts one business day. What arrives outside business hours counts from the next opening."""

    def __init__(self, *, country: str, region: str, zone: str, hours: str) -> None:
        """`hours` as 09:00-17:00. Raises ClockError naming the setting at fault."""
        self._opens, self._closes = _hours(hours)
        try:
            self._zone = ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ClockError(f"SCREENING_BUSINESS_ZONE: {zone!r} is no time zone") from error
        try:
            self._holidays = holidays.country_holidays(country, subdiv=region or None)
        except NotImplementedError as error:
            raise ClockError(f"SCREENING_BUSINESS_COUNTRY: no calendar for {country!r} {region!r}") from error
        self._is_business_day = lru_cache(maxsize=4000)(self._business_day)
        self._of_minute = lru_cache(maxsize=64)(self.deadline)

    def deadline(self, received_at: datetime) -> ReplyDeadline:
        """The moment by which to answer what was received then. A moment without a zone is read as UTC."""
        moment = received_at if received_at.tzinfo else received_at.replace(tzinfo=UTC)
        local = moment.astimezone(self._zone)
        start = self._start(local)
        return ReplyDeadline(local, start, self._at(self._next_business_day(start.date()), start.time()))

    def reply_by(self, received_at: datetime) -> datetime:
        """The deadline of what is received in that minute; remembered, because every answer asks for it."""
        return self._of_minute(received_at.replace(second=0, microsecond=0)).reply_by

    def _start(self, local: datetime) -> datetime:
        day, clock = local.date(), local.time()
        if self._is_business_day(day):
            if self._opens <= clock < self._closes:
                return local
            if clock < self._opens:
                return self._at(day, self._opens)
        return self._at(self._next_business_day(day), self._opens)

    def _next_business_day(self, day: date) -> date:
        day += timedelta(days=1)
        while not self._is_business_day(day):
            day += timedelta(days=1)
        return day

    def _business_day(self, day: date) -> bool:
        return day.weekday() < 5 and day not in self._holidays

    def _at(self, day: date, clock: time) -> datetime:
        # through UTC, so that an hour that the clocks skip becomes the one that exists
        return datetime.combine(day, clock, self._zone).astimezone(UTC).astimezone(self._zone)


def _hours(setting: str) -> tuple[time, time]:
    try:
        opens, closes = (time.fromisoformat(part.strip()) for part in setting.split("-"))
    except ValueError as error:
        raise ClockError(f"SCREENING_BUSINESS_HOURS: {setting!r} is not like 09:00-17:00") from error
    if opens >= closes:
        raise ClockError("SCREENING_BUSINESS_HOURS: the day must open before it closes")
    return opens, closes
