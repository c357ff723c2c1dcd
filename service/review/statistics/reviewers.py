"""The numbers of each reviewer: decisions, how often against the machine, how long from opening a case to deciding."""

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

from service.review.cases.state import has_outcome
from service.review.statistics.figures import ReportPeriod, StatisticsTable, wilson
from service.storage.tables.review import AuditRow, CaseDecisionRow, UserRow

_OPENED = ("claimed", "took_over")
_BEFORE = timedelta(days=2)
"""A claim so long before the period still counts: a case may be held for a day."""


def by_reviewer(period: ReportPeriod) -> StatisticsTable:
    """One row for each reviewer who decided something in the period."""
    made: dict[str, list[tuple[str, datetime, str]]] = defaultdict(list)
    within = CaseDecisionRow.at >= period.since, CaseDecisionRow.at < period.until
    query = select(UserRow.name, CaseDecisionRow.case_id, CaseDecisionRow.at, CaseDecisionRow.action)
    query = query.join(UserRow, UserRow.id == CaseDecisionRow.actor_id).where(*within, has_outcome())
    for name, case_id, at, action in period.session.execute(query):
        made[name].append((case_id, at, action))
    opened = _opened(period)
    rows = []
    for name in sorted(made, key=lambda one: (-len(made[one]), one)):
        acts = made[name]
        against = sum(action == "overturn" for _, _, action in acts)
        times = sorted(_seconds(opened.get((name, case_id), ()), at) for case_id, at, _ in acts)
        known = [seconds for seconds in times if seconds >= 0]
        rows.append(
            (name, len(acts), against, against / len(acts), *wilson(against, len(acts)),
             percentile(known, 0.5), percentile(known, 0.9))
        )  # fmt: skip
    says = (
        "Decisions that stand, and seconds from opening a case to deciding it: half of them within, nine in ten within."
    )
    columns = (
        "", "Decisions", "Overturned", "Share overturned", "Share at least", "Share at most", "Half within, s",
        "Nine in ten within, s",
    )  # fmt: skip
    chosen = [row for row in rows if not period.only or row[0] == period.only]
    return StatisticsTable("reviewers", "By reviewer", says, columns, tuple(chosen), "bars")


def _opened(period: ReportPeriod) -> dict[tuple[str, str], list[datetime]]:
    """When each reviewer opened each case, by (name, case), in order of time."""
    found: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    within = AuditRow.at >= period.since - _BEFORE, AuditRow.at < period.until
    query = select(AuditRow.actor, AuditRow.subject, AuditRow.at).where(AuditRow.action.in_(_OPENED), *within)
    for actor, subject, at in period.session.execute(query.order_by(AuditRow.at)):
        found[actor, subject.removeprefix("case:")].append(at)
    return found


def _seconds(opened: Sequence[datetime], decided: datetime) -> int:
    """From the last opening before a decision to the decision; -1 where the case was not opened (a selection)."""
    place = bisect_right(opened, decided)
    return round((decided - opened[place - 1]).total_seconds()) if place else -1


def percentile(values: Sequence[int], share: float) -> int | None:
    """The smallest of the sorted values within which so great a share of them lies; None without values."""
    return values[max(math.ceil(share * len(values)), 1) - 1] if values else None
