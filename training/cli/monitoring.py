"""suggest, label-errors, drift, rescreen: watch the live model, and find what to label next."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from training.cli import sources
from training.cli.models import Cluster, EncoderFolder, Set, WithEncoder, recipe_of
from training.cli.output import Data, Json, Store, print_result, progress, refuse, steps, table
from training.evaluation.out_of_fold import predict_out_of_fold
from training.monitoring import drift as drifting
from training.monitoring import rescreening
from training.monitoring.label_errors import doubtful_labels
from training.monitoring.label_suggestions import suggest as rank
from training.registry.label_check import require_labels
from training.registry.model_registry import ModelRegistry
from training.reports import html as reports
from training.service_data.archive import IncomingDraft
from training.service_data.database_reader import ScreenedDraft, ServiceStore

Archive = Annotated[Path | None, typer.Argument(help="Drafts without labels: JSONL, CSV or Parquet.")]


def suggest(
    archive: Archive = None,
    from_service: Store = None,
    most: Annotated[int, typer.Option(min=1, help="How many.")] = 50,
    queue: Annotated[bool, typer.Option("--queue", help="Put them into the reviewers' queue.")] = False,
    as_json: Json = False,
) -> None:
    """List unreviewed drafts, the most useful to label first."""
    drafts, screenings = sources.stored(from_service, archive)
    if screenings:
        drafts = [s.incoming for s in screenings if not s.reviewed]
    elif queue:
        raise typer.BadParameter("--queue needs --from-service")
    with progress("reading", len(drafts)) as tick:
        found = rank(sources.screener(ModelRegistry(), "live"), drafts, most, tick)
    queued = ServiceStore(str(from_service)).queue([s.id for s in found], "suggested") if queue else 0
    rows = [(s.id, s.usefulness, s.uncertainty, s.disagreement, s.novelty, s.label) for s in found]
    columns = ("draft", "usefulness", "uncertainty", "disagreement", "novelty", "least settled")
    print_result(
        {"suggestions": [s.as_dict() for s in found], "queued": queued},
        table("label these next", columns, rows),
        *([f"{queued} new in the reviewers' queue."] if queue else []),
        as_json=as_json,
    )


def label_errors(
    data: Data = None,
    most: Annotated[int, typer.Option(min=1, help="How many.")] = 50,
    choices: Set = None,
    encoder: EncoderFolder = None,
    with_encoder: WithEncoder = True,
    as_json: Json = False,
) -> None:
    """List the labels worth a second look, worst first, by models that never saw the writer.

    The encoder reads the drafts that it was not trained on: those of the tune and test parts, and the imported ones.
    """
    recipe, tools, drafts = recipe_of(choices), sources.tools(), sources.labelled(data)
    reader = sources.unmet_encoder(encoder, with_encoder, drafts, tools.policy)
    with steps("label-errors", recipe.folds + 4) as say:
        say("reading")
        examples = tools.examples(drafts)
        found = doubtful_labels(drafts, predict_out_of_fold(examples, recipe, say, reader), most)
    rows = [(d.id, d.label, "yes" if d.given else "no", d.probability, d.quality, d.suspected) for d in found]
    columns = ("draft", "label", "given", "probability", "quality", "likely wrong")
    print_result([d.as_dict() for d in found], table("doubtful labels", columns, rows), as_json=as_json)


def drift(
    archive: Archive = None,
    from_service: Store = None,
    reference: Annotated[
        list[Path] | None, typer.Option(help="Labelled tickets to compare with; else those kept aside.")
    ] = None,
    limits: Annotated[Path | None, typer.Option(help="Limits; default: training/monitoring/drift.toml.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the report with plots here.")] = None,
    as_json: Json = False,
) -> None:
    """Compare incoming drafts with those that the model was measured on; end with 1 if a figure passes its limit."""
    drafts, screenings = sources.stored(from_service, archive)
    known = [
        IncomingDraft(d.id, d.draft, d.order) for d in sources.kept_aside(reference, "all" if reference else "test")
    ]
    screener = sources.screener(ModelRegistry(), "live")
    with progress("reading", len(drafts) + len(known)) as tick:
        before, now = (drifting.profile(screener, side, tick) for side in (known, drafts))
    bounds = drifting.Limits.load(limits) if limits else drifting.Limits.load()
    found = drifting.drift(before, now, bounds, _reviewed(screenings))
    if html:
        names = (str(reference[0]) if reference else "kept aside", str(archive or "the service's screenings"))
        reports.write(reports.drift_html(found, before, now, names), html)
    moved = [s for s in found.shifts if s.drifted or s.distance > 0]
    rows = [(s.name, s.distance, s.limit, s.p_value, s.word) for s in moved]
    title = f"{found.incoming} drafts against {found.reference}; {len(found.shifts) - len(moved)} more did not move"
    shown = [table(title, ("what", "distance", "limit", "p", "past it"), rows)]
    few = ["These are few drafts: only large changes can be seen."] if found.small else []
    (refuse if found.drifted else print_result)(found.as_dict(), *shown, *few, as_json=as_json)


def _reviewed(screenings: list[ScreenedDraft]) -> tuple[int, int] | None:
    reviewed = [s for s in screenings if s.reviewed]
    return (sum(s.overturned for s in reviewed), len(reviewed)) if reviewed else None


def rescreen(
    source: Annotated[Path, typer.Argument(help="Parquet file or folder with support_id, subject, body.")],
    target: Annotated[Path, typer.Argument(help="Folder for the verdicts; a stopped run goes on there.")],
    version: Annotated[str, typer.Option(help="The model to judge with.")] = "live",
    cluster: Cluster = None,
    workers: Annotated[int, typer.Option(min=1, help="Local processes, where no cluster is given.")] = 2,
    part_rows: Annotated[
        int | None, typer.Option(min=1, help="Drafts in one part; default: by the archive and the workers.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Judge an archive again, in parts, on a Dask cluster or on this machine. The verdicts contain no text.

    Few drafts, or one worker, need no cluster: they are judged in this process.
    """
    registry = ModelRegistry()
    folder = registry.folder(version)
    require_labels(folder)
    plan = rescreening.plan(source, target, folder, part_rows=part_rows, workers=_MANY if cluster else workers)
    start = time.monotonic()
    with progress("parts", len(plan.remaining())) as tick:
        judged = rescreening.rescreen(plan, cluster, workers, lambda part: tick())
    seconds = time.monotonic() - start
    result: dict[str, Any] = {
        "drafts": plan.rows, "judged_now": judged, "parts": len(plan.parts), "seconds": round(seconds, 2),
        "drafts_per_second": round(judged / seconds, 1) if judged else None, **plan.versions,
    }  # fmt: skip
    print_result(result, table("rescreened", ("", ""), list(result.items())), as_json=as_json)


_MANY = 64
"""Workers that a cluster is taken to have, when parts are cut."""
