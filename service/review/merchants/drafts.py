"""The drafts of one merchant, or of one template: how many, how judged, what people decided, over time, the newest."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from service.review.cases.second_readings import FinalDecision, final_decisions
from service.review.cases.state import has_outcome
from service.review.statistics.figures import screening_day, wilson
from service.review.web.wording import split
from service.storage.encryption import Encryptor
from service.storage.tables.review import CaseDecisionRow, CaseRow
from service.storage.tables.screenings import ScreeningRow

PAGE = 50
LISTED = 12
WEEKS = 26


@dataclass(frozen=True, slots=True)
class CountedShare:
    """So many of a whole, and the interval that holds the share with 95% confidence."""

    count: int
    whole: int

    @property
    def value(self) -> str:
        """The share; a dash where there is nothing to count."""
        return f"{self.count / self.whole:.0%}" if self.whole else "–"

    @property
    def rests_on(self) -> str:
        """The whole and the interval: `of 80, 7% to 21%`."""
        if not self.whole:
            return ""
        low, high = wilson(self.count, self.whole)
        return f"of {self.whole:,}, {low:.0%} to {high:.0%}"


@dataclass(frozen=True, slots=True)
class DraftGroup:
    """Some drafts by what names them (a week, a template, a merchant): how many, and how many were warned and blocked.
    `words` are the first words of the newest, where it is a template."""

    name: str
    drafts: int
    warned: int
    blocked: int
    words: str = ""


@dataclass(frozen=True, slots=True)
class DraftLine:
    """A draft as a list shows it. `said`: the final decision of a person."""

    id: str
    created_at: datetime
    decision: str
    labels: list[str]
    subject: str
    merchant: str | None
    template: str
    case_id: str | None
    waits: bool
    said: FinalDecision | None


@dataclass(frozen=True, slots=True)
class DraftHistory:
    """The figures of some drafts. `overturned`: of the cases that people have decided, so many the other way."""

    drafts: int
    warned: CountedShare
    blocked: CountedShare
    overturned: CountedShare
    waiting: int
    weeks: list[DraftGroup]


def history(session: Session, *wanted: ColumnElement[bool]) -> DraftHistory:
    """The figures of the drafts that meet some conditions."""
    query = select(ScreeningRow.decision, func.count()).where(*wanted).group_by(ScreeningRow.decision)
    tally = Counter({row[0]: row[1] for row in session.execute(query)})
    acts = _final_acts(session, *wanted)
    waiting = select(func.count()).select_from(CaseRow).where(CaseRow.decided_at.is_(None), _of(*wanted))
    whole = tally.total()
    return DraftHistory(
        whole, CountedShare(tally["warn"], whole), CountedShare(tally["block"], whole),
        CountedShare(acts["overturn"], acts.total()), session.scalar(waiting) or 0, weeks(session, *wanted),
    )  # fmt: skip


def _of(*wanted: ColumnElement[bool]) -> ColumnElement[bool]:
    return CaseRow.screening_id.in_(select(ScreeningRow.id).where(*wanted))


def _final_acts(session: Session, *wanted: ColumnElement[bool]) -> Counter[str]:
    """The final decisions on decided cases, counted by what they say."""
    last = (
        select(func.max(CaseDecisionRow.id))
        .join(CaseRow, CaseRow.id == CaseDecisionRow.case_id)
        .where(CaseRow.decided_at.is_not(None), has_outcome(), _of(*wanted))
        .group_by(CaseDecisionRow.case_id)
    )
    query = select(CaseDecisionRow.action, func.count()).where(CaseDecisionRow.id.in_(last))
    return Counter({row[0]: row[1] for row in session.execute(query.group_by(CaseDecisionRow.action))})


def weeks(session: Session, *wanted: ColumnElement[bool]) -> list[DraftGroup]:
    """The last weeks in which there were drafts, the newest first; a week is named by its Monday."""
    day = screening_day(session)
    query = select(day, ScreeningRow.decision, func.count()).where(*wanted).group_by(day, ScreeningRow.decision)
    by_week: dict[str, Counter[str]] = defaultdict(Counter)
    for when, decision, count in session.execute(query):
        on = date.fromisoformat(str(when))
        by_week[(on - timedelta(days=on.weekday())).isoformat()][decision] += count
    return [
        DraftGroup(monday, tally.total(), tally["warn"], tally["block"])
        for monday, tally in sorted(by_week.items(), reverse=True)[:WEEKS]
    ]


def by_template(session: Session, encryptor: Encryptor, *wanted: ColumnElement[bool]) -> list[DraftGroup]:
    """The templates that come most often, with the first words of the newest draft of each."""
    found = _grouped(session, ScreeningRow.template_hash, *wanted)
    drafts = {row.id: row.draft for row in session.execute(_drafts_of([newest for *_, newest in found]))}
    return [
        DraftGroup(name, count, warned, blocked, _first_words(encryptor, drafts.get(newest)))
        for name, count, warned, blocked, newest in found
    ]


def by_merchant(session: Session, *wanted: ColumnElement[bool]) -> list[DraftGroup]:
    """The merchants who send most of the drafts; an empty name is nobody known."""
    found = _grouped(session, ScreeningRow.merchant_id, *wanted)
    return [DraftGroup(name or "", count, warned, blocked) for name, count, warned, blocked, _ in found]


def _grouped(session: Session, column: Any, *wanted: ColumnElement[bool]) -> list[Any]:
    """(value, how many, warned, blocked, newest id) of a column, what comes most often first."""
    warned = func.sum(case((ScreeningRow.decision == "warn", 1), else_=0))
    blocked = func.sum(case((ScreeningRow.decision == "block", 1), else_=0))
    query = select(column, func.count().label("n"), warned, blocked, func.max(ScreeningRow.id)).where(*wanted)
    return list(session.execute(query.group_by(column).order_by(func.count().desc(), column).limit(LISTED)))


def _drafts_of(ids: list[str]) -> Any:
    return select(ScreeningRow.id, ScreeningRow.draft).where(ScreeningRow.id.in_(ids))


def _first_words(encryptor: Encryptor, draft: bytes | None, most: int = 110) -> str:
    text = " ".join(encryptor.decrypt_draft(draft).body.split()) if draft else "(text removed)"
    return text if len(text) <= most else text[:most].rpartition(" ")[0] + " …"


def lines(
    session: Session, encryptor: Encryptor, before: str, *wanted: ColumnElement[bool]
) -> tuple[list[DraftLine], str]:
    """The newest drafts, older than the screening `before` if there is one, and where the next page begins."""
    query = select(ScreeningRow).where(*wanted).order_by(ScreeningRow.id.desc())
    rows = list(session.scalars((query.where(ScreeningRow.id < before) if before else query).limit(PAGE + 1)))
    cases: dict[str, CaseRow] = {}
    for one in session.scalars(select(CaseRow).where(CaseRow.screening_id.in_([row.id for row in rows]))):
        cases.setdefault(one.screening_id, one)
    said = final_decisions(session, [one.id for one in cases.values()])
    found = [_line(encryptor, row, cases.get(row.id), said) for row in rows[:PAGE]]
    return found, rows[PAGE - 1].id if len(rows) > PAGE else ""


def _line(encryptor: Encryptor, row: ScreeningRow, of: CaseRow | None, said: Mapping[str, FinalDecision]) -> DraftLine:
    subject = encryptor.decrypt_draft(row.draft).subject.strip()[:200] if row.draft else "(text removed)"
    waits = of is not None and of.decided_at is None
    return DraftLine(
        id=row.id, created_at=row.created_at, decision=row.decision, labels=split(row.labels), subject=subject,
        merchant=row.merchant_id, template=row.template_hash, case_id=of.id if of else None, waits=waits,
        said=said.get(of.id) if of and not waits else None,
    )  # fmt: skip
