"""`purge`: stored text goes, and the command says what went and shows it."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from service.cli.database import opened
from service.settings import Settings
from service.storage.database import Database
from service.storage.maintenance.clock import begin_run
from service.storage.maintenance.retention import PurgeReport, PurgeScope, purge_leftovers, purge_text

app = typer.Typer()


@app.command()
def purge(
    older_than_days: Annotated[
        int | None, typer.Option(min=0, help="Text older than this; SCREENING_KEEP_TEXT_DAYS.")
    ] = None,
    merchant: Annotated[str | None, typer.Option(help="All text of this merchant_id, and the id, at once.")] = None,
    support_id: Annotated[str | None, typer.Option(help="All text about this order, at once.")] = None,
    rewrite: Annotated[
        bool, typer.Option(help="Write the tables again as a whole, locked meanwhile, so that no old byte stays.")
    ] = False,
    yes: Annotated[bool, typer.Option(help="The clock is right, though it is far ahead of the last purge.")] = False,
) -> None:
    """Remove stored text, say what was removed and show that it is gone; hashes, labels, offsets and verdicts stay."""
    with opened() as (settings, database):
        scope = _scope(settings, older_than_days, merchant, support_id)
        if scope is None:
            typer.echo("Text is kept for ever (SCREENING_KEEP_TEXT_DAYS=0); nothing was removed.")
            return
        now = datetime.now(UTC)
        if scope.before is not None:
            _believe_the_clock(database, now, sure=yes)
            purge_leftovers(database, now)
        report = purge_text(database, scope, now, actor="operator", prove=True, rewrite=rewrite)
    _say(report)


def _scope(settings: Settings, days: int | None, merchant: str | None, support_id: str | None) -> PurgeScope | None:
    if days is None and merchant is None and support_id is None:
        days = settings.keep_text_days or None
        if days is None:
            return None
    before = datetime.now(UTC) - timedelta(days=days) if days is not None else None
    return PurgeScope(before, merchant, support_id)


def _believe_the_clock(database: Database, now: datetime, *, sure: bool) -> None:
    with database.writing() as session:
        leap = begin_run(session, now, sure=sure)
    if leap:
        typer.echo(f"Nothing was removed: {leap.sentence(now)}.", err=True)
        raise typer.Exit(1)


def _say(report: PurgeReport) -> None:
    others = [f"{count:,} {kind}" for kind, count in report.removed.items() if kind != "drafts"]
    typer.echo(f"The text of {report.screenings:,} screenings was removed.")
    typer.echo(f"Removed besides: {', '.join(others) or 'nothing'}.")
    for words, sentences in (("Shown", report.shown), ("Not reached", report.unreached)):
        for sentence in sentences:
            typer.echo(f"{words}: {sentence}.")
    for sentence in report.left:
        typer.echo(f"LEFT: {sentence}.", err=True)
    if report.left:
        raise typer.Exit(1)
