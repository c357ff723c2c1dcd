"""What is done beside the requests: models, rules and orders followed, webhooks delivered, old text purged."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from fastapi.concurrency import run_in_threadpool

from service.dependencies import Parts
from service.orders.commerce_interface import EVERY
from service.review.rules.live_rule_book import BookFollower
from service.storage.keys import ApiKeys
from service.storage.maintenance.retention import Whose, purge_leftovers, purge_text
from service.telemetry.logs import event

Loops = list["asyncio.Task[None]"]


def start(parts: Parts) -> Loops:
    """Start every chore that the settings ask for."""
    book = BookFollower(parts.database, parts.passes, parts.screeners, parts.settings.home)
    chores: list[tuple[str, float, Callable[[], object]]] = [
        ("models", parts.settings.model_check_seconds, parts.screeners.refresh),
        ("rules", parts.settings.model_check_seconds, book.follow),
        ("used-keys", 15.0, lambda: note_used_keys(parts)),
        ("purge", 3600.0, lambda: purge(parts)),
    ]
    if parts.delivery:
        chores.append(("webhooks", 1.0, parts.delivery.deliver_due))
    if parts.follower:
        chores.append(("orders", EVERY.total_seconds(), parts.follower.follow))
    return [asyncio.create_task(_every(name, seconds, work)) for name, seconds, work in chores]


async def stop(loops: Loops) -> None:
    """End the chores; one that is at work ends its turn in its thread."""
    for loop in loops:
        loop.cancel()
    for loop in loops:
        with suppress(asyncio.CancelledError):
            await loop


def note_used_keys(parts: Parts) -> None:
    """Write down when keys were last used."""
    if used := parts.keys.take_used():
        with parts.database.writing() as session:
            ApiKeys(session).note_used(used)


def purge(parts: Parts) -> None:
    """Remove text that is older than the settings allow."""
    now = datetime.now(UTC)
    if days := parts.settings.keep_text_days:
        count = purge_text(parts.database, Whose(before=now - timedelta(days=days)), now)
        event("purged", screenings=count)
    purge_leftovers(parts.database, now)


async def _every(name: str, seconds: float, work: Callable[[], object]) -> None:
    """Do a chore in a thread, at once and again and again; one that fails is logged and has its next turn."""
    while True:
        try:
            await run_in_threadpool(work)
        except Exception as error:
            event("chore-failed", level=logging.ERROR, chore=name, kind=type(error).__name__)
        await asyncio.sleep(seconds)
