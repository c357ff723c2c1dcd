"""`backup`, `restore`, `check`."""

import json
import shutil
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, TaskID

from classifier.matching.rulebook import RuleError
from service.business_hours import ClockError, ReplyClock
from service.cli.database import opened, settings_or_exit
from service.cli.neighbours import clock_faults, order_faults, sign_in_faults, webhook_faults
from service.judging.canaries import CanaryError
from service.judging.live_models import Screeners
from service.passes import Passes, PassKeyError
from service.review.rules.live_rule_book import desk_book
from service.review.rules.signatures import VersionSigner
from service.settings import Settings
from service.storage.database import Database
from service.storage.encryption import Encryptor
from service.storage.health import cause_of
from service.storage.maintenance.backup import write_backup
from service.storage.maintenance.integrity import faults
from service.storage.maintenance.restore import BackupError, restore_backup

app = typer.Typer()
LEAST_FREE = 500_000_000
"""Bytes that are to be free on the disk of the state."""


def _counter(bar: Progress) -> Callable[[str, int], None]:
    task = bar.add_task("", total=None)
    return lambda table, count: bar.update(task, description=table, completed=count)


@app.command()
def backup(to: Annotated[Path, typer.Argument(help="File to write, such as screening-2026-11-02.tar.gz.")]) -> None:
    """Write everything that the database holds to one file, while the service runs."""
    with opened() as (_, database), Progress(transient=True) as bar:
        try:
            counts = write_backup(database, to, _counter(bar))
        except OSError as error:
            typer.echo(f"{to}: {error.strerror}; nothing was written", err=True)
            raise typer.Exit(1) from None
    typer.echo(f"{to}: {sum(counts.values()):,} rows, {counts['screenings']:,} of them screenings")


@app.command()
def restore(source: Annotated[Path, typer.Argument(help="A file that backup wrote.")]) -> None:
    """Put a backup into an empty database; all of it or nothing."""
    with opened(migrate=False) as (settings, database), Progress(transient=True) as bar:
        encryptor = Encryptor(settings.text_keys.get_secret_value())
        try:
            counts = restore_backup(database, source, encryptor, _counter(bar))
        except (BackupError, OSError) as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from None
    typer.echo(f"{sum(counts.values()):,} rows restored, {counts['screenings']:,} of them screenings")


@app.command()
def check(
    registry: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Only judge the canary drafts with this registry.")
    ] = None,
    rules: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Only judge the canary drafts by these rules.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The result as one JSON object, check by check.")] = False,
) -> None:
    """Check settings, database, every stored screening, pass keys, rules, model, clock, order source, webhook receiver
    and sign-in provider; ends with 1 if something is wrong.

    With --registry or --rules, check only these: whether what is to go live can judge, before it does.
    """
    if registry or rules:
        _say({"model": _model_faults(settings_or_exit(), registry, rules)}, as_json=as_json)
        return
    with opened(migrate=False) as (settings, database), Progress(transient=True) as bar:
        task = bar.add_task("screenings")
        encryptor = Encryptor(settings.text_keys.get_secret_value())
        found = {
            "store": list(faults(database, encryptor, partial(_advance, bar, task))),
            "writes": write_faults(database),
            "disk": disk_faults(settings.home),
            "pass_keys": _pass_faults(settings),
            "calendar": _calendar_faults(settings),
            "clock": clock_faults(database),
            "orders": order_faults(settings, database),
            "webhooks": webhook_faults(settings),
            "sign_in": sign_in_faults(settings),
            "model": _model_faults(settings),
            "rules": rule_faults(settings, database),
        }
    _say(found, as_json=as_json)


def _advance(bar: Progress, task: TaskID, done: int, total: int) -> None:
    bar.update(task, completed=done, total=total)


def _say(found: dict[str, list[str]], *, as_json: bool) -> None:
    wrong = [fault for faults in found.values() for fault in faults]
    if as_json:
        typer.echo(json.dumps({"well": not wrong, "checks": found}))
    else:
        for fault in wrong:
            typer.echo(fault, err=True)
        if not wrong:
            typer.echo("All is well.")
    if wrong:
        raise typer.Exit(1)


def disk_faults(home: Path) -> list[str]:
    """Whether the disk of the state is nearly full: SQLite and a promoted model need room."""
    there = next(folder for folder in (home, *home.absolute().parents) if folder.exists())
    free = shutil.disk_usage(there).free
    return [f"{home}: {free // 1_000_000} MB free on its disk, less than 500"] if free < LEAST_FREE else []


def write_faults(database: Database) -> list[str]:
    """Why the database takes no writes, such as a full disk."""
    try:
        database.try_to_write()
    except Exception as error:
        return [f"the database takes no writes: {cause_of(error)}"]
    return []


def rule_faults(settings: Settings, database: Database) -> list[str]:
    """Why the rules that the desk has in force could not judge."""
    if not settings.pass_keys.get_secret_value():
        return []  # the demonstration's, which only its own start reads
    try:
        with database.reading() as session:
            book = desk_book(session, VersionSigner.from_settings(settings))
        if book is not None:
            with closing(Screeners(settings.home, budget=1, encoder=settings.encoder == "on")) as screeners:
                screeners.try_book(book)
    except (RuleError, CanaryError) as error:
        return [f"the desk's rules: {error}"]
    except Exception as error:  # the checks of store, pass keys and model say it better
        return [f"the desk's rules cannot be tried: {type(error).__name__}"]
    return []


def _pass_faults(settings: Settings) -> list[str]:
    if settings.demo:
        return []
    try:
        Passes.from_setting(settings.pass_keys.get_secret_value(), issuer=settings.pass_issuer, minutes=1)
    except PassKeyError as error:
        return [str(error)]
    return []


def _calendar_faults(settings: Settings) -> list[str]:
    country, region = settings.business_country, settings.business_region
    try:
        ReplyClock(country=country, region=region, zone=settings.business_zone, hours=settings.business_hours)
    except ClockError as error:
        return [str(error)]
    return []


def _model_faults(settings: Settings, registry: Path | None = None, rules: Path | None = None) -> list[str]:
    """Why the live model, its challenger or the rules could not judge."""
    try:
        screeners = Screeners(settings.home, budget=1, encoder=settings.encoder == "on", registry=registry, rules=rules)
    except Exception as error:  # whatever is wrong with a model or its file
        return [f"{type(error).__name__}: {error}"]
    screeners.close()
    faults = {"model": screeners.failed, "challenger": screeners.challenger_failed}
    return [f"{name}: {fault}" for name, fault in faults.items() if fault]
