"""promote, rollback, history, versions, shadow: which model is live, who made it live, and why."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from classifier import Screener
from classifier.model.artifact import ArtifactError
from training import atomic_files
from training.cli import sources
from training.cli.output import Data, Json, Store, Who, Why, person, print_result, progress, refuse, share, table
from training.evaluation import golden_set as expected_decisions
from training.monitoring.shadow_agreement import DECISIONS, agreement
from training.registry.history import SHIPPED_NAME, RegistryEvent, as_row, now
from training.registry.model_registry import ModelRegistry, RegistryError, verify
from training.registry.promotion_gate import GateResult, Tolerance, hold
from training.service_data import database_reader

GATE = "gate.json"
shadow = typer.Typer(help="A challenger that judges live traffic beside the live model.", no_args_is_help=True)


def promote(
    version: str,
    why: Why = "",
    who: Who = "",
    data: Data = None,
    golden: Annotated[
        Path, typer.Option("--golden", help="Folder of drafts with expected decisions.")
    ] = expected_decisions.GOLDEN,
    gate_file: Annotated[
        Path | None, typer.Option("--gate", help="Tolerances; default: training/registry/promotion_gate.toml.")
    ] = None,
    override: Annotated[
        bool, typer.Option("--override", help="Promote though the gate refuses; needs --reason.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Hold the model to the gate and change nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Make a version live if it is not worse than the live one. The service follows without a restart."""
    if override and not why.strip():
        raise typer.BadParameter("--override needs --reason")
    registry = ModelRegistry()
    version = registry.resolve(version)
    if version == registry.live():
        raise RegistryError(f"{version} is live already")
    verify(registry.folder(version))
    result = _held(registry, version, data, golden, Tolerance.load(gate_file) if gate_file else Tolerance.load())
    name = person(who)
    _store(registry, version, {"at": now(), "who": name, "why": why, "dry_run": dry_run, **result.as_dict()})
    shown = table("gate", ("check", "live", "challenger", "worse by", "limit", "passed"), _rows(result))
    found = {"version": version, "promoted": False, "gate": result.as_dict()}
    if not result.passed and not override:
        if not dry_run:
            registry.refuse(version, who=name, why=why, checks=result.refusals)
        refuse(found, shown, f"Refused: {', '.join(result.refusals)}. {version} is not live.", as_json=as_json)
    if dry_run:
        print_result(found, shown, "The gate would let it pass; nothing changed.", as_json=as_json)
        return
    registry.promote(version, who=name, why=why, override=override, gate="passed" if result.passed else "refused")
    note = "" if result.passed else " against the gate; the override is recorded"
    print_result({**found, "promoted": True}, shown, f"{version} is live{note}.", as_json=as_json)


def _held(
    registry: ModelRegistry, version: str, data: list[Path] | None, golden: Path, tolerance: Tolerance
) -> GateResult:
    drafts, expected = sources.kept_aside(data), expected_decisions.load(golden)
    live, challenger = sources.live_screener(registry), sources.screener(registry, version)
    past = _past(registry, version, tolerance)
    with progress("gate", (2 + len(past)) * len(drafts)) as tick:
        names = (registry.live(), version)
        return hold(live, challenger, drafts, expected, tolerance, tick, past=past, names=names)


def _past(registry: ModelRegistry, version: str, tolerance: Tolerance) -> list[Screener]:
    """The versions that were live last, without the live one and the challenger; those that no longer load are left
    out."""
    found: list[Screener] = []
    for name in registry.history.lived()[: tolerance.slide.versions if tolerance.slide else 0]:
        if name not in (registry.live(), version):
            with suppress(ArtifactError, RegistryError):
                found.append(sources.screener(registry, name))
    return [screener for screener in found if screener.artifact]


def _store(registry: ModelRegistry, version: str, run: Mapping[str, Any]) -> None:
    """The gate's tolerances and results stay with the version, with time and person, the latest run last."""
    if version == SHIPPED_NAME:
        return
    path = registry.folder(version) / GATE
    runs: list[Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    atomic_files.write_text(path, json.dumps([*runs, run], indent=1) + "\n")


def _rows(result: GateResult) -> list[tuple[Any, ...]]:
    return [(c.name, c.live, c.challenger, c.change, c.limit, c.passed) for c in result.checks]


def rollback(
    why: Why = "",
    who: Who = "",
    to: Annotated[str | None, typer.Option(help="A version that was live; default: the one before.")] = None,
    as_json: Json = False,
) -> None:
    """Make the version live again that was so before. No gate: it was live once. Again: one step further back."""
    registry = ModelRegistry()
    before = registry.live()
    version = registry.rollback(who=person(who), why=why, to=to)
    print_result({"version": version, "previous": before}, f"{version} is live; {before} is not.", as_json=as_json)


def history(
    on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Which model was live on that day (UTC).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Every event of the registry; with --on, what was live on a day, who put it there, and why."""
    log = ModelRegistry().history
    if on is not None:
        event = log.live_on(on.date())
        found = as_row(event) if event else {"version": SHIPPED_NAME}
        words = (
            f"{event.version}, by {event.who} at {event.at}: {event.why or 'no reason given'}"
            if event
            else SHIPPED_NAME
        )
        print_result(found, f"Live on {on.date()}: {words}", as_json=as_json)
        return
    events = log.events()
    rows = [(e.at, e.action, e.version, e.previous, e.who, e.why, _gate_word(e)) for e in events]
    print_result(
        [as_row(e) for e in events],
        table("history", ("at", "action", "version", "before", "who", "why", "gate"), rows),
        as_json=as_json,
    )


def _gate_word(event: RegistryEvent) -> str:
    overridden = ", overridden" if event.override and event.gate == "refused" else ""
    return event.gate + overridden + (f": {event.detail}" if event.detail else "")


def versions(as_json: Json = False) -> None:
    """List the models of the registry."""
    found = ModelRegistry().versions()
    rows = [
        (s.version, s.manifest.get("data_fingerprint", s.manifest.get("unreadable")), s.live, s.shadow) for s in found
    ]
    print_result(
        [
            {"version": s.version, "data": r[1], "live": s.live, "shadow": s.shadow}
            for s, r in zip(found, rows, strict=True)
        ],
        table("models", ("version", "data", "live", "shadow"), rows),
        as_json=as_json,
    )


@shadow.command("set")
def shadow_set(version: str, why: Why = "", who: Who = "", as_json: Json = False) -> None:
    """Let a version judge beside the live one, without effect on decisions."""
    name = ModelRegistry().set_shadow(version, who=person(who), why=why)
    print_result({"shadow": name}, f"{name} is in shadow.", as_json=as_json)


@shadow.command("clear")
def shadow_clear(why: Why = "", who: Who = "", as_json: Json = False) -> None:
    """End the shadow."""
    name = ModelRegistry().clear_shadow(who=person(who), why=why)
    print_result({"cleared": name}, f"{name} is out of shadow.", as_json=as_json)


@shadow.command("report")
def shadow_report(
    from_service: Store = None,
    version: Annotated[str | None, typer.Option(help="One challenger; default: all that ever were in shadow.")] = None,
    queue: Annotated[bool, typer.Option("--queue", help="Put the disagreements into the reviewers' queue.")] = False,
    as_json: Json = False,
) -> None:
    """Report how often challenger and live model agree on live drafts."""
    store = _store_of(from_service)
    found = agreement(store.shadow_pairs(version))
    queued = store.queue([i for a in found for i in a.disagreements], "shadow") if queue else 0
    shown: list[Any] = []
    for one in found:
        rows = [(live, *(one.matrix[live][d] for d in DECISIONS)) for live in DECISIONS]
        same = f"same decision {share(one.same_decision)}, same labels {share(one.same_labels)}"
        title = f"{one.challenger} beside {one.live}: {one.drafts} drafts, {same}"
        shown.append(table(title, ("live \\ challenger", *DECISIONS), rows))
    if not found:
        shown.append("No draft was judged in shadow yet; only sent drafts are, not previews.")
    if queue:
        shown.append(f"{queued} disagreements queued.")
    print_result({"reports": [asdict(a) for a in found], "queued": queued}, *shown, as_json=as_json)


def _store_of(address: str | None) -> database_reader.ServiceStore:
    if address is None:
        raise typer.BadParameter("--from-service is needed: the service's database")
    return database_reader.ServiceStore(address)
