"""The numbers: a page of plots and tables, each also as SVG and as CSV; and how far reviewers agree."""

from datetime import UTC, datetime, time, timedelta

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session

from service.dependencies import SessionDep
from service.http.errors import ServiceError
from service.review.auth.access import ReviewerDep
from service.review.cases.second_readings import disagreements, pairs
from service.review.statistics.agreement import agreement
from service.review.statistics.figures import TABLES, ReportPeriod, StatisticsTable
from service.review.statistics.headlines import headlines
from service.review.statistics.plots import plot
from service.review.web.csv_files import csv_response
from service.review.web.pages import PageRoute, page
from service.style import THEMES

router = APIRouter(prefix="/review", include_in_schema=False, route_class=PageRoute)
SPANS = (7, 30, 90)


@router.get("/numbers", response_class=HTMLResponse)
def numbers(request: Request, session: SessionDep, me: ReviewerDep, days: int = 30) -> Response:
    """Plots, each with its table."""
    return page(
        request, "statistics/numbers.html", me, here="Numbers", tables=_tables(session, days), days=days, spans=SPANS,
        headlines=headlines(_span(session, days)),
        shown=_shown,
    )  # fmt: skip


@router.get("/numbers/{name}.svg")
def drawing(
    session: SessionDep, me: ReviewerDep, name: str, days: int = 30, theme: str = "light", narrow: bool = False
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
        plot(_table(session, name, days), chosen, narrow=narrow), media_type="image/svg+xml", headers=headers
    )


@router.get("/numbers/{name}.csv")
def sheet(session: SessionDep, me: ReviewerDep, name: str, days: int = 30) -> Response:
    """One table as CSV."""
    table = _table(session, name, days)
    return csv_response(f"{name}.csv", [table.columns, *table.rows])


@router.get("/agreement", response_class=HTMLResponse)
def agree(request: Request, session: SessionDep, me: ReviewerDep) -> Response:
    """Kappa for each label over the cases that two people read blind, and where they differed."""
    both = pairs(session)
    return page(
        request, "statistics/agreement.html", me, here="Agreement", rows=agreement(both), cases=len(both),
        disagreements=disagreements(session),
    )  # fmt: skip


def _span(session: Session, days: int) -> ReportPeriod:
    if days not in SPANS:
        raise ServiceError(422, f"days: one of {', '.join(map(str, SPANS))}.")
    now = datetime.now(UTC)
    return ReportPeriod(session, datetime.combine(now.date() - timedelta(days=days - 1), time(), UTC), now)


def _tables(session: Session, days: int) -> list[StatisticsTable]:
    span = _span(session, days)
    return [make(span) for make in TABLES.values()]


def _table(session: Session, name: str, days: int) -> StatisticsTable:
    if name not in TABLES:
        raise ServiceError(404, "There are no numbers of this name.")
    return TABLES[name](_span(session, days))


def _shown(cell: object, column: str) -> str:
    if cell is None:
        return "–"
    if isinstance(cell, float):
        return f"{cell:.1%}" if column.startswith("Share") else f"{cell:,}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
