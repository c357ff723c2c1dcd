"""How files that do not have our columns are read: names of columns and labels, encoding, and what is left out."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from classifier.labels import LABELS

MAPPINGS = Path(__file__).with_name("mappings")
"""The mapping files that come with the project, one for each help desk."""

FIELDS = frozenset(
    "id writer scenario support_id subject body labels cancelled_by order_status order evidence note language date"
    " provenance merchant_id text context customer_message".split()
)
"""The names that a column can be mapped to. `text` is a body without a subject of its own."""

IGNORED = "-"
"""The target of a column or label that is left out."""

NO_LABEL = "none"


class MappingError(ValueError):
    """A mapping that does not fit: an unknown name, or one that no file has."""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """`columns` maps their columns to ours and `labels` their labels to ours; "-" leaves one out.

    `writer` names the writer of drafts that have none. `label_separator` splits a cell of labels, by default at any of
    ; , | #. `ignore_other_labels` leaves out labels that are neither ours nor mapped, as help-desk tags are.
    """

    format: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    writer: str | None = None
    skip_unlabelled: bool = False
    skip_rejected: bool = False
    unlabelled: bool = False
    ignore_extra: bool = False
    ignore_other_labels: bool = False
    encoding: str | None = None
    separator: str | None = None
    label_separator: str | None = None

    def __post_init__(self) -> None:
        """Raises MappingError for a target that does not exist."""
        for theirs, ours in self.columns.items():
            if ours not in FIELDS and ours != IGNORED:
                raise MappingError(f"{theirs}={ours}: no column {ours!r}; columns are {', '.join(sorted(FIELDS))}")
        for theirs, ours in self.labels.items():
            if ours not in {*LABELS, NO_LABEL, IGNORED}:
                raise MappingError(f"{theirs}={ours}: no label {ours!r}; labels are {', '.join(LABELS)}, {NO_LABEL}")

    def with_mapping(self, name: str) -> "ImportOptions":
        """These options on top of a mapping file: a path, or the name of one that comes with the project.

        Raises MappingError, FileNotFoundError.
        """
        given = Path(name)
        path = given if given.is_file() else MAPPINGS / given.name
        if not path.is_file():
            known = ", ".join(sorted(p.name for p in MAPPINGS.glob("*.toml")))
            raise FileNotFoundError(f"{name}: no such mapping file; the project has {known}")
        try:
            raw: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
            columns, labels = raw.pop("columns", {}), raw.pop("labels", {})
            mine = replace(self, columns={**columns, **self.columns}, labels={**labels, **self.labels})
            return replace(mine, **{key: getattr(self, key) or value for key, value in raw.items()})
        except (TypeError, AttributeError, tomllib.TOMLDecodeError, MappingError) as error:
            raise MappingError(f"{path}: {error}") from error


class Translation:
    """Applies the mapped names to the rows of one import, and knows which of them occurred."""

    def __init__(self, options: ImportOptions) -> None:
        self._options = options
        self._seen: set[str] = set()
        self.left_out: dict[str, int] = {}
        self.notes: list[str] = []

    def columns(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The row under our names. Raises MappingError where two of its columns become the same one."""
        found: dict[str, Any] = {}
        home: dict[str, str] = {}
        for theirs, value in row.items():
            ours = self._options.columns.get(theirs, theirs)
            if theirs in self._options.columns:
                self._seen.add(theirs)
            if ours == IGNORED:
                continue
            if ours in found:
                raise MappingError(
                    f"columns {home[ours]!r} and {theirs!r} are both {ours!r}; leave one out with {theirs}=-"
                )
            found[ours], home[ours] = value, theirs
        return found

    def labels(self, labels: Iterable[Any]) -> list[Any]:
        """The labels under our names, each once; a label that is left out is counted."""
        found: list[Any] = []
        for label in labels:
            ours = self._options.labels.get(label, label) if isinstance(label, str) else label
            if isinstance(label, str) and label in self._options.labels:
                self._seen.add(label)
            elif self._options.ignore_other_labels and ours not in LABELS and ours != NO_LABEL:
                ours = IGNORED
            if ours == IGNORED:
                self.left_out[str(label)] = self.left_out.get(str(label), 0) + 1
            elif ours not in (NO_LABEL, "") and ours not in found:
                found.append(ours)
        return found

    def evidence(self, evidence: Any) -> Any:
        """The evidence under our labels, without that of labels that are left out."""
        if not isinstance(evidence, Mapping):
            return evidence
        found: dict[str, Any] = {}
        for label, spans in evidence.items():
            for ours in self.labels([label]):
                both = isinstance(found.get(ours), list) and isinstance(spans, list)
                found[ours] = [*found[ours], *spans] if both else spans
        return found

    def unused(self, names: Iterable[str]) -> list[str]:
        """Those of some mapped names that occurred in no row."""
        return [name for name in names if name not in self._seen]
