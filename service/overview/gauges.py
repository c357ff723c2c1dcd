"""Gauges that are read when somebody asks: rules, age of the model, last kept write, cases by queue, webhooks."""

from collections.abc import Iterator
from datetime import UTC, datetime

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from classifier.model.artifact import SHIPPED
from classifier.model.registry_layout import RegistryLayout
from service.dependencies import Services
from service.storage.tables.review import CaseRow
from service.storage.tables.screenings import OutboxRow, ScreeningRow
from service.telemetry.metrics import LabelledGauge


def of_process(services: Services) -> Iterator[LabelledGauge]:
    """What needs no database."""
    book = services.screeners.screener.book
    yield LabelledGauge("rules_loaded", "Rules of the book that serves.", {}, len(book.rules))
    yield LabelledGauge("rules", "The rule book that serves.", {"version": book.version}, 1)
    layout = RegistryLayout.of_home(services.settings.home)
    version = layout.live_version()
    folder = layout.folder(version) if version else SHIPPED
    try:
        written = (folder / "manifest.json").stat().st_mtime
    except OSError:  # the folder was removed below the running service
        return
    age = max(0.0, datetime.now(UTC).timestamp() - written)
    yield LabelledGauge("model_age_seconds", "Since the live model's files were written.", {}, age)


def of_store(session: Session, now: datetime, *, webhooks: bool) -> Iterator[LabelledGauge]:
    """What the database says. `webhooks`: whether any are sent."""
    kept = session.scalar(select(ScreeningRow.created_at).order_by(ScreeningRow.id.desc()).limit(1))
    if kept:
        last = "When the newest screening was kept."
        yield LabelledGauge("last_kept_timestamp_seconds", last, {}, kept.timestamp())
    by_queue = select(CaseRow.kind, CaseRow.state, func.count(), func.min(CaseRow.created_at))
    waiting = by_queue.where(CaseRow.decided_at.is_(None)).group_by(CaseRow.kind, CaseRow.state)
    for kind, state, count, oldest in session.execute(waiting):
        queue = {"queue": kind, "state": state}
        yield LabelledGauge("cases_waiting", "Cases that wait, by queue.", queue, count)
        age = max(0.0, (now - oldest).total_seconds())
        yield LabelledGauge("cases_waiting_oldest_seconds", "Age of the oldest case, by queue.", queue, age)
    if webhooks:
        yield from _webhooks(session)


def _webhooks(session: Session) -> Iterator[LabelledGauge]:
    """Delivered ones are kept for a week, so this counts a week's."""
    outcome = case(
        (OutboxRow.delivered_at.is_not(None), "delivered"),
        (OutboxRow.last_error.is_not(None), "failing"),
        else_="waiting",
    )
    found: dict[str, int] = {}
    for name, count in session.execute(select(outcome, func.count()).group_by(outcome)):
        found[name] = count
    for name in ("delivered", "failing", "waiting"):
        yield LabelledGauge("webhooks", "Webhooks of a week, by outcome.", {"outcome": name}, found.get(name, 0))
