"""A set of labelled drafts as a version: its fingerprint, the kept copy, and what changed between two of them."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from classifier.draft import LabelledDraft
from training import atomic_files
from training.tickets.loading import as_record, load

Records = Iterable[Mapping[str, Any]]


def fingerprint(drafts: Iterable[LabelledDraft], records: Records = ()) -> str:
    """A short name of the contents, whatever the order or the files; any change of any field changes it.

    `records` add the dates and the provenance, which a LabelledDraft leaves out.
    """
    origins = _origins(records)
    lines = sorted(_line(labelled, origins) for labelled in drafts)
    return "data-" + hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def _origins(records: Records) -> dict[str, dict[str, Any]]:
    """Id -> date and provenance, where a record has them."""
    found = {r["id"]: {key: r[key] for key in ("date", "provenance") if r.get(key)} for r in records}
    return {name: origin for name, origin in found.items() if origin}


def _line(labelled: LabelledDraft, origins: Mapping[str, Mapping[str, Any]]) -> str:
    return json.dumps({**as_record(labelled), **origins.get(labelled.id, {})}, ensure_ascii=False, sort_keys=True)


def keep(drafts: Sequence[LabelledDraft], home: Path, records: Records = ()) -> str:
    """Store the drafts under their fingerprint, once; returns it."""
    records = list(records)
    name = fingerprint(drafts, records)
    origins = _origins(records)
    target = home / "datasets" / f"{name}.jsonl"
    if not target.exists():
        ordered = sorted(drafts, key=lambda labelled: labelled.id)
        lines = [json.dumps({**as_record(d), **origins.get(d.id, {})}, ensure_ascii=False) + "\n" for d in ordered]
        atomic_files.write_text(target, "".join(lines))
    return name


def find(name: str, home: Path) -> list[LabelledDraft]:
    """The drafts of a file, a folder, or a kept fingerprint (or the beginning of one). Raises FileNotFoundError."""
    if Path(name).exists():
        return load(Path(name))
    kept = sorted((home / "datasets").glob(f"{name}*.jsonl"))
    if len(kept) != 1:
        raise FileNotFoundError(f"{name}: {'several' if kept else 'no'} file, folder or kept data set of that name")
    return load(kept[0])


@dataclass(frozen=True, slots=True)
class Relabelled:
    """A draft that carries other labels now."""

    id: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """What became of one set of drafts in another. Counts are (before, after)."""

    before: str
    after: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    reworded: tuple[str, ...]
    """Ids whose subject, body, Support ID, order or evidence changed, labels unchanged."""
    relabelled: tuple[Relabelled, ...]
    labels: Mapping[str, tuple[int, int]]
    writers: Mapping[str, tuple[int, int]]

    def as_dict(self) -> dict[str, Any]:
        """Plain data for --json."""
        return asdict(self)


def difference(before: Sequence[LabelledDraft], after: Sequence[LabelledDraft]) -> Difference:
    """Compare two sets of drafts by id."""
    old, new = {d.id: d for d in before}, {d.id: d for d in after}
    both = [i for i in old if i in new]
    relabelled = [
        Relabelled(i, _names(old[i]), _names(new[i])) for i in both if old[i].labels != new[i].labels
    ]  # fmt: skip
    return Difference(
        before=fingerprint(before),
        after=fingerprint(after),
        added=tuple(i for i in new if i not in old),
        removed=tuple(i for i in old if i not in new),
        reworded=tuple(i for i in both if old[i].labels == new[i].labels and as_record(old[i]) != as_record(new[i])),
        relabelled=tuple(relabelled),
        labels=_counts(_label_counts(before), _label_counts(after)),
        writers=_counts(Counter(d.writer for d in before), Counter(d.writer for d in after)),
    )


def _names(labelled: LabelledDraft) -> tuple[str, ...]:
    return tuple(sorted(labelled.labels))


def _label_counts(drafts: Iterable[LabelledDraft]) -> Counter[str]:
    return Counter(str(label) for d in drafts for label in (d.labels or ("none",)))


def _counts(before: Counter[str], after: Counter[str]) -> dict[str, tuple[int, int]]:
    return {k: (before[k], after[k]) for k in sorted({*before, *after}) if before[k] != after[k]}
