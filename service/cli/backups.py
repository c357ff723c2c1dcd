"""`rotate-backups`, `restore-drill`: backups that come and go by themselves, and the proof that one comes back."""

import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from service.cli.database import opened, settings_or_exit
from service.storage.database import Database
from service.storage.encryption import EncryptionError, Encryptor
from service.storage.maintenance.backup import write_backup
from service.storage.maintenance.integrity import faults
from service.storage.maintenance.restore import BackupError, restore_backup

app = typer.Typer()
PATTERN = "screening-*.tar.gz"


@app.command("rotate-backups")
def rotate_backups(
    folder: Annotated[Path, typer.Argument(help="Folder of the backups.", exists=True, file_okay=False)],
    keep: Annotated[int, typer.Option(min=1, help="How many stay, the newest.")] = 14,
) -> None:
    """Write a backup into a folder, then remove the oldest; none is removed where the new one was not written."""
    path = folder / f"screening-{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}.tar.gz"
    with opened() as (_, database):
        try:
            counts = write_backup(database, path, lambda table, count: None)
        except OSError as error:
            typer.echo(f"{path}: {error.strerror}; nothing was written, nothing removed", err=True)
            raise typer.Exit(1) from None
    removed = sorted(folder.glob(PATTERN))[:-keep]
    for old in removed:
        old.unlink()
    typer.echo(f"{path}: {sum(counts.values()):,} rows; {len(removed)} older removed")


@app.command("restore-drill")
def restore_drill(
    source: Annotated[Path, typer.Argument(help="A backup, or a folder: its newest.", exists=True)],
    newer_than_hours: Annotated[
        float | None, typer.Option(min=0, help="A backup that is older is a fault: nobody makes them any more.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The result as one JSON object.")] = False,
) -> None:
    """Prove a backup: restore it into a database made for this, check every row there, and remove it again.

    The service's own database is not touched. Ends with 1 where the backup would not come back whole.
    """
    settings = settings_or_exit()
    path = _newest(source)
    found = [] if path else [f"{source}: no file {PATTERN}"]
    rows: dict[str, int] = {}
    if path:
        found += _too_old(path, newer_than_hours)
        try:
            rows, wrong = _restored(path, Encryptor(settings.text_keys.get_secret_value()))
            found += wrong
        except (BackupError, EncryptionError, OSError) as error:
            found.append(str(error))
    if as_json:
        typer.echo(
            json.dumps({"backup": str(path) if path else None, "well": not found, "rows": rows, "faults": found})
        )
    else:
        for fault in found:
            typer.echo(fault, err=True)
        if not found:
            typer.echo(f"{path}: all {sum(rows.values()):,} rows come back and can be read.")
    if found:
        raise typer.Exit(1)


def _newest(source: Path) -> Path | None:
    """The file itself, or the newest backup of a folder: their names begin with the time."""
    return max(source.glob(PATTERN), default=None) if source.is_dir() else source


def _too_old(path: Path, hours: float | None) -> list[str]:
    age = datetime.now(UTC) - datetime.fromtimestamp(path.stat().st_mtime, UTC)
    if hours is None or age <= timedelta(hours=hours):
        return []
    return [f"{path}: {age.total_seconds() / 3600:.0f} hours old, more than {hours:g}"]


def _restored(path: Path, encryptor: Encryptor) -> tuple[dict[str, int], list[str]]:
    """The rows of a backup by table, and what is wrong with them once they are restored."""
    with tempfile.TemporaryDirectory(prefix="restore-drill-") as folder:
        database = Database(f"sqlite:///{Path(folder) / 'drill.db'}")
        try:
            rows = restore_backup(database, path, encryptor, lambda table, count: None)
            return rows, list(faults(database, encryptor, lambda done, total: None))
        finally:
            database.close()
