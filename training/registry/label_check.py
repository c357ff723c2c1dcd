"""Whether a model, or an encoder, judges the labels of classifier/labels.py; if not, what must be made again."""

import json
from collections.abc import Iterable
from pathlib import Path

from classifier.labels import LABELS
from classifier.model.artifact import MANIFEST, ArtifactError

ABOUT = "encoder.json"


def require_labels(folder: Path) -> None:
    """Raises ArtifactError where a model was fitted for other labels. What cannot be read is left to the loader."""
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["thresholds"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    if other := _difference(found):
        raise ArtifactError(f"{folder}: fitted for other labels ({other}); retrain, then compare and promote")


def require_encoder_labels(folder: Path) -> None:
    """Raises ArtifactError where an encoder was trained for other labels."""
    try:
        found = json.loads((folder / ABOUT).read_text(encoding="utf-8"))["labels"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    if other := _difference(found):
        raise ArtifactError(
            f"{folder}: an encoder for other labels ({other}); fine-tune one with `encoder BASE OUT`, or do without it:"
            " --no-with-encoder"
        )


def _difference(found: Iterable[str]) -> str:
    theirs, ours = set(found), set(map(str, LABELS))
    parts = [f"without {', '.join(sorted(ours - theirs))}"] if ours - theirs else []
    parts += [f"with {', '.join(sorted(theirs - ours))}, which is no label now"] if theirs - ours else []
    return "; ".join(parts)
