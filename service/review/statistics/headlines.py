"""The four figures on top of the numbers, each beside the one of the days before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, select

from service.review.cases.closed_cases import ClosedCase
from service.review.statistics.figures import FATES, ReportPeriod, after_warning, wilson
from service.review.web.wording import span
from service.storage.tables.review import CaseRow
from service.storage.tables.screenings import ScreeningRow


@dataclass(frozen=True, slots=True)
class Headline:
    """A figure in words, what it rests on, and the same figure of the days before; empty where there was none."""

    name: str
    value: str
    rests_on: str
    before: str


def headlines(now: ReportPeriod) -> list[Headline]:
    """Drafts, false blocks, warned drafts that were mended, the oldest wait."""
    before = ReportPeriod(now.session, now.since - (now.until - now.since), now.since)
    drafts, drafts_before = _drafts(now), _drafts(before)
    blocks, blocks_before = _false_blocks(now.done()), _false_blocks(before.done())
    mended, mended_before = _mended(now), _mended(before)
    return [
        Headline(
            "Drafts screened", f"{drafts:,}", "", f"{drafts_before:,} in the days before" if drafts_before else ""
        ),
        _share("False blocks", blocks, blocks_before, "blocks read"),
        _share("Mended after a warning", mended, mended_before, "warned drafts"),
        _oldest(now),
    ]


def _share(name: str, now: tuple[int, int], before: tuple[int, int], of: str) -> Headline:
    count, whole = now
    if not whole:
        return Headline(name, "–", f"no {of}", "")
    low, high = wilson(count, whole)
    was = f"{before[0] / before[1]:.1%} of {before[1]:,} in the days before" if before[1] else ""
    return Headline(name, f"{count / whole:.1%}", f"of {whole:,} {of}, {low:.0%} to {high:.0%}", was)


def _drafts(period: ReportPeriod) -> int:
    within = ScreeningRow.created_at >= period.since, ScreeningRow.created_at < period.until
    return period.session.scalar(select(func.count()).select_from(ScreeningRow).where(*within)) or 0


def _false_blocks(done: Sequence[ClosedCase]) -> tuple[int, int]:
    read = [one.overturned for one in done if one.case.decision == "block"]
    return sum(read), len(read)


def _mended(period: ReportPeriod) -> tuple[int, int]:
    fates = {str(row[0]): int(row[2] or 0) for row in after_warning(period).rows}
    return fates.get(FATES[0], 0), sum(fates.values())


def _oldest(period: ReportPeriod) -> Headline:
    waiting = CaseRow.decided_at.is_(None)
    oldest: datetime | None = period.session.scalar(select(func.min(CaseRow.created_at)).where(waiting))
    count = period.session.scalar(select(func.count()).select_from(CaseRow).where(waiting)) or 0
    return Headline("Oldest wait", span(datetime.now(UTC) - oldest) if oldest else "–", f"of {count:,} that wait", "")
