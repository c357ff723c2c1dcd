"""rules lint, backtest, diff, keep: a rule is tried before it is trusted."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from classifier.matching.rulebook import RULES_FOLDER
from training.cli import sources
from training.cli.output import Data, Json, print_result, progress, refuse, table
from training.registry.model_registry import default_home
from training.rules import backtest as backtesting

app = typer.Typer(help="The rule book: check it, try it, compare it.", no_args_is_help=True)
Rules = Annotated[str, typer.Argument(help="A folder of rules, a kept version, live or shipped.")]


@app.command("lint")
def lint(rules: Rules = "shipped", as_json: Json = False) -> None:
    """Load every rule and run its own examples; ends with 1 if one does not hold."""
    book = backtesting.find(rules, default_home())
    faults = backtesting.lint(book, sources.tools().reader())
    shown = table("faults", ("rule", "sentence", "reason"), [tuple(asdict(f).values()) for f in faults])
    data = {"version": book.version, "rules": len(book.rules), "faults": [asdict(f) for f in faults]}
    words = f"{book.version}: {len(book.rules)} rules, {len(faults)} faults"
    (refuse if faults else print_result)(data, *([shown] if faults else []), words, as_json=as_json)


@app.command("backtest")
def backtest(
    rules: Rules,
    against: Annotated[str, typer.Option(help="The rule set to compare with.")] = "shipped",
    rule: Annotated[list[str] | None, typer.Option(help="A rule to try though it did not change; repeat it.")] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Changed, new and shadow rules on stored tickets: hits, precision, drafts per thousand, gained and lost."""
    before, after = (backtesting.find(name, default_home()) for name in (against, rules))
    drafts = sources.labelled(data)
    with progress("rule sets", 2) as tick:
        trials = backtesting.backtest(before, after, drafts, sources.tools().reader(), rule or (), tick)
    rows = [
        (t.rule_id, t.change, t.hits, t.precision, t.per_thousand, len(t.gained), len(t.lost), ", ".join(t.wrong[:5]))
        for t in trials
    ]
    columns = ("rule", "change", "hits", "precision", "per thousand", "gained", "lost", "wrong on")
    print_result(
        {
            "before": before.version,
            "after": after.version,
            "drafts": len(drafts),
            "rules": [t.as_dict() for t in trials],
        },
        table(f"{before.version} → {after.version} on {len(drafts)} drafts", columns, rows),
        as_json=as_json,
    )


@app.command("diff")
def diff(before: Rules, after: Rules, as_json: Json = False) -> None:
    """Which rules two sets do not share, and in what they differ."""
    books = [backtesting.find(name, default_home()) for name in (before, after)]
    found = backtesting.changes(*books)
    rows = [(c.rule_id, c.change, ", ".join(c.fields)) for c in found]
    print_result(
        {"before": books[0].version, "after": books[1].version, "changes": [asdict(c) for c in found]},
        table(f"{books[0].version} → {books[1].version}", ("rule", "change", "in"), rows),
        as_json=as_json,
    )


@app.command("keep")
def keep(
    folder: Annotated[Path, typer.Argument(help="A folder of rules.")] = RULES_FOLDER, as_json: Json = False
) -> None:
    """Store a rule set under its hash, for good."""
    version = backtesting.keep(folder, default_home())
    print_result({"version": version}, version, as_json=as_json)
