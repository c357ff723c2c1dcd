"""The clock of the automatic purge: one that leapt ahead removes nothing before somebody had a day to notice it.

Each run notes its moment. Where the next run finds the clock far ahead of it (the service was away for long, or the
clock is wrong), the purge is held, and says so at each run, until the clock has gone on evenly for a day.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from service.storage.tables.screenings import ScreeningRow, UpkeepRow

LEAP = timedelta(days=2)
"""A step of the clock between two runs that is not believed at once."""
PATIENCE = timedelta(days=1)
"""How long a clock that leapt must go on evenly before it is believed."""
_RUN, _LEAP, _LAST = "purge", "purge-leap", "purge-leap-last"


@dataclass(frozen=True, slots=True)
class ClockLeap:
    """A clock that is not believed: `last` is the moment before the leap, `until` when it will be believed."""

    last: datetime
    until: datetime

    def sentence(self, now: datetime) -> str:
        """For people."""
        return (
            f"the clock says {now:%Y-%m-%d %H:%M} UTC, the purge last ran or something was last stored on"
            f" {self.last:%Y-%m-%d %H:%M}: nothing is purged until {self.until:%Y-%m-%d %H:%M}, so that a wrong clock"
            " is noticed; `purge --yes` confirms the clock"
        )


def begin_run(session: Session, now: datetime, *, sure: bool = False) -> ClockLeap | None:
    """Note a run of the purge; why it must not remove anything, or None. `sure`: an operator vouches for the clock."""
    last = moment_of(session, _RUN) or session.scalar(select(func.max(ScreeningRow.created_at)))
    if sure or last is None or now - last <= LEAP:
        _believe(session, now)
        return None
    since, before = moment_of(session, _LEAP), moment_of(session, _LAST)
    if since is None or before is None or not timedelta(0) <= now - before <= LEAP:
        since = now
        note_moment(session, _LEAP, now)
    note_moment(session, _LAST, now)
    if now - since >= PATIENCE:
        _believe(session, now)
        return None
    return ClockLeap(last, since + PATIENCE)


def held_purge(session: Session) -> ClockLeap | None:
    """The leap for which the automatic purge is held now, if it is."""
    last, since = moment_of(session, _RUN), moment_of(session, _LEAP)
    if since is None:
        return None
    return ClockLeap(last or session.scalar(select(func.max(ScreeningRow.created_at))) or since, since + PATIENCE)


def _believe(session: Session, now: datetime) -> None:
    note_moment(session, _RUN, now)
    session.execute(delete(UpkeepRow).where(UpkeepRow.name.in_((_LEAP, _LAST))))


def moment_of(session: Session, name: str) -> datetime | None:
    """A moment that the upkeep remembers under a name."""
    return session.scalar(select(UpkeepRow.at).where(UpkeepRow.name == name))


def note_moment(session: Session, name: str, at: datetime) -> None:
    """Remember a moment."""
    session.merge(UpkeepRow(name=name, at=at))
    session.flush()
