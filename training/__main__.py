"""The data scientists' command line: `python -m training --help`.

Exit codes: 0 success; 1 a gate, a check or a limit refuses; 2 the input cannot be used; 3 the command itself failed.
"""

import json
import sys
import traceback
from collections.abc import Sequence
from dataclasses import asdict

import typer

from training.cli import encoder, rules, tickets
from training.cli import evaluation as judging
from training.cli import models as model
from training.cli import monitoring as watch
from training.cli import registry as registry
from training.cli import search as searching
from training.cli.output import BAD_INPUT, FAILED
from training.tickets.loading import TicketError

app = typer.Typer(
    help="Make a better model, prove it, and put it live.", no_args_is_help=True, add_completion=False,
    pretty_exceptions_enable=False,
)  # fmt: skip
app.command("import")(tickets.import_)
app.command()(tickets.export)
app.add_typer(tickets.app, name="data")
app.command()(model.retrain)
app.command()(model.recalibrate)
app.command()(searching.search)
app.command()(judging.evaluate)
app.command()(judging.compare)
app.command()(encoder.encoder)
app.command("leakage")(judging.leak)
app.command()(judging.card)
app.command()(registry.promote)
app.command()(registry.rollback)
app.command()(registry.history)
app.command()(registry.versions)
app.add_typer(registry.shadow, name="shadow")
app.add_typer(rules.app, name="rules")
app.command()(watch.suggest)
app.command("label-errors")(watch.label_errors)
app.command()(watch.drift)
app.command()(watch.rescreen)


def call(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; an input error is printed without a traceback."""
    try:
        app(list(arguments))
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else BAD_INPUT
    except (ValueError, OSError) as error:  # every refusal is one of these
        _print_error(error, as_json="--json" in arguments)
        return BAD_INPUT
    except Exception:
        traceback.print_exc(file=sys.stderr)
        print("error: the command itself failed; nothing that it had not finished was changed", file=sys.stderr)
        return FAILED
    return 0


def _print_error(error: Exception, *, as_json: bool) -> None:
    words = str(error) or type(error).__name__
    if as_json:
        rows = [asdict(row) for row in error.bad] if isinstance(error, TicketError) else []
        print(json.dumps({"error": words, "bad_rows": rows}, ensure_ascii=False))
    print(f"error: {words}", file=sys.stderr)


def main() -> None:
    """Run the command of this process's arguments, as `draft-training` does."""
    sys.exit(call(sys.argv[1:]))


if __name__ == "__main__":
    main()
