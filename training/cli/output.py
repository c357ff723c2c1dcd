"""The output of every command: tables or JSON on stdout, progress on stderr, exit codes for a scheduler."""

import getpass
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

REFUSED, BAD_INPUT, FAILED = 1, 2, 3
"""0: success. 1: a gate, limit or check refuses. 2: the input cannot be used. 3: the command itself failed."""

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Data = Annotated[
    list[Path] | None,
    typer.Option(
        "--data", help="JSONL file or folder of labelled tickets; repeat it. Default: the given and the imported."
    ),
]
Who = Annotated[str, typer.Option("--by", help="Who does this; recorded. Default: the signed-in user.")]
Why = Annotated[str, typer.Option("--reason", help="Why; recorded.")]
Out = Annotated[Path | None, typer.Option("--out", help="File to write.")]
Store = Annotated[
    str | None, typer.Option("--from-service", help="The service's database (file or URL), or its address with http.")
]


def print_result(data: Any, *shown: Table | str, as_json: bool) -> None:
    """Print the result: `data` as JSON, or what is shown to a person."""
    if as_json:
        typer.echo(json.dumps(data, indent=1, ensure_ascii=False, default=str))
        return
    for part in shown:
        if isinstance(part, str):
            Console(soft_wrap=True).print(part, highlight=False, markup=False)
        else:
            Console().print(part)  # as wide as the terminal, 80 columns without one


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    """A plain table; numbers to the right, words to the left."""
    made = Table(title=title, title_justify="left", box=None, header_style="bold", title_style="")
    for at, name in enumerate(columns):
        words = all(isinstance(row[at], str) and row[at][:1] not in "0123456789+-≤≥–" for row in rows)
        made.add_column(name, justify="left" if words else "right", overflow="fold")
    for row in rows:
        made.add_row(*(_cell(value) for value in row))
    return made


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def share(value: float | None) -> str:
    """A share as a percentage."""
    return "–" if value is None else f"{100 * value:.1f}%"


def person(who: str) -> str:
    """The name that is recorded: the given one, else that of the signed-in user."""
    return who or getpass.getuser()


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[[], None]]:
    """Progress on stderr; the caller calls the result after each item."""
    with _shown(what, total) as shown:
        done = 0

        def tick() -> None:
            nonlocal done
            done += 1
            shown(done, what)

        yield tick


@contextmanager
def steps(what: str, total: int) -> Iterator[Callable[[str], None]]:
    """Progress on stderr by named steps; the caller calls the result with the name of each step when it begins.

    A step counts as done when the next one begins, and the last one at the end.
    """
    with _shown(what, total) as shown:
        begun = 0

        def say(step: str) -> None:
            nonlocal begun
            begun += 1
            shown(min(begun, total) - 1, f"{what}: {step}")

        yield say
        shown(total, what)


@contextmanager
def _shown(what: str, total: int | None) -> Iterator[Callable[[int, str], None]]:
    """A bar on a terminal, else lines: the result takes the number of finished items and the words beside it."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(what, total).show
        return
    with _bar(console) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done, words: bar.update(task, completed=done, description=words)


def _bar(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=console,
    )  # fmt: skip


class _Lines:
    """Progress as lines of a log: at each tenth, at another step, and after some seconds without a line."""

    def __init__(self, what: str, total: int | None) -> None:
        self._what, self._total = what, total
        self._tenth, self._words, self._last = -1, what, time.monotonic()

    def show(self, done: int, words: str) -> None:
        """Print a line if there is something new to say."""
        tenth = 10 * done // self._total if self._total else -1
        if tenth > self._tenth or words != self._words or time.monotonic() - self._last > _SILENCE:
            self._tenth, self._words, self._last = tenth, words, time.monotonic()
            typer.echo(f"{words}: {done} of {self._total}" if self._total else f"{words}: {done}", err=True)


_SILENCE = 30
"""Seconds after which a log gets a line all the same."""


def refuse(data: Mapping[str, Any], *shown: Table | str, as_json: bool) -> None:
    """Print the result and end with the code for a refusal."""
    print_result(data, *shown, as_json=as_json)
    raise typer.Exit(REFUSED)
