"""Settings and database for a command: what is wrong ends the command with a clear line, not a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from service.settings import Settings
from service.storage.database import Database, DatabaseError
from service.storage.encryption import EncryptionError


def settings_or_exit() -> Settings:
    """The settings; one that is wrong is named, with what it should be."""
    try:
        return Settings()  # type: ignore[call-arg]
    except ValidationError as error:
        for found in error.errors(include_input=False, include_url=False):
            name = "_".join(str(part) for part in found["loc"]).upper()
            typer.echo(f"SCREENING_{name}: {found['msg']}" if name else found["msg"], err=True)
        raise typer.Exit(2) from None


@contextmanager
def opened(*, migrate: bool = True) -> Iterator[tuple[Settings, Database]]:
    """Settings and an open database, at this version's schema unless `migrate` is False."""
    settings = settings_or_exit()
    with errors_in_one_line():
        database = Database(settings.database())
    try:
        if migrate:
            database.migrate()
        yield settings, database
    except EncryptionError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    except SQLAlchemyError as error:
        typer.echo(f"The database refused: {_reason(error)}", err=True)
        raise typer.Exit(1) from None
    finally:
        database.close()


@contextmanager
def errors_in_one_line() -> Iterator[None]:
    """What is wrong with the database or the home folder ends the command with one line that says what to set."""
    try:
        yield
    except (DatabaseError, SQLAlchemyError) as error:
        typer.echo(f"SCREENING_DATABASE_URL: {_reason(error)}", err=True)
        raise typer.Exit(2) from None
    except OSError as error:
        where = f"{error.filename}: {error.strerror}"
        typer.echo(f"SCREENING_HOME: {where}. It names a folder that this user may write to.", err=True)
        raise typer.Exit(2) from None


def _reason(error: Exception) -> str:
    """The driver's own words; SQLAlchemy's would quote the statement and its values."""
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]
