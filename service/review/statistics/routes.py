"""The numbers: a page of plots and tables, each also as SVG and as CSV; and how far reviewers agree."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session

from service.dependencies import SessionDep
from service.http.errors import ServiceError
from service.review.auth.access import ReviewerDep
from service.review.auth.roles import Reviewer
from service.review.cases.second_readings import disagreements, readings
from service.review.statistics.agreement import agreement, by_readers
from service.review.statistics.figures import TABLES as FIGURES
from service.review.statistics.figures import ReportPeriod, StatisticsTable
from service.review.statistics.headlines import headlines
from service.review.statistics.plots import plot
from service.review.statistics.reviewers import by_reviewer
from service.review.web.csv_files import csv_response
from service.review.web.pages import PageRoute, page
from service.style import THEMES

router = APIRouter(prefix="/review", include_in_schema=False, route_class=PageRoute)
SPANS = (7, 30, 90)
TABLES = {**FIGURES, "reviewers": by_reviewer}
"""Every table of the page, in its order."""


@dataclass(frozen=True, slots=True)
class AskedDays:
    """The days that a page of numbers is about: the last `days`, or from `since` to `until`, both included."""

    days: int
    since: date
    until: date

    @property
    def text(self) -> str:
        """As a query."""
        return urlencode({"days": self.days} if self.days else {"since": self.since, "until": self.until})

    def period(self, session: Session, me: Reviewer) -> ReportPeriod:
        """The moments. Numbers by reviewer are for leads and auditors; everybody else sees their own."""
        end = min(datetime.combine(self.until + timedelta(days=1), time(), UTC), datetime.now(UTC))
        only = "" if me.may("lead") or me.may("audit") else me.name
        return ReportPeriod(session, datetime.combine(self.since, time(), UTC), end, only)


def asked_days(days: int = 0, since: str = "", until: str = "") -> AskedDays:
    """The days of the address. Raises the 422."""
    today = datetime.now(UTC).date()
    if since or until:
        try:
            first, last = date.fromisoformat(since or str(today)), date.fromisoformat(until or str(today))
        except ValueError:
            raise ServiceError(422, "since, until: days as YYYY-MM-DD.") from None
        if not date(2000, 1, 1) <= first <= last <= today + timedelta(days=1):
            raise ServiceError(422, "since, until: the first day comes before the last one, and that is not to come.")
        return AskedDays(0, first, last)
    if (days or SPANS[1]) not in SPANS:
        raise ServiceError(422, f"days: one of {', '.join(map(str, SPANS))}.")
    return AskedDays(days or SPANS[1], today - timedelta(days=(days or SPANS[1]) - 1), today)


AskedDaysDep = Annotated[AskedDays, Depends(asked_days)]


@router.get("/numbers", response_class=HTMLResponse)
def numbers(request: Request, session: SessionDep, me: ReviewerDep, asked: AskedDaysDep) -> Response:
    """Plots, each with its table."""
    period = asked.period(session, me)
    return page(
        request, "statistics/numbers.html", me, here="Numbers", tables=[make(period) for make in TABLES.values()],
        asked=asked, spans=SPANS, headlines=headlines(period), shown=_shown,
    )  # fmt: skip


@router.get("/numbers/{name}.svg")
def drawing(
    session: SessionDep, me: ReviewerDep, asked: AskedDaysDep, name: str, theme: str = "light", narrow: bool = False
) -> Response:
    """One table as a plot."""
    chosen = next((known for known in THEMES if known == theme), None)
    if chosen is None:
        raise ServiceError(422, "theme: light or dark.")
    headers = {
        "cache-control": "private, max-age=30",
        "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    }
    return Response(
        plot(_table(asked.period(session, me), name), chosen, narrow=narrow), media_type="image/svg+xml",
        headers=headers,
    )  # fmt: skip


@router.get("/numbers/{name}.csv")
def sheet(session: SessionDep, me: ReviewerDep, asked: AskedDaysDep, name: str) -> Response:
    """One table as CSV."""
    table = _table(asked.period(session, me), name)
    return csv_response(f"{name}.csv", [table.columns, *table.rows])


@router.get("/agreement", response_class=HTMLResponse)
def agree(request: Request, session: SessionDep, me: ReviewerDep) -> Response:
    """Kappa for each label over the cases that two people read blind, and where they differed."""
    read = readings(session)
    return page(
        request, "statistics/agreement.html", me, here="Agreement", rows=agreement([one.labels for one in read]),
        cases=len(read), readers=by_readers(read), disagreements=disagreements(session),
    )  # fmt: skip


def _table(period: ReportPeriod, name: str) -> StatisticsTable:
    if name not in TABLES:
        raise ServiceError(404, "There are no numbers of this name.")
    return TABLES[name](period)


def _shown(cell: object, column: str) -> str:
    if cell is None:
        return "–"
    if isinstance(cell, float):
        return f"{cell:.1%}" if column.startswith("Share") else f"{cell:,}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
