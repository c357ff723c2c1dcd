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
from training.tickets.import_options import ImportOptions
from training.tickets.importing import ImportedTickets, label_counts, read, read_records, set_file, store
from training.tickets.loading import DRAFTS, load

app = typer.Typer(help="What a set of labelled tickets holds.", no_args_is_help=True)
Format = Annotated[
    str | None, typer.Option("--format", help=f"One of {', '.join(formats.FORMATS)}; else by the name of the file.")
]


def import_(
    files: Annotated[
        list[Path] | None, typer.Argument(help="JSONL, CSV, TSV, Parquet, Label Studio, Prodigy, doccano or Argilla.")
    ] = None,
    name: Annotated[str, typer.Option("--as", help="Name of the set that they join.")] = "imported",
    format: Format = None,
    column: Annotated[
        list[str] | None, typer.Option(help="THEIRS=OURS, for a column of another name, or THEIRS=-; repeat it.")
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option("--map", help="THEIRS=OURS, for a label of another name; repeat it."),
    ] = None,
    mapping: Annotated[
        str | None, typer.Option(help="A file of mapped names; zendesk.toml, gorgias.toml, freshdesk.toml come along.")
    ] = None,
    writer: Annotated[str | None, typer.Option(help="Who wrote the drafts that name no writer.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Encoding of the files; else by their bytes.")] = None,
    separator: Annotated[str | None, typer.Option(help="Separator of columns, or tab; else by the header.")] = None,
    label_separator: Annotated[str | None, typer.Option(help="Separator of labels; else any of ; , | #.")] = None,
    ignore_extra: Annotated[bool, typer.Option("--ignore-extra", help="Leave out unknown columns.")] = False,
    unlabelled: Annotated[
        bool, typer.Option("--unlabelled", help="Take files in which no ticket has a label as tickets without any.")
    ] = False,
    skip_unlabelled: Annotated[
        bool, typer.Option("--skip-unlabelled", help="Skip tasks that nobody has labelled.")
    ] = False,
    skip_rejected: Annotated[bool, typer.Option("--skip-rejected", help="Skip tasks that a person rejected.")] = False,
    older: Annotated[
        str | None, typer.Option(help="keep or remove: tickets of an earlier file of this name that it lacks now.")
    ] = None,
    from_service: Store = None,
    key_file: Annotated[Path | None, typer.Option(help="File with the API key, for --from-service over http.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Only check; write nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Take labelled tickets in. If any row is bad, every bad row is named and no file is taken."""
    if bool(files) == bool(from_service):
        raise typer.BadParameter("give either files or --from-service")
    if older not in (None, "keep", "remove"):
        raise typer.BadParameter(f"--older {older}: keep or remove")
    columns, labels = _pairs("--column", column or []), _pairs("--map", label or [])
    options = ImportOptions(
        format, columns, labels, writer, skip_unlabelled, skip_rejected, unlabelled, ignore_extra, False, encoding,
        separator, label_separator,
    )  # fmt: skip
    options = options.with_mapping(mapping) if mapping else options
    target = set_file(sources.imported(), name)
    taken = read(files, options, [*columns, *labels]) if files else _from_service(str(from_service), key_file)
    check = check or not taken.records
    others = [p for p in (sorted(target.parent.glob("*.jsonl")) if target.parent.is_dir() else []) if p != target]
    stored = store(
        taken.records,
        target,
        load(DRAFTS, *others),
        files=[path.name for path in files or ()],
        older=older,
        write=not check,
    )
    counts = label_counts(taken.records)
    result: dict[str, Any] = {
        "read": len(taken.records), **asdict(stored), "skipped": taken.skipped, "repeated": taken.repeated,
        "labels": counts, "notes": list(taken.notes), "file": str(target),
    }  # fmt: skip
    if not check:
        result["fingerprint"] = datasets.fingerprint(load(target), read_records(target))
    print_result(
        result,
        f"{result['read']} tickets read: {stored.new} new, {stored.changed} changed, {stored.removed} removed,"
        f" {taken.skipped} skipped, {taken.repeated} repeated",
        table("labels", ("label", "tickets"), list(counts.items())),
        *taken.notes,
        "Nothing written." if check else f"In {target}, now {result['fingerprint']}.",
        as_json=as_json,
    )


def _pairs(option: str, pairs: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        theirs, sign, ours = pair.rpartition("=")
        if not sign or not theirs:
            raise typer.BadParameter(f"{option} {pair}: THEIRS=OURS is wanted")
        found[theirs] = ours
    return found


def _from_service(address: str, key_file: Path | None) -> ImportedTickets:
    if not address.startswith("http"):
        return ImportedTickets(tuple(database_reader.ServiceStore(address).reviewed()))
    if key_file is None:
        raise typer.BadParameter("--key-file is needed to ask a running service")
    text = fetch_export(address, key_file.read_text(encoding="utf-8").strip())
    with TemporaryDirectory() as folder:
        path = Path(folder) / "export.jsonl"
        path.write_text(text, encoding="utf-8")
        return read([path], ImportOptions("jsonl", unlabelled=True))


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
    name = datasets.keep(drafts, default_home(), read_records(*(data or sources.default_paths())))
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
    rows = [(c.dropped, c.kept, c.likeness, c.kind) for c in found]
    shown = table(f"{len(found)} found", ("draft", "like", "likeness", "kind"), rows)
    data_ = {"copies": [asdict(c) for c in found]}
    (refuse if any(c.contradiction for c in found) else print_result)(data_, shown, as_json=as_json)
