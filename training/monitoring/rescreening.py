"""Judge an archive again on a Dask cluster: Parquet in, Parquet out, part by part.

Every part of the input becomes one file of the output, in the order of its rows. A part with an output file is
skipped; the part of a worker that dies goes to another worker.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from classifier import LABELS, Screener, Verdict
from training import atomic_files
from training.service_data.archive import incoming

PLAN = "plan.json"
_NEEDED = ("support_id", "subject", "body")


@dataclass(frozen=True, slots=True)
class ArchivePart:
    """Rows [first, first + rows) of one Parquet file, and the file that their verdicts go to."""

    number: int
    source: str
    first: int
    rows: int
    target: str


@dataclass(frozen=True, slots=True)
class RescreeningPlan:
    """The whole job. `versions` are those of the screener: another model starts another output."""

    parts: tuple[ArchivePart, ...]
    model: str
    versions: Mapping[str, str]

    def remaining(self) -> list[ArchivePart]:
        """Parts without an output yet."""
        return [part for part in self.parts if not Path(part.target).exists()]

    @property
    def rows(self) -> int:
        """Drafts in all."""
        return sum(part.rows for part in self.parts)


def plan(source: Path, target: Path, model: Path, part_rows: int) -> RescreeningPlan:
    """Cut the archive (a Parquet file, or a folder of them) into parts and note it in the target folder.

    Raises ValueError where the target belongs to another archive, model, policy or rule book, or where a needed
    column is missing; FileNotFoundError for no archive.
    """
    import pyarrow
    import pyarrow.parquet

    files = sorted(source.rglob("*.parquet")) if source.is_dir() else [source]
    if not files:
        raise FileNotFoundError(f"{source}: no Parquet files")
    parts: list[ArchivePart] = []
    for file in files:
        try:
            about = pyarrow.parquet.ParquetFile(file)
        except pyarrow.ArrowInvalid as error:
            raise ValueError(f"{file}: not Parquet: {error}") from error
        if missing := [name for name in _NEEDED if name not in about.schema_arrow.names]:
            raise ValueError(f"{file}: no column {missing[0]!r}")
        for first in range(0, about.metadata.num_rows, part_rows):
            rows = min(part_rows, about.metadata.num_rows - first)
            number = len(parts)
            parts.append(
                ArchivePart(
                    number, str(file.resolve()), first, rows, str(target.resolve() / f"part-{number:06d}.parquet")
                )
            )
    made = RescreeningPlan(tuple(parts), str(model.resolve()), _versions(Screener.load(model)))
    _agree(made, target / PLAN)
    return made


def _versions(screener: Screener) -> dict[str, str]:
    model = screener.artifact.version if screener.artifact else "rules-only"
    return {"model": model, "rules": screener.book.version, "policy": screener.policy.version}


def _agree(made: RescreeningPlan, path: Path) -> None:
    mine = json.loads(json.dumps(asdict(made)))
    if path.exists():
        held = json.loads(path.read_text(encoding="utf-8"))
        if (held["versions"], held["parts"]) != (mine["versions"], mine["parts"]):
            raise ValueError(f"{path.parent}: holds verdicts of another archive or another model; give another folder")
    else:
        atomic_files.write_text(path, json.dumps(mine, indent=1) + "\n")


def rescreen(made: RescreeningPlan, address: str | None, workers: int, done: Callable[[ArchivePart], None]) -> int:
    """Judge the remaining parts on the cluster at `address`, or on a local one of `workers` processes.

    `done` is called after each part. Returns the number of drafts judged now.
    """
    from dask.distributed import Client, LocalCluster, as_completed

    remaining = made.remaining()
    if not remaining:
        return 0
    local = None if address else LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None)
    try:
        with Client(address or local) as client:
            # `pure=False`: a part's file, not Dask's memory, says whether it is done.
            futures = {client.submit(judge_part, asdict(part), made.model, pure=False): part for part in remaining}
            for future in as_completed(futures):
                future.result()
                done(futures[future])
    finally:
        if local is not None:
            local.close()
    return sum(part.rows for part in remaining)


def judge_part(part: Mapping[str, Any], model: str) -> int:
    """Judge one part and write its file as a whole; runs on a worker. Returns its rows."""
    import pyarrow
    import pyarrow.parquet

    screener = _screener(model)
    rows = _rows(screener, [(record, part["first"] + i) for i, record in enumerate(_records(part))])
    target = Path(part["target"])
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema=_schema()), beside)
    beside.replace(target)
    return len(rows)


@lru_cache(maxsize=1)
def _screener(model: str) -> Screener:
    """One screener for each worker process, loaded once."""
    return Screener.load(Path(model))


def _records(part: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The part's rows, without reading the groups before it into memory."""
    import pyarrow.parquet

    skip, left = part["first"], part["rows"]
    file = pyarrow.parquet.ParquetFile(part["source"])
    for group in range(file.num_row_groups):
        size = file.metadata.row_group(group).num_rows
        if left and skip < size:
            table = file.read_row_group(group).slice(skip, left)
            yield from table.to_pylist()
            left -= table.num_rows
        skip = max(0, skip - size)


def _rows(screener: Screener, numbered: Sequence[tuple[Mapping[str, Any], int]]) -> list[dict[str, Any]]:
    """The verdicts on all rows, in order; a row that holds no draft has its reason in `error` and no decision."""
    read = [incoming(record, str(number)) for record, number in numbered]
    drafts = [one for one in read if not isinstance(one, str)]
    verdicts = iter(screener.screen_many([one.draft for one in drafts], [one.order for one in drafts]))
    return [
        {"id": str(record.get("id") or number), "error": one}
        if isinstance(one, str)
        else {"id": one.id, "error": None, **verdict_row(next(verdicts))}
        for (record, number), one in zip(numbered, read, strict=True)
    ]


def verdict_row(verdict: Verdict) -> dict[str, Any]:
    """A verdict as one row; nothing of the draft but where its first finding lies."""
    first = next((f for f in verdict.findings if f.start is not None), None)
    return {
        "decision": verdict.decision,
        "labels": sorted(map(str, verdict.labels)),
        **{f"p_{label}": float(verdict.probabilities[label]) for label in LABELS},
        "findings": [finding.id for finding in verdict.findings],
        "field": first.field if first else None,
        "start": first.start if first else None,
        "end": first.end if first else None,
        "language": verdict.language.code,
        "model_version": verdict.versions.model,
        "rules_version": verdict.versions.rules,
        "policy_version": verdict.versions.policy,
    }


def _schema() -> Any:
    import pyarrow as pa

    text, words, number = pa.string(), pa.list_(pa.string()), pa.int64()
    return pa.schema(
        [("id", text), ("error", text), ("decision", text), ("labels", words)]
        + [(f"p_{label}", pa.float64()) for label in LABELS]
        + [("findings", words), ("field", text), ("start", number), ("end", number), ("language", text)]
        + [(f"{name}_version", text) for name in ("model", "rules", "policy")]
    )
