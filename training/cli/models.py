"""retrain, recalibrate: make a model, and fit its last step to an inbox."""

from dataclasses import asdict, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from training import atomic_files
from training.cli import sources
from training.cli.evaluation import targets
from training.cli.output import Data, Json, Who, Why, person, print_result, progress, steps, table
from training.fitting import recalibration
from training.fitting.recipe import Recipe
from training.pipeline import TrainingRequest, run_pipeline
from training.registry.model_registry import ModelRegistry, default_home
from training.search.hyperparameter_search import on_cluster
from training.tickets import datasets
from training.tickets.importing import read_records
from training.tickets.loading import DRAFTS, load
from training.tickets.split_plan import SplitPlan

_STEPS_BESIDE_FOLDS = 7
Set = Annotated[list[str] | None, typer.Option("--set", help="NAME=VALUE, a choice of the recipe; repeat it.")]
EncoderFolder = Annotated[
    Path | None, typer.Option("--encoder", help="Folder of a fine-tuned encoder; else the shipped one.")
]
WithEncoder = Annotated[bool, typer.Option(help="Use an encoder where there is one.")]
Cluster = Annotated[str | None, typer.Option(help="Address of a Dask scheduler to fit on; else this machine.")]


def recipe_of(choices: list[str] | None) -> Recipe:
    """The recipe with the choices of the command line. Raises BadParameter for an unknown choice."""
    kinds = {f.name: type(getattr(Recipe(), f.name)) for f in fields(Recipe)}
    found: dict[str, Any] = {}
    for choice in choices or []:
        name, _, value = choice.partition("=")
        if name not in kinds:
            raise typer.BadParameter(f"--set {choice}: a recipe has {', '.join(kinds)}")
        try:
            found[name] = tuple(map(float, value.split(":"))) if kinds[name] is tuple else kinds[name](value)
        except ValueError as error:
            raise typer.BadParameter(f"--set {choice}: {kinds[name].__name__} is wanted") from error
    return replace(Recipe(), **found)


def retrain(
    data: Data = None,
    choices: Set = None,
    encoder: EncoderFolder = None,
    with_encoder: WithEncoder = True,
    test_since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Test on drafts dated from then on.")
    ] = None,
    cluster: Cluster = None,
    who: Who = "",
    why: Why = "",
    as_json: Json = False,
) -> None:
    """Fit a model, choose its thresholds, evaluate it and publish it. It goes live only by `promote`."""
    recipe = recipe_of(choices)
    request = TrainingRequest(
        recipe,
        sources.encoder(encoder, with_encoder),
        read_records(*(data or sources.default_paths())),
        test_since.date() if test_since else None,
        who=person(who),
        why=why,
    )
    with steps("retrain", recipe.folds + _STEPS_BESIDE_FOLDS) as say, on_cluster(cluster):
        done = run_pipeline(sources.labelled(data), ModelRegistry(), default_home(), request, sources.tools(), say)
    copies = [c for c in done.copies if not c.stays]
    contradictions = [c for c in done.copies if c.contradiction]
    print_result(
        {**asdict(done), "recipe": asdict(recipe)},
        f"{done.version} from {done.fingerprint} in {done.seconds} s; parts {done.rule}: {dict(done.parts)}",
        table("near-copies left out", ("draft", "like", "likeness"), [(c.dropped, c.kept, c.likeness) for c in copies]),
        table("contradictions, both kept", ("draft", "same words as"), [(c.dropped, c.kept) for c in contradictions]),
        targets(done.evaluation),
        f"Next: compare live {done.version}, then promote {done.version} --reason …",
        as_json=as_json,
    )


def recalibrate(
    version: Annotated[str, typer.Argument(help="A version, live, shadow or shipped.")] = "live",
    data: Annotated[
        list[Path] | None, typer.Option("--data", help="Reviewed tickets; default: everything that was imported.")
    ] = None,
    who: Who = "",
    why: Why = "",
    as_json: Json = False,
) -> None:
    """Fit calibration and thresholds to some hundred reviewed tickets of an inbox. It goes live only by `promote`."""
    registry = ModelRegistry()
    given = load(*(data or [sources.imported()]))
    plan = SplitPlan.load()
    drafts = [d for d in given if plan.part_of(d.writer) != "test"]
    if not drafts:
        raise ValueError("all tickets are by writers of the test part, which no model learns from")
    taught = {(d.draft.subject, d.draft.body) for d in load(DRAFTS) if plan.part_of(d.writer) == "train"}
    met = sum((d.draft.subject, d.draft.body) in taught for d in drafts)
    base = registry.folder(version)
    screener = sources.screener(registry, version)
    with progress("judging", len(drafts)) as tick:
        found = recalibration.recalibrate(screener, drafts, tick)
    records = read_records(*(data or [sources.imported()]))
    fingerprint = datasets.keep(drafts, default_home(), records)
    with atomic_files.workspace(registry.incoming()) as place:
        made = recalibration.write(base, place / "model", found, fingerprint=fingerprint)
        registry.publish(place / "model", who=person(who), why=why or f"{found.base} recalibrated on {fingerprint}")
    rows = [
        (name, *pair, "yes" if name in map(str, found.final.changed) else "no") for name, pair in found.losses.items()
    ]
    limits = (
        [
            (str(label), *(f"{getattr(old, n):.3f} → {getattr(found.thresholds[label], n):.3f}" for n in _THRESHOLDS))
            for label, old in screener.artifact.thresholds.items()
        ]
        if screener.artifact
        else []
    )
    flatters = f"{met} of them stand in data/drafts, which models learn from: there the base is surer than on an inbox."
    warning = [flatters] if met else []
    print_result(
        {
            "version": made,
            "fingerprint": fingerprint,
            "left_out": len(given) - len(drafts),
            "met": met,
            **found.as_dict(),
        },
        f"{made} from {found.base} and {len(drafts)} tickets ({fingerprint})",
        table("logarithmic loss out of fold", ("label", "before", "after", "changed"), rows),
        table("thresholds", ("label", *_THRESHOLDS), limits),
        *warning,
        f"Next: compare {version} {made}, then promote {made} --reason …",
        as_json=as_json,
    )


_THRESHOLDS = ("possible", "asserted", "sure")
