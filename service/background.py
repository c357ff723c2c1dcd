"""Background tasks: reload models and rules, fetch orders, deliver webhooks, purge old text, renew the search index."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from fastapi.concurrency import run_in_threadpool

from service.dependencies import Services
from service.orders.commerce_interface import EVERY
from service.review.rules.live_rule_book import RuleBookFollower
from service.review.rules.signatures import VersionSigner
from service.status_routes import tried
from service.storage.audit import head
from service.storage.keys import ApiKeys
from service.storage.maintenance.clock import begin_run
from service.storage.maintenance.indexing import renew_index
from service.storage.maintenance.retention import PurgeScope, purge_leftovers, purge_text
from service.telemetry.logs import event

Loops = list["asyncio.Task[None]"]


def start(services: Services) -> Loops:
    """Start every background task that the settings ask for."""
    book = RuleBookFollower(
        services.database,
        VersionSigner.from_settings(services.settings),
        services.screeners,
        services.settings.home,
    )
    background_tasks: list[tuple[str, float, Callable[[], object]]] = [
        ("models", services.settings.model_check_seconds, services.screeners.refresh),
        ("rules", services.settings.model_check_seconds, book.follow),
        ("store", 5.0, lambda: tried(services.database, services.health)),
        ("used-keys", 15.0, lambda: note_used_keys(services)),
        ("purge", 3600.0, lambda: purge(services)),
        ("search", 300.0, lambda: renew_index(services.database, services.encryptor, datetime.now(UTC))),
    ]
    if services.delivery:
        background_tasks.append(("webhooks", 1.0, services.delivery.deliver_due))
    if services.follower:
        background_tasks.append(("orders", EVERY.total_seconds(), services.follower.follow))
    return [asyncio.create_task(_every(name, seconds, work)) for name, seconds, work in background_tasks]


async def stop(loops: Loops) -> None:
    """Stop the tasks. A task that is at work finishes its turn in its thread."""
    for loop in loops:
        loop.cancel()
    for loop in loops:
        with suppress(asyncio.CancelledError):
            await loop


def note_used_keys(services: Services) -> None:
    """Write down when keys were last used."""
    if used := services.keys.take_used():
        with services.database.writing() as session:
            ApiKeys(session).note_used(used)


def purge(services: Services) -> None:
    """Remove text that is older than the settings allow; nothing, but a line in the log, where the clock leapt."""
    now = datetime.now(UTC)
    with services.database.writing() as session:
        leap = begin_run(session, now)
    if leap:
        event("purge-held", level=logging.ERROR, reason=leap.sentence(now))
        return
    if days := services.settings.keep_text_days:
        report = purge_text(services.database, PurgeScope(before=now - timedelta(days=days)), now)
        event("purged", screenings=report.screenings, removed=dict(report.removed), left=list(report.left))
    purge_leftovers(services.database, now)
    with services.database.reading() as session:
        count, newest = head(session.connection())
    event("audit", rows=count, newest=newest)  # in the log too, which nobody who owns the database rewrites


async def _every(name: str, seconds: float, work: Callable[[], object]) -> None:
    """Run a task in a thread, now and every `seconds`. A failure is logged, and the task runs again."""
    while True:
        try:
            await run_in_threadpool(work)
        except Exception as error:
            event("chore-failed", level=logging.ERROR, chore=name, kind=type(error).__name__)
        await asyncio.sleep(seconds)
