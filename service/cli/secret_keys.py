"""`secrets pass-key | text-key`: new keys for the settings."""

import typer
from cryptography.fernet import Fernet

from service.passes import new_key

app = typer.Typer(no_args_is_help=True, help="New secrets for the settings; nothing is stored.")


@app.command("pass-key")
def pass_key() -> None:
    """A signing key for SCREENING_PASS_KEYS. To rotate: put it before the old one, drop the old one a day later."""
    typer.echo(new_key())


@app.command("text-key")
def text_key() -> None:
    """An encryption key for SCREENING_TEXT_KEYS. To rotate: put it before the old one, which still opens old text."""
    typer.echo(Fernet.generate_key().decode())
