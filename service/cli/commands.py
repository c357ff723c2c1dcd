"""The operators' commands, all of `python -m service …`; `run` is here, the others beside it."""

import json
import os
import signal
import sys
from typing import Annotated

import typer
import uvicorn

from classifier import __version__
from service import demo as demonstration
from service.app import api
from service.cli import backups, conformance, exporting, keys, maintenance, orders, purging, secret_keys, users
from service.cli.database import errors_in_one_line, settings_or_exit
from service.cli.listening import listening_fault
from service.http.loopback import is_loopback
from service.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


WORKER_STARTS = 120
"""Seconds that a worker may be deaf before it is replaced: on a busy machine one takes long to load, and a shorter
patience would start it again and again."""

app.add_typer(keys.app, name="keys")
app.add_typer(users.app, name="users")
app.add_typer(orders.app, name="orders")
app.add_typer(secret_keys.app, name="secrets")
for _more in (maintenance, purging, backups, exporting, conformance):
    app.registered_commands += _more.app.registered_commands


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, help="The version, and no more.")
    ] = False,
) -> None:
    """Screens merchants' drafts: run the service and look after it. Settings are environment variables."""


@app.command()
def run(
    demo: Annotated[
        bool, typer.Option(help="Make a key and a reviewer if there are none, and print them once.")
    ] = False,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
    yes: Annotated[bool, typer.Option("--yes", help="Show the demonstration to other machines too.")] = False,
) -> None:
    """Run the service until Ctrl-C; it finishes what it took."""
    settings = settings_or_exit()
    if demo and not yes and not is_loopback(host):
        typer.echo(
            f"The demonstration lets all who reach {host} screen drafts and send them, without a key. Add --yes if"
            " that is meant, or run without --demo.",
            err=True,
        )
        raise typer.Exit(2)
    if fault := listening_fault(host, port):
        typer.echo(fault, err=True)
        raise typer.Exit(2)
    if demo:
        with errors_in_one_line():
            settings = demonstration.prepare(settings, typer.echo)
        _log_less_in_a_terminal()
    _hand_over(settings)
    typer.echo(f"http://{host}:{port}/compose to write a draft, http://{host}:{port}/review to review")
    # uvicorn raises the signal that ended it once more when all is finished; a clean end is no failure
    signal.signal(signal.SIGTERM, lambda *_: None)
    uvicorn.run(
        "service.asgi:app",
        factory=True,
        host=host,
        port=port,
        workers=settings.workers,
        log_config=None,
        access_log=False,
        http="service.http.guarded_protocol:GuardedProtocol",
        ws="none",
        timeout_keep_alive=settings.idle_seconds,
        timeout_graceful_shutdown=30,
        timeout_worker_healthcheck=WORKER_STARTS,
    )


@app.command()
def openapi() -> None:
    """Print the OpenAPI document; service/openapi.json is this."""
    typer.echo(json.dumps(api().openapi(), indent=1, ensure_ascii=False))


def _log_less_in_a_terminal() -> None:
    """A line for each request would bury the key and the addresses: only warnings, unless a level is set."""
    if sys.stderr.isatty() and "SCREENING_LOG_LEVEL" not in os.environ:
        os.environ["SCREENING_LOG_LEVEL"] = "warning"
        typer.echo("Only warnings are logged; SCREENING_LOG_LEVEL=info shows a line for each request. Ctrl-C ends.")


def _hand_over(settings: Settings) -> None:
    """The workers read their settings from the environment again."""
    values = {"DEMO": str(settings.demo).lower(), "PASS_KEYS": settings.pass_keys.get_secret_value()}
    if settings.demo_key:
        values["DEMO_KEY"] = settings.demo_key.get_secret_value()
    os.environ.update({f"SCREENING_{name}": value for name, value in values.items()})
    if settings.workers > 1:
        folder = settings.home / "metrics"
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.db"):
            old.unlink()
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
