"""Judge an archive again, on a Dask cluster where it is large: Parquet in, Parquet out, part by part.

Every part of the input becomes one file of the output, in the order of its rows. A part with an output file is
skipped; the part of a worker that dies goes to another worker.
"""

import json
import logging
import math
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from classifier import LABELS, Draft, Order, Screener, Verdict
from classifier.matching.rulebook import RuleBook
from classifier.model.artifact import MANIFEST, ArtifactError, digest
from classifier.policy.policy import Policy
from training import atomic_files
from training.service_data.archive import IncomingDraft, incoming

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
    part_rows: int

    def remaining(self) -> list[ArchivePart]:
        """Parts without an output yet."""
        return [part for part in self.parts if not Path(part.target).exists()]

    @property
    def rows(self) -> int:
        """Drafts in all."""
        return sum(part.rows for part in self.parts)


def plan(source: Path, target: Path, model: Path, *, part_rows: int | None = None, workers: int = 1) -> RescreeningPlan:
    """Cut the archive (a Parquet file, or a folder of them) into parts and note it in the target folder.

    Without `part_rows` a part is so large that each worker gets a good many, none waits long for the last one, and a
    run that goes on keeps the parts that it began with. Raises ValueError where the target belongs to another archive,
    model, policy or rule book, or where a needed column is missing; FileNotFoundError for no archive.
    """
    files = sorted(source.rglob("*.parquet")) if source.is_dir() else [source]
    if not files:
        raise FileNotFoundError(f"{source}: no Parquet files")
    sizes = {file: _rows_of(file) for file in files}
    rows = part_rows or _held_rows(target / PLAN) or rows_for(sum(sizes.values()), workers)
    parts: list[ArchivePart] = []
    for file, size in sizes.items():
        for first in range(0, size, rows):
            number, count = len(parts), min(rows, size - first)
            place = str(target.resolve() / f"part-{number:06d}.parquet")
            parts.append(ArchivePart(number, str(file.resolve()), first, count, place))
    made = RescreeningPlan(tuple(parts), str(model.resolve()), _versions(model), rows)
    _agree(made, target / PLAN)
    return made


def rows_for(drafts: int, workers: int) -> int:
    """How many drafts a part should have."""
    return min(max(math.ceil(drafts / (workers * _PARTS_EACH)), _LEAST_ROWS), _MOST_ROWS)


_PARTS_EACH, _LEAST_ROWS, _MOST_ROWS = 16, 250, 20_000


def _rows_of(file: Path) -> int:
    """The number of rows. Raises ValueError for what is no archive."""
    import pyarrow
    import pyarrow.parquet

    try:
        about = pyarrow.parquet.ParquetFile(file)
    except pyarrow.ArrowInvalid as error:
        raise ValueError(f"{file}: not Parquet: {error}") from error
    if missing := [name for name in _NEEDED if name not in about.schema_arrow.names]:
        raise ValueError(f"{file}: no column {missing[0]!r}")
    return int(about.metadata.num_rows)


def _held_rows(path: Path) -> int | None:
    try:
        rows: int = json.loads(path.read_text(encoding="utf-8"))["part_rows"]
    except (FileNotFoundError, KeyError):
        return None
    return rows


def _versions(model: Path) -> dict[str, str]:
    """What the verdicts will be signed with. No model is loaded for it: that is each worker's matter."""
    path = model / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        version = str(manifest["version"])
    except (OSError, ValueError, KeyError) as error:
        raise ArtifactError(f"{path}: {error}") from error
    if version != digest(manifest):
        raise ArtifactError(f"{path}: the version is not the digest of the manifest; the file was altered")
    return {"model": version, "rules": RuleBook.load().version, "policy": Policy.load().version}


def _agree(made: RescreeningPlan, path: Path) -> None:
    mine = json.loads(json.dumps(asdict(made)))
    if path.exists():
        held = json.loads(path.read_text(encoding="utf-8"))
        if (held["versions"], held["parts"]) != (mine["versions"], mine["parts"]):
            raise ValueError(f"{path.parent}: holds verdicts of another archive or another model; give another folder")
    else:
        atomic_files.write_text(path, json.dumps(mine, indent=1) + "\n")


def rescreen(made: RescreeningPlan, address: str | None, workers: int, done: Callable[[ArchivePart], None]) -> int:
    """Judge the remaining parts on the cluster at `address`, or on a local one of `workers` processes; with one worker,
    or few drafts, in this process. `done` is called after each part. Returns the number of drafts judged now.
    """
    remaining = made.remaining()
    drafts = sum(part.rows for part in remaining)
    if address is None and (workers == 1 or drafts < FEW):
        for part in remaining:
            judge_part(asdict(part), made.model)
            done(part)
    elif remaining:
        with _client(address, min(workers, len(remaining))) as client:
            _on_cluster(client, remaining, made.model, done)
    return drafts


FEW = 3000
"""Fewer drafts than this are judged before workers have started and loaded the model."""


@contextmanager
def _client(address: str | None, workers: int) -> Iterator[Any]:
    """A client of the cluster at `address`, or of a local one, which ends with it. No port is fixed, not that of
    the dashboard either, so that any number of runs go on side by side."""
    from dask.distributed import Client, LocalCluster

    if address is not None:
        with Client(address) as client:
            yield client
        return
    with (
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            scheduler_port=0,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.ERROR,
        ) as local,
        Client(local) as client,
    ):
        yield client


def _on_cluster(client: Any, parts: Sequence[ArchivePart], model: str, done: Callable[[ArchivePart], None]) -> None:
    from dask.distributed import as_completed

    # `pure=False`: a part's file, not Dask's memory, says whether it is done.
    futures = {client.submit(judge_part, asdict(part), model, pure=False): part for part in parts}
    try:
        for future in as_completed(futures):
            future.result()
            done(futures[future])
    except BaseException:
        client.cancel(list(futures))  # what has not begun shall not keep the workers from ending
        raise


def judge_part(part: Mapping[str, Any], model: str) -> int:
    """Judge one part and write its file as a whole; runs on a worker. Returns its rows."""
    import pyarrow
    import pyarrow.parquet

    with _ONE_AT_A_TIME:  # a screener belongs to one thread, and a worker may have several
        rows = _rows(_screener(model), [(record, part["first"] + i) for i, record in enumerate(_records(part))])
    target = Path(part["target"])
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema=_schema()), beside)
    beside.replace(target)
    return len(rows)


_ONE_AT_A_TIME = threading.Lock()


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
    verdicts = iter(_verdicts(screener, drafts))
    return [
        {"id": str(record.get("id") or number), "error": one}
        if isinstance(one, str)
        else {"id": one.id, "error": None, **verdict_row(next(verdicts))}
        for (record, number), one in zip(numbered, read, strict=True)
    ]


def _verdicts(screener: Screener, drafts: Sequence[IncomingDraft]) -> Iterator[Verdict]:
    """The verdicts of `screen_many`, in order. An archive is full of macros: the encoder, which knows nothing of the
    Support ID, reads each text once. It is not asked for several texts at a time, since its 8-bit scales, and so its
    answers, would depend on their company."""
    read: dict[tuple[Draft, Order | None], tuple[Any, ...]] = {}
    for first in range(0, len(drafts), _TOGETHER):
        some = drafts[first : first + _TOGETHER]
        for partial in screener.partial_evidence_of_many([one.draft for one in some], [one.order for one in some]):
            scores: tuple[Any, ...] = ()
            if partial.doubtful:
                text = (replace(partial.draft, support_id=""), partial.order)
                scores = read[text] if text in read else screener.encoder_scores(partial)
                read[text] = scores
            yield screener.policy.decide(screener.combine(partial, scores), partial.order)


_TOGETHER = 64


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
