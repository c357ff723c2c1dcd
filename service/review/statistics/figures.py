"""The desk's numbers for a span of days: volumes, decisions, what people overturned, times, the backlog."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.review.cases.closed_cases import ClosedCase, closed_cases
from service.review.web.wording import DECISION, KIND, LABEL, QUEUE, split
from service.storage.tables.review import CaseRow
from service.storage.tables.screenings import AcknowledgementRow, ScreeningRow, WithdrawalRow

Cell = str | int | float | None
Rows = tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class StatisticsTable:
    """One table of numbers. `columns` name the cells; shares are between 0 and 1; `kind` says how it is drawn:
    `days` (first column a day, each column of counts a line) or `bars` (first column a name, second its length)."""

    id: str
    title: str
    says: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    kind: str
    share: bool = False


@dataclass(frozen=True, slots=True)
class ReportPeriod:
    """The days that are counted, [since, until), in a session. `only`: the one reviewer whose numbers are shown."""

    session: Session
    since: datetime
    until: datetime
    only: str = ""

    def done(self) -> list[ClosedCase]:
        """The cases decided in these days."""
        return closed_cases(self.session, self.since, self.until)


TABLES: Mapping[str, Callable[[ReportPeriod], StatisticsTable]] = {
    "volumes": lambda span: volumes(span),
    "decisions": lambda span: decisions_by_day(span.done()),
    "labels": lambda span: overturned(
        "labels", "Overturned by label", span.done(), lambda r: [LABEL[x] for x in split(r.case.labels)] or ["No label"]
    ),
    "rules": lambda span: overturned("rules", "Overturned by finding", span.done(), lambda r: r.findings),
    "models": lambda span: overturned(
        "models", "Overturned by model version", span.done(), lambda r: [r.case.model_version]
    ),
    "false-blocks": lambda span: unjust("false-blocks", "False blocks", "block", span.done()),
    "false-warnings": lambda span: unjust("false-warnings", "False warnings", "warn", span.done()),
    "after-warning": lambda span: after_warning(span),
    "time": lambda span: time_to_decision(span.done()),
    "backlog": lambda span: backlog(span),
}
"""The tables of drafts and cases, in the order of the page."""


def volumes(span: ReportPeriod) -> StatisticsTable:
    """Screenings each day, by decision."""
    day = screening_day(span.session)
    counted = span.session.execute(
        select(day, ScreeningRow.decision, func.count())
        .where(ScreeningRow.created_at >= span.since, ScreeningRow.created_at < span.until)
        .group_by(day, ScreeningRow.decision)
    ).all()
    by_day: dict[str, Counter[str]] = defaultdict(Counter)
    for when, decision, count in counted:
        by_day[str(when)][decision] += count
    rows: Rows = tuple((when, *(by_day[when][d] for d in DECISION)) for when in sorted(by_day))
    return StatisticsTable(
        "volumes", "Drafts screened", "Each day, by decision.", ("Day", *DECISION.values()), rows, "days"
    )


def screening_day(session: Session) -> Any:
    """The UTC day of a screening; PostgreSQL by itself would take the server's own time zone."""
    if session.get_bind().dialect.name == "postgresql":
        return func.date(func.timezone("UTC", ScreeningRow.created_at))
    return func.date(ScreeningRow.created_at)


def decisions_by_day(done: Iterable[ClosedCase]) -> StatisticsTable:
    """Cases decided each day, by whether the stored decision stood."""
    by_day: dict[str, Counter[bool]] = defaultdict(Counter)
    for one in done:
        by_day[one.last_at.date().isoformat()][one.overturned] += 1
    rows = tuple((day, by_day[day][False], by_day[day][True]) for day in sorted(by_day))
    return StatisticsTable("decisions", "Cases decided", "Each day.", ("Day", "Upheld", "Overturned"), rows, "days")


def overturned(id: str, title: str, done: Iterable[ClosedCase], of: Any) -> StatisticsTable:
    """Share of decided cases that a person overturned, by what `of` tells of a case."""
    all_of, against = Counter[str](), Counter[str]()
    for one in done:
        for name in of(one):
            all_of[name] += 1
            against[name] += one.overturned
    rows = sorted(
        ((name, against[name] / n, against[name], n, *wilson(against[name], n)) for name, n in all_of.items()),
        key=lambda row: (-row[4], -row[3], row[0]),
    )
    says = "Share of decided cases in which a person said otherwise; what is surely high stands first."
    columns = ("", "Share overturned", "Overturned", "Decided", "Share at least", "Share at most")
    return StatisticsTable(id, title, says, columns, tuple(rows), "bars", share=True)


def unjust(id: str, title: str, decision: str, done: Iterable[ClosedCase]) -> StatisticsTable:
    """Of the blocks, or of the warnings, that people read, the share that was wrong."""
    by_day: dict[str, Counter[bool]] = defaultdict(Counter)
    for one in done:
        if one.case.decision == decision:
            by_day[one.last_at.date().isoformat()][one.overturned] += 1
    whole, wrong = sum(c.total() for c in by_day.values()), sum(c[True] for c in by_day.values())
    rows = tuple((day, c.total(), c[True], c[True] / c.total()) for day, c in sorted(by_day.items()))
    name = {"block": "blocks", "warn": "warnings"}[decision]
    says = f"Of {whole} {name} that people read, {wrong} were unjust"
    if whole:
        low, high = wilson(wrong, whole)
        says += f": {wrong / whole:.1%} (between {low:.1%} and {high:.1%}, 95%)"
    columns = ("Day", f"{name.capitalize()} read", "Unjust", "Share unjust")
    return StatisticsTable(id, title, f"{says}.", columns, rows, "days")


def wilson(count: int, whole: int) -> tuple[float, float]:
    """The interval that holds a share with 95% confidence (Wilson)."""
    z = 1.959964
    share, square = count / whole, z * z / whole
    middle = share + square / 2
    spread = z * math.sqrt(share * (1 - share) / whole + square / whole / 4)
    return max((middle - spread) / (1 + square), 0.0), min((middle + spread) / (1 + square), 1.0)


def after_warning(span: ReportPeriod) -> StatisticsTable:
    """What warned merchants did: each warned screening once."""
    session, since, until = span.session, span.since, span.until
    warned = session.execute(
        select(ScreeningRow.id).where(
            ScreeningRow.decision == "warn", ScreeningRow.created_at >= since, ScreeningRow.created_at < until
        )
    ).scalars()
    followed = _followed(session, since)
    fates = Counter(min(followed.get(one, [(since, FATES[4])]))[1] for one in warned)
    whole = sum(fates.values())
    rows = tuple((name, fates[name] / whole, fates[name]) for name in FATES) if whole else ()
    says = "The first thing that followed a warning."
    return StatisticsTable("after-warning", "After a warning", says, ("", "Share", "Drafts"), rows, "bars", share=True)


FATES = ("Edited, then clean", "Edited, still flagged", "Sent all the same", "Withdrawn", "Nothing more followed")


def _followed(session: Session, since: datetime) -> Mapping[str, list[tuple[datetime, str]]]:
    """What followed each screening, with its time."""
    found: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    edits = select(ScreeningRow.previous_id, ScreeningRow.created_at, ScreeningRow.decision)
    edits = edits.where(ScreeningRow.previous_id.is_not(None), ScreeningRow.created_at >= since)
    for previous, at, decision in session.execute(edits):
        found[str(previous)].append((at, FATES[0] if decision == "allow" else FATES[1]))
    for row, fate in ((AcknowledgementRow, FATES[2]), (WithdrawalRow, FATES[3])):
        for screening_id, at in session.execute(select(row.screening_id, row.at).where(row.at >= since)):
            found[screening_id].append((at, fate))
    return found


def time_to_decision(done: Iterable[ClosedCase]) -> StatisticsTable:
    """From a case's arrival to a person's first word, and how many were in time."""
    waits = sorted((one.first_at - one.case.created_at).total_seconds() / 3600 for one in done)
    late = sum(one.first_at > one.case.due_at for one in done)
    steps = ((0.25, "under 15 min"), (1, "under 1 h"), (4, "under 4 h"), (24, "under 24 h"), (1e9, "longer"))
    rows, before = [], 0.0
    for limit, name in steps:
        rows.append((name, sum(before <= wait < limit for wait in waits)))
        before = limit
    says = f"{late} of {len(waits)} after their time."
    return StatisticsTable("time", "Time to decision", says, ("", "Cases"), tuple(rows) if waits else (), "bars")


def backlog(span: ReportPeriod) -> StatisticsTable:
    """Cases that wait now, by queue, with the age of the oldest in hours."""
    now = datetime.now(UTC)
    counted = span.session.execute(
        select(CaseRow.kind, func.count(), func.min(CaseRow.created_at))
        .where(CaseRow.decided_at.is_(None))
        .group_by(CaseRow.kind)
    ).all()
    found = {kind: (count, oldest) for kind, count, oldest in counted}
    rows = tuple(
        (QUEUE[kind], found[kind][0], round((now - found[kind][1]).total_seconds() / 3600, 1))
        for kind in KIND
        if kind in found
    )
    return StatisticsTable("backlog", "Backlog", "Cases that wait now.", ("", "Cases", "Oldest, hours"), rows, "bars")
