"""import, export, data: labelled tickets in and out, and what changed between two sets of them."""

from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from training.cli import sources
from training.cli.output import Data, Json, Store, print_result, refuse, table
from training.registry.model_registry import default_home
from training.service_data import database_reader
from training.service_data.export_client import fetch_export
from training.tickets import annotation_tools, datasets, formats, near_copies
from training.tickets.importing import ImportedTickets, ImportOptions, read, read_records, store
from training.tickets.loading import DRAFTS, load

app = typer.Typer(help="What a set of labelled tickets holds.", no_args_is_help=True)
Format = Annotated[
    str | None, typer.Option("--format", help=f"One of {', '.join(formats.FORMATS)}; else by the name of the file.")
]


def import_(
    files: Annotated[
        list[Path] | None, typer.Argument(help="JSONL, CSV, TSV, Parquet, Label Studio or Prodigy.")
    ] = None,
    name: Annotated[str, typer.Option("--as", help="Name of the set that they join.")] = "imported",
    format: Format = None,
    column: Annotated[
        list[str] | None, typer.Option(help="THEIRS=OURS, for a column of another name; repeat it.")
    ] = None,
    writer: Annotated[str | None, typer.Option(help="Who wrote the drafts, where no column tells.")] = None,
    skip_unlabelled: Annotated[bool, typer.Option(help="Pass over tasks that nobody has labelled.")] = False,
    from_service: Store = None,
    key_file: Annotated[Path | None, typer.Option(help="File with the API key, for --from-service over http.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Only check; write nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Take labelled tickets in. If any row is bad, every bad row is named and nothing is taken."""
    intake = ImportOptions(format, _columns(column or []), writer, skip_unlabelled)
    if bool(files) == bool(from_service):
        raise typer.BadParameter("give either files or --from-service")
    taken = read(files, intake) if files else _from_service(str(from_service), key_file)
    target = sources.imported() / f"{name}.jsonl"
    others = [p for p in (sorted(target.parent.glob("*.jsonl")) if target.parent.is_dir() else []) if p != target]
    new = store(taken.records, target, load(DRAFTS, *others), write=not check)
    result: dict[str, Any] = {"read": len(taken.records), "new": new, "skipped": taken.skipped, "file": str(target)}
    if not check:
        result["fingerprint"] = datasets.fingerprint(load(target))
    lines = [f"{result['read']} tickets read, {new} new, {taken.skipped} skipped"]
    print_result(
        result, *lines, "Nothing written." if check else f"In {target}, now {result['fingerprint']}.", as_json=as_json
    )


def _columns(pairs: list[str]) -> dict[str, str]:
    for pair in pairs:
        if "=" not in pair:
            raise typer.BadParameter(f"--column {pair}: THEIRS=OURS is wanted")
    return dict(tuple(pair.split("=", 1)) for pair in pairs)  # type: ignore[misc]


def _from_service(address: str, key_file: Path | None) -> ImportedTickets:
    if not address.startswith("http"):
        return ImportedTickets(tuple(database_reader.ServiceStore(address).reviewed()), 0)
    if key_file is None:
        raise typer.BadParameter("--key-file is needed to ask a running service")
    text = fetch_export(address, key_file.read_text(encoding="utf-8").strip())
    with TemporaryDirectory() as folder:
        path = Path(folder) / "export.jsonl"
        path.write_text(text, encoding="utf-8")
        return read([path], ImportOptions("jsonl"))


def export(
    file: Annotated[Path, typer.Argument(help="Where to write.")],
    data: Data = None,
    format: Format = None,
    as_json: Json = False,
) -> None:
    """Write labelled tickets so that people may label where they like; `import` reads all of it back."""
    records = read_records(*(data or sources.default_paths()))
    formats.write_rows(records, file, format)
    if format == "labelstudio" or (format is None and file.suffix == ".json"):
        file.with_suffix(".config.xml").write_text(annotation_tools.LABEL_CONFIG, encoding="utf-8")
    print_result({"written": len(records), "file": str(file)}, f"{len(records)} tickets in {file}", as_json=as_json)


@app.command("diff")
def diff(before: str, after: str, as_json: Json = False) -> None:
    """Tell what changed between two sets: files, folders, or fingerprints of kept sets."""
    found = datasets.difference(datasets.find(before, default_home()), datasets.find(after, default_home()))
    counts = [("added", len(found.added)), ("removed", len(found.removed)), ("reworded", len(found.reworded))]
    print_result(
        found.as_dict(),
        table(
            f"{found.before} → {found.after}", ("change", "drafts"), [*counts, ("relabelled", len(found.relabelled))]
        ),
        table(
            "relabelled",
            ("draft", "before", "after"),
            [(r.id, ", ".join(r.before), ", ".join(r.after)) for r in found.relabelled],
        ),
        table("labels", ("label", "before", "after"), [(k, *v) for k, v in found.labels.items()]),
        table("writers", ("writer", "before", "after"), [(k, *v) for k, v in found.writers.items()]),
        as_json=as_json,
    )


@app.command("fingerprint")
def fingerprint(data: Data = None, as_json: Json = False) -> None:
    """Name a set by its contents, and keep a copy under that name."""
    drafts = sources.labelled(data)
    name = datasets.keep(drafts, default_home())
    print_result({"fingerprint": name, "drafts": len(drafts)}, f"{name}  {len(drafts)} drafts", as_json=as_json)


@app.command("copies")
def copies(
    data: Data = None,
    close: Annotated[
        float, typer.Option(min=0.5, max=1, help="From this likeness on a draft is a copy.")
    ] = near_copies.CLOSE,
    as_json: Json = False,
) -> None:
    """List near-copies and contradictions (same words and order, other labels); the latter end with 1."""
    _, found = near_copies.drop_copies(sources.labelled(data), close)
    rows = [(c.dropped, c.kept, c.likeness, "contradiction" if c.contradiction else "copy") for c in found]
    shown = table(f"{len(found)} found", ("draft", "like", "likeness", "kind"), rows)
    data_ = {"copies": [asdict(c) for c in found]}
    (refuse if any(c.contradiction for c in found) else print_result)(data_, shown, as_json=as_json)
