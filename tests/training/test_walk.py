"""A newcomer's walk with the README alone: from a CSV to a live model, and back, beside a running service."""

import csv
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from classifier import LABELS
from classifier.draft import LabelledDraft
from classifier.model.artifact import shipped_artifact
from tests.service.running import Running, running, settings_for
from tests.training.conftest import QUICK, write_drafts
from training.__main__ import call
from training.tickets.loading import as_record
from training.tickets.table_rows import COLUMNS, cells

LENIENT = """
[tolerance]
label_f1 = 0.1
false_blocks = 0.05
missed = 0.08
golden = 10
latency_ratio = 20
cost = 0.5
"""
"""Models made from a few hundred drafts wobble; a spoilt one is worse than any of this."""


def spoilt(drafts: Sequence[LabelledDraft]) -> list[LabelledDraft]:
    """The same drafts, each label turned into the next one, under other names."""
    after = dict(zip(LABELS, (*LABELS[1:], LABELS[0]), strict=True))
    return [
        replace(
            d, id=f"spoilt-{d.id}", writer="careless", scenario=f"spoilt-{d.scenario}", evidence={},
            draft=replace(d.draft, body=d.draft.body + f"\nYours, {d.id}"),
            labels=frozenset(after[lb] for lb in d.labels),
        )
        for d in drafts
    ]  # fmt: skip


def to_csv(drafts: Sequence[LabelledDraft], path: Path) -> str:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(cells(as_record(d)) for d in drafts)
    return str(path)


class Newcomer:
    """Types commands, reads JSON."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def types(self, *arguments: str, expecting: int = 0) -> Any:
        self._capsys.readouterr()
        code = call([*arguments, "--json"])
        printed = self._capsys.readouterr()
        assert code == expecting, printed.err
        return json.loads(printed.out)


@pytest.fixture
def service(home: Path) -> Iterator[Running]:
    """The running service of this home; nobody restarts it."""
    with running(settings_for(home, model_check_seconds=0.2)) as started:
        yield started


def answers_by(service: Running, version: str) -> bool:
    """Whether the service comes to answer by this version; a quiet machine needs a second or two."""
    deadline = time.monotonic() + 300
    draft = {"support_id": "GG-1A2B-3C4D", "subject": "Your lamp is late", "body": "Your lamp will ship on Monday."}
    while (found := service.screen(draft, mode="preview")["model_version"]) != version:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return found == version


def test_a_newcomers_walk(
    service: Running, home: Path, small_drafts: list[LabelledDraft], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    me = Newcomer(capsys)
    learn = [d for d in small_drafts if d.writer not in ("canal-and-mill", "nordsee-handel")]
    test = write_drafts([d for d in small_drafts if d not in learn], tmp_path / "test.jsonl")
    gate = tmp_path / "gate.toml"
    gate.write_text(LENIENT)
    imported = str(home / "tickets")
    by_ada = ("--by", "ada", "--gate", str(gate), "--data", str(test))

    shipped = service.services.screeners.model_version
    assert answers_by(service, shipped)

    # A CSV comes in; a model is made from it and, being the first of this shop, put live over the shipped one.
    csv_file = to_csv([replace(d, id=f"shop-{d.id}") for d in learn], tmp_path / "shop.csv")
    assert me.types("import", csv_file, "--as", "shop")["new"] == len(learn)
    everything = ("--data", imported, "--data", str(test))
    first = me.types("retrain", *everything, *QUICK)["version"]
    me.types("promote", first, "--override", "--reason", "our own drafts", *by_ada)
    assert first != shipped
    assert answers_by(service, first)

    # A spoilt set of drafts joins: the gate refuses what comes of it, and says where it is worse.
    me.types("import", to_csv(spoilt(learn), tmp_path / "spoilt.csv"), "--as", "spoilt")
    bad = me.types("retrain", *everything, *QUICK)["version"]
    gains = {
        g["name"]: g["difference"]
        for g in me.types("compare", "live", bad, "--data", str(test), "--part", "all")["gains"]
    }
    assert gains["macro F1"] < -0.1
    refused = me.types("promote", bad, "--reason", "hope", *by_ada, expecting=1)
    assert not refused["promoted"]
    assert not refused["gate"]["passed"]
    assert shipped_artifact().name == first
    assert answers_by(service, first)
    last = me.types("history")[-1]
    assert (last["action"], last["version"], last["who"], last["why"]) == ("refuse", bad, "ada", "hope")
    assert last["detail"]

    # Without the spoilt drafts, with another recipe, the gate lets it pass; the service follows.
    (home / "tickets" / "spoilt.jsonl").unlink()
    good = me.types("retrain", *everything, *QUICK, "--set", "plain_c=8")["version"]
    assert me.types("promote", good, "--reason", "a smoother fit", *by_ada)["promoted"]
    assert answers_by(service, good)
    stored = json.loads((home / "registry" / "versions" / good / "gate.json").read_text())
    assert (stored[-1]["passed"], stored[-1]["who"]) == (True, "ada")
    assert stored[-1]["tolerance"]["golden"] == 10

    # Second thoughts, and the record of all of it.
    assert me.types("rollback", "--by", "bob", "--reason", "merchants complain")["version"] == first
    assert answers_by(service, first)
    moves = [e for e in me.types("history") if e["action"] in ("promote", "rollback")]
    assert [(e["action"], e["version"], e["who"], e["why"], e["override"]) for e in moves] == [
        ("promote", first, "ada", "our own drafts", True),
        ("promote", good, "ada", "a smoother fit", False),
        ("rollback", first, "bob", "merchants complain", False),
    ]
    today = moves[-1]["at"][:10]
    assert me.types("history", "--on", today)["who"] == "bob"
    assert me.types("history", "--on", "2020-01-01")["version"] == "shipped"


def test_the_same_drafts_and_recipe_give_the_same_model(
    trained_home: Path, small_file: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    me = Newcomer(capsys)
    again = me.types("retrain", "--data", str(small_file), *QUICK)["version"]
    there = trained_home / "registry" / "versions" / again
    assert there.is_dir()
    for name in json.loads((there / "manifest.json").read_text())["files"]:
        assert (there / name).read_bytes() == (home / "registry" / "versions" / again / name).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["promote", "nothing"], "no version here"),
        (["rollback"], "nothing before it"),
        (["shadow", "clear"], "no version is in shadow"),
        (["retrain", "--data", "nowhere.jsonl"], "nowhere.jsonl"),
        (["retrain", "--set", "speed=9"], "a recipe has"),
        (["promote", "x", "--override"], "--override needs --reason"),
        (["data", "diff", "a", "b"], "no file, folder or kept data set"),
        (["import"], "give either files"),
    ],
)
def test_what_cannot_be_used_ends_with_two_and_says_why(
    home: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(arguments) == 2
    assert words in " ".join(capsys.readouterr().err.replace("│", "").split())
