"""search: try recipes, keep each trial, and show the best."""

from pathlib import Path
from typing import Annotated

import typer

from training.cli import sources
from training.cli.models import Cluster, recipe_of
from training.cli.output import Data, Json, print_result, steps, table
from training.fitting.recipe import Recipe
from training.registry.model_registry import default_home
from training.reports import html as reports
from training.search import trials
from training.search.hyperparameter_search import grid, on_cluster
from training.search.hyperparameter_search import search as try_recipes
from training.search.mlflow_tracking import tracker
from training.tickets.datasets import fingerprint


def search(
    choices: Annotated[
        list[str] | None,
        typer.Argument(help="NAME=VALUE,VALUE,… each a choice of the recipe; none shows what is kept."),
    ] = None,
    data: Data = None,
    cluster: Cluster = None,
    html: Annotated[Path | None, typer.Option(help="Write a table and a plot of all kept trials here.")] = None,
    as_json: Json = False,
) -> None:
    """Try recipes on drafts by writers that the models never saw, best first. Publishes nothing.

    Each trial is kept with its recipe, figures and time in $SCREENING_HOME/searches, and in MLflow where
    SCREENING_MLFLOW_URI names a tracking server or a folder.
    """
    home, drafts, log = default_home(), sources.labelled(data), tracker()
    name = fingerprint(drafts)
    recipes = _recipes(choices or [])

    def done(trial: trials.Trial) -> None:
        trials.keep(trial, home)
        if log is not None:
            log(trial)

    if recipes:
        with steps("search", len(recipes) + 1) as say, on_cluster(cluster):
            say("reading")
            try_recipes(sources.tools().examples(drafts), recipes, say, data=name, done=done)
    found = trials.ranked(trials.kept(home, name))
    if not found:
        raise typer.BadParameter("no recipe was tried on these drafts; give choices such as plain_c=5,10,20")
    if html:
        reports.write(reports.search_html(found), html)
    names = trials.varied(found)
    rows = [(*(getattr(t.recipe, n) for n in names), t.average_precision, t.macro_f1, t.seconds) for t in found]
    best = found[0].recipe
    chosen = " ".join(
        f"--set {n}={_written(getattr(best, n))}" for n in names if getattr(best, n) != getattr(Recipe(), n)
    )
    print_result(
        [trial.as_dict() for trial in found],
        table(f"recipes tried on {name}", (*names, "average precision", "macro F1", "seconds"), rows),
        f"Best: retrain {chosen or 'with the recipe as it is'}",
        as_json=as_json,
    )


def _recipes(choices: list[str]) -> list[Recipe]:
    lists = {c.partition("=")[0]: c.partition("=")[2].split(",") for c in choices}
    values = {name: [getattr(recipe_of([f"{name}={v}"]), name) for v in found] for name, found in lists.items()}
    return grid(Recipe(), values) if values else []


def _written(value: object) -> str:
    return ":".join(map(str, value)) if isinstance(value, tuple) else str(value)
