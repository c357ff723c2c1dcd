"""The data scientists' command line: `python -m training --help`.

Exit codes: 0 all well; 1 a gate, a check or a limit said no; 2 what came in cannot be used.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

import typer

from training.commands import encoder_command, rule_commands, ticket_commands
from training.commands import judging_commands as judging
from training.commands import model_commands as model
from training.commands import registry_commands as registry
from training.commands import watch_commands as watch
from training.commands.output import BAD_INPUT
from training.tickets import TicketError

app = typer.Typer(
    help="Make a better model, prove it, and put it live.", no_args_is_help=True, add_completion=False,
    pretty_exceptions_enable=False,
)  # fmt: skip
app.command("import")(ticket_commands.import_)
app.command()(ticket_commands.export)
app.add_typer(ticket_commands.app, name="data")
app.command()(model.retrain)
app.command()(model.search)
app.command()(judging.evaluate)
app.command()(judging.compare)
app.command()(encoder_command.encoder)
app.command("leakage")(judging.leak)
app.command()(judging.card)
app.command()(registry.promote)
app.command()(registry.rollback)
app.command()(registry.history)
app.command()(registry.versions)
app.add_typer(registry.shadow, name="shadow")
app.add_typer(rule_commands.app, name="rules")
app.command()(watch.suggest)
app.command("label-errors")(watch.label_errors)
app.command()(watch.drift)
app.command()(watch.rescreen)


def call(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; an error of the input is told in one line a row, without a trace."""
    try:
        app(list(arguments))
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else BAD_INPUT
    except (ValueError, OSError, KeyError) as error:  # every refusal of ours is one of these
        _tell(error, as_json="--json" in arguments)
        return BAD_INPUT
    return 0


def _tell(error: Exception, *, as_json: bool) -> None:
    words = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    if as_json:
        rows = [asdict(row) for row in error.bad] if isinstance(error, TicketError) else []
        print(json.dumps({"error": words, "bad_rows": rows}, ensure_ascii=False))
    print(f"error: {words}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(call(sys.argv[1:]))
