"""The drafts and models that commands use by default."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import typer

from classifier import Screener
from classifier.draft import LabelledDraft
from classifier.model.artifact import MANIFEST, SHIPPED, ArtifactError, ModelArtifact
from classifier.policy.policy import Policy
from classifier.reading.spelling import Words
from training.evaluation.out_of_fold import UnmetEncoder
from training.fitting.model_fitting import Tools
from training.registry.history import SHIPPED_NAME
from training.registry.label_check import require_encoder_labels, require_labels
from training.registry.model_registry import ModelRegistry, default_home
from training.rules.backtest import live_book
from training.service_data.archive import IncomingDraft, read_archive
from training.service_data.database_reader import ScreenedDraft, ServiceStore
from training.tickets.loading import DRAFTS, load
from training.tickets.split_plan import SplitPlan
from training.tickets.splitting import DividedDrafts, share

ENCODER = Path(SHIPPED).parent / "encoder"


def imported() -> Path:
    """The folder that `import` writes to."""
    return default_home() / "tickets"


def default_paths() -> list[Path]:
    """The given drafts, and the imported ones where there are any."""
    return [DRAFTS, *([imported()] if imported().is_dir() else [])]


def labelled(paths: Sequence[Path] | None) -> list[LabelledDraft]:
    """The drafts of the paths, or of the default ones. Raises TicketError, FileNotFoundError."""
    return load(*(paths or default_paths()))


def kept_aside(paths: Sequence[Path] | None, part: str = "test") -> list[LabelledDraft]:
    """The part of the drafts that models are measured on; without paths that of the given drafts alone, so that an
    import cannot change the measure."""
    drafts = load(*(paths or [DRAFTS]))
    if part == "all":
        return drafts
    shared: DividedDrafts = share(drafts, SplitPlan.load())
    found: tuple[LabelledDraft, ...] = getattr(shared.split, part)
    return list(found)


def screener(registry: ModelRegistry, version: str) -> Screener:
    """The screener of a version; by rules alone where it is the shipped one and none is shipped."""
    name = registry.resolve(version)
    missing = name == SHIPPED_NAME and not (SHIPPED / MANIFEST).exists()
    if missing:
        return _screener(None)
    folder = registry.folder(name)
    require_labels(folder)
    return _screener(ModelArtifact.load(folder))


def _screener(artifact: ModelArtifact | None) -> Screener:
    return Screener(policy=Policy.load(), book=live_book(default_home()), artifact=artifact)


def tools() -> Tools:
    """The policy, the words, and the rules that the service follows."""
    return Tools(Policy.load(), live_book(default_home()), Words.load())


def live_screener(registry: ModelRegistry) -> Screener:
    """The live model's screener; by rules alone, as in the service, where the model does not load, which is said."""
    try:
        return screener(registry, "live")
    except ArtifactError as error:
        typer.echo(f"the live model does not load, so rules alone stand in for it: {error}", err=True)
        return _screener(None)


def encoder(path: Path | None, wanted: bool) -> Path | None:
    """The folder of the encoder: the one given, else the shipped one; None where not wanted or missing."""
    if not wanted:
        return None
    if path is not None and not (path / "encoder.onnx").exists():
        raise FileNotFoundError(f"{path}: no encoder.onnx")
    found = [p for p in (path, ENCODER, SHIPPED / "encoder") if p is not None and (p / "encoder.onnx").exists()]
    if not found:
        return None
    require_encoder_labels(found[0])
    return found[0]


def unmet_encoder(
    path: Path | None, wanted: bool, drafts: Sequence[LabelledDraft], policy: Policy
) -> UnmetEncoder | None:
    """The encoder, and which of the drafts it was not trained on: those of the tune and test parts, and the imported
    ones. One that was fine-tuned on imported drafts too must not be named here."""
    folder = encoder(path, wanted)
    if folder is None:
        return None
    plan = SplitPlan.load()
    given = {labelled.id for labelled in load(DRAFTS)}
    unread = [plan.part_of(labelled.writer) != "train" or labelled.id not in given for labelled in drafts]
    return UnmetEncoder(folder, policy, np.array(unread, bool))


def stored(store: str | None, archive: Path | None) -> tuple[list[IncomingDraft], list[ScreenedDraft]]:
    """Unlabelled drafts from the service's store or from a file; the screenings are empty for a file."""
    if (store is None) == (archive is None):
        raise typer.BadParameter("give either a file of drafts or --from-service")
    if archive is not None:
        return read_archive(archive), []
    screenings = ServiceStore(str(store)).screenings()
    return [s.incoming for s in screenings], screenings
