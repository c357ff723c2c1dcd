"""encoder: fine-tune the small sentence encoder that a model may ask in doubt. Needs the extra `encoder`."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from training.cli import sources as sources_of
from training.cli.output import BAD_INPUT, Data, Json, print_result, steps
from training.tickets.split_plan import SplitPlan
from training.tickets.splitting import share

_STEPS_BETWEEN_WORDS = 20


def encoder(
    base: Annotated[Path, typer.Argument(help="Folder with model.safetensors and vocab.txt of the base weights.")],
    out: Annotated[Path, typer.Argument(help="Folder for encoder.onnx; give it to `retrain --encoder`.")],
    data: Data = None,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the drafts.")] = 2,
    rate: Annotated[float, typer.Option(min=0, help="Learning rate at its highest.")] = 1e-4,
    start: Annotated[Path | None, typer.Option(help="Folder of an earlier run to go on from.")] = None,
    layers: Annotated[int, typer.Option(min=1, max=6, help="Layers; fewer are faster and judge worse.")] = 6,
    teacher: Annotated[Path | None, typer.Option(help="Folder of a run whose scores it learns beside labels.")] = None,
    as_json: Json = False,
) -> None:
    """Fine-tune the encoder on the training part alone, so that the tune part tells what it adds."""
    try:
        from training.encoder import fine_tuning as tuning
    except ImportError as error:
        typer.echo(f"error: {error.name} is not installed; pip install -e '.[encoder]'", err=True)
        raise typer.Exit(BAD_INPUT) from error
    drafts = share(sources_of.labelled(data), SplitPlan.load()).split.train
    reader = sources_of.tools().reader()
    recipe = replace(tuning.EncoderRecipe(), layers=layers, epochs=epochs, rate=rate)
    sources = [tuning.source(labelled, reader.read(labelled.draft)) for labelled in drafts]
    words = max(1, epochs * -(-len(sources) // recipe.batch) // _STEPS_BETWEEN_WORDS)
    with steps("fine-tune", words) as say:
        model, pieces = tuning.train(
            sources, base, recipe, start=start, teacher=teacher, checkpoint=out / "checkpoint", say=say
        )
    file = tuning.export(model, pieces, recipe, out, start=start)
    print_result(
        {"encoder": str(out), "drafts": len(drafts), "bytes": file.stat().st_size},
        f"{out}: {file.stat().st_size / 1e6:.1f} MB from {len(drafts)} drafts. Next: retrain --encoder {out}",
        as_json=as_json,
    )
