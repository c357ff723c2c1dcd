"""`orders load`: the table of orders from CSV."""

from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from service.cli.database import opened
from service.orders.csv_table import OrderFileError, read_orders
from service.storage.orders import Orders

app = typer.Typer(no_args_is_help=True, help="The table of orders (SCREENING_ORDER_SOURCE=table).")
_GROUP = 1000


@app.command()
def load(source: Annotated[Path, typer.Argument(help="CSV: support_id, status, cancelled_by.", exists=True)]) -> None:
    """Add or renew orders; a bad row refuses the whole file, with its line."""
    with opened() as (_, database), database.writing() as session, Progress(transient=True) as bar:
        table, now, count = Orders(session), datetime.now(UTC), 0
        task = bar.add_task("orders", total=None)
        try:
            orders = read_orders(source)
            while group := list(islice(orders, _GROUP)):
                count += table.put(group, now)
                bar.update(task, completed=count)
        except (OrderFileError, OSError) as error:
            session.rollback()
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from None
    typer.echo(f"{count:,} orders loaded.")


@app.command()
def count() -> None:
    """How many orders the table holds."""
    with opened() as (_, database), database.reading() as session:
        typer.echo(f"{Orders(session).count():,}")
