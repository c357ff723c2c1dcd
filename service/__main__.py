"""The operators' command: `python -m service …`."""

import os
import sys
from typing import Annotated

import typer
import uvicorn
from pydantic import ValidationError

from service import demonstration
from service.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


def read_settings() -> Settings:
    """The settings; one that is wrong ends the command with its name and what it should be."""
    try:
        return Settings()  # type: ignore[call-arg]
    except ValidationError as error:
        for found in error.errors(include_input=False, include_url=False):
            name = "SCREENING_" + "_".join(str(part) for part in found["loc"]).upper() if found["loc"] else "settings"
            typer.echo(f"{name}: {found['msg']}", err=True)
        raise typer.Exit(2) from None


@app.callback()
def main() -> None:
    """Screens merchants' drafts: run the service and look after it. Settings are environment variables."""


@app.command()
def run(
    demo: Annotated[
        bool, typer.Option(help="Make a key and a reviewer if there are none, and print them once.")
    ] = False,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
) -> None:
    """Run the service until Ctrl-C; it finishes what it took."""
    settings = read_settings()
    if demo:
        settings = demonstration.prepare(settings, typer.echo)
    _hand_over(settings)
    typer.echo(f"http://{host}:{port}/compose to write a draft, http://{host}:{port}/review to review")
    uvicorn.run(
        "service.serving:app",
        factory=True,
        host=host,
        port=port,
        workers=settings.workers,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=30,
    )


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


if __name__ == "__main__":
    sys.exit(app())
