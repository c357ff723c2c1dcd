"""`export`: reviewed cases as labelled tickets, as the desk gives them."""

from pathlib import Path
from typing import Annotated

import typer

from service.cli.database import opened
from service.http.errors import ServiceError
from service.review.export.files import exported, read_filter
from service.storage.encryption import Encryptor

app = typer.Typer()


@app.command()
def export(
    to: Annotated[Path, typer.Argument(help="File to write, such as reviewed.jsonl.")],
    format: Annotated[str, typer.Option(help="jsonl, csv, parquet, label-studio or prodigy.")] = "jsonl",
    label: Annotated[str, typer.Option(help="A label that people gave, or none.")] = "",
    rule: Annotated[str, typer.Option(help="Drafts that this rule hit.")] = "",
    merchant: Annotated[str, typer.Option(help="Drafts of this merchant_id.")] = "",
    since: Annotated[str, typer.Option(help="Decided from this day on, YYYY-MM-DD.")] = "",
    until: Annotated[str, typer.Option(help="Decided up to this day.")] = "",
) -> None:
    """Write reviewed cases as labelled tickets: what people said, with their notes and evidence."""
    query = {"label": label, "rule": rule, "merchant": merchant, "since": since, "until": until}
    with opened() as (settings, database):
        encryptor = Encryptor(settings.text_keys.get_secret_value())
        try:
            written, count = exported(database, encryptor, format, read_filter(query), "operator")
            to.write_bytes(written)
        except ServiceError as error:
            typer.echo(f"--{error.detail}", err=True)
            raise typer.Exit(2) from None
        except OSError as error:
            typer.echo(f"{to}: {error.strerror}; nothing was written", err=True)
            raise typer.Exit(1) from None
    typer.echo(f"{to}: {count:,} tickets")
