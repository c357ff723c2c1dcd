"""Tickets come in whole or not at all, and go out in every format so that they come back the same."""

import csv
import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from classifier.draft import LabelledDraft
from tests.training.conftest import write_drafts
from training.__main__ import call
from training.tickets import annotation_tools
from training.tickets.formats import FORMATS, write_rows
from training.tickets.import_options import ImportOptions
from training.tickets.importing import read
from training.tickets.loading import as_record, load

SUFFIX = {"jsonl": ".jsonl", "csv": ".csv", "parquet": ".parquet", "labelstudio": ".json", "prodigy": ".jsonl"}


def without_file(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The records without their provenance, which is the name of the file."""
    return [{key: value for key, value in record.items() if key != "provenance"} for record in records]


@pytest.mark.parametrize("format", FORMATS)
def test_what_goes_out_comes_back_the_same(small_drafts: list[LabelledDraft], tmp_path: Path, format: str) -> None:
    records = [as_record(d) for d in small_drafts]
    path = tmp_path / f"tickets{SUFFIX[format]}"
    write_rows(records, path, format)
    assert without_file(read([path], ImportOptions()).records) == records


def test_offsets_survive_emoji_and_line_breaks(tmp_path: Path) -> None:
    record: dict[str, Any] = {
        "id": "x", "writer": "w", "scenario": "s", "support_id": "GG-1", "subject": "😀 hi",
        "body": "😀😀 no\u2028tea,\nsend \"green\"?",
        "labels": ["substitute_offer"], "evidence": {"substitute_offer": ["send \"green\"?", "😀 hi"]},
        "order": {"cancelled_by": "customer", "status": None}, "note": "", "language": "en",
    }  # fmt: skip
    for name in FORMATS:
        path = tmp_path / f"{name}{SUFFIX[name]}"
        write_rows([record], path, name)
        assert without_file(read([path], ImportOptions(name)).records) == [record]


def row(**changed: str) -> dict[str, str]:
    return {
        "id": "a",
        "writer": "w",
        "support_id": "GG-1",
        "subject": "Hi",
        "body": "It ships later.",
        "labels": "delay_notice",
        **changed,
    }


BAD_ROWS = [
    (row(labels="delay"), "unknown label 'delay'"),
    (row(support_id=""), "support_id"),
    (row(body=""), "body"),
    (row(evidence='{"delay_notice": ["ships never"]}'), "does not stand in subject or body"),
    (row(evidence="{"), "not JSON"),
    (row(cancelled_by="nobody"), "cancelled_by"),
    (row(date="yesterday"), "ISO 8601"),
    (row(mood="glad"), "unknown field 'mood'"),
]


@pytest.mark.parametrize(("bad", "reason"), BAD_ROWS, ids=[reason for _, reason in BAD_ROWS])
def test_one_bad_row_is_named_and_nothing_is_taken(
    bad: dict[str, str], reason: str, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tickets.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list({**row(), **bad}))
        writer.writeheader()
        writer.writerows([row(), {**bad, "id": "b"}])
    assert call(["import", str(path), "--json"]) == 2
    printed = json.loads(capsys.readouterr().out)
    assert [(r["file"], r["line"]) for r in printed["bad_rows"]] == [(str(path), 3)]
    assert reason in printed["bad_rows"][0]["reason"]
    assert not home.exists()


def test_a_row_number_is_the_line_even_after_a_body_of_several_lines(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('support_id,subject,body,labels\nGG-1,a,"one\ntwo\nthree",\nGG-2,b,c,wrong\n')
    with pytest.raises(ValueError, match=r"t\.csv:5: labels"):
        read([path], ImportOptions())


def test_columns_of_other_names_and_a_writer(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "desk.csv"
    path.write_text(
        "Order,Title,Text,labels\nGG-1,Later,Your order ships a week late.,delay_notice\nGG-2,Hi,Thanks!,\n"
    )
    columns = [f"--column={pair}" for pair in ("Order=support_id", "Title=subject", "Text=body")]
    assert call(["import", str(path), *columns, "--writer", "desk", "--as", "desk"]) == 0
    drafts = load(home / "tickets")
    assert [(d.writer, sorted(d.labels)) for d in drafts] == [("desk", ["delay_notice"]), ("desk", [])]


def test_importing_again_replaces_by_id(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "desk.csv"
    for labels in ("delay_notice", "inventory_cancellation"):
        path.write_text(f"id,support_id,subject,body,labels\nx,GG-1,a,b,{labels}\n")
        assert call(["import", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out.split("\n}\n")[1] + "}")["new"] == 0
    assert [sorted(d.labels) for d in load(home / "tickets")] == [["inventory_cancellation"]]


def test_an_id_of_the_given_drafts_is_refused(home: Path, small_drafts: list[LabelledDraft], tmp_path: Path) -> None:
    path = write_drafts(small_drafts[:1], tmp_path / "again.jsonl")
    assert call(["import", str(path)]) == 2
    assert call(["import", str(path), "--check"]) == 2
    assert not (home / "tickets").exists()


def test_a_machines_guess_never_counts_as_a_label(tmp_path: Path) -> None:
    guess = {"result": [{"type": "choices", "value": {"choices": ["delay_notice"]}}]}
    task = {
        "id": 7,
        "data": {"support_id": "GG-1", "subject": "a", "body": "b"},
        "predictions": [guess],
        "annotations": [],
    }
    path = tmp_path / "export.json"
    path.write_text(json.dumps([task, {**task, "annotations": [{**guess, "was_cancelled": True}]}]))
    with pytest.raises(ValueError, match=annotation_tools.UNLABELLED):
        read([path], ImportOptions())
    taken = read([path], ImportOptions(skip_unlabelled=True))
    assert (taken.records, taken.skipped) == ((), 2)


def test_annotators_who_disagree_are_a_bad_row(tmp_path: Path) -> None:
    said = [
        {"result": [{"type": "choices", "value": {"choices": [label]}}]}
        for label in ("delay_notice", "substitute_offer")
    ]
    path = tmp_path / "export.json"
    path.write_text(
        json.dumps([{"id": 1, "data": {"support_id": "GG-1", "subject": "a", "body": "b"}, "annotations": said}])
    )
    with pytest.raises(ValueError, match="its annotators disagree: delay_notice / substitute_offer"):
        read([path], ImportOptions())


@pytest.mark.parametrize(
    ("name", "content"), [("a.parquet", b"none"), ("a.json", b"{"), ("a.csv", b"\xff\xfe"), ("a.xls", b"")]
)
def test_a_file_that_is_not_what_it_should_be_ends_with_two(
    home: Path, tmp_path: Path, name: str, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(content)
    assert call(["import", str(tmp_path / name)]) == 2
    assert name in capsys.readouterr().err


def test_every_fault_of_a_row_is_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    bad: dict[str, Any] = {
        "id": " ", "writer": "w", "scenario": "s", "support_id": 7.5, "subject": "a", "body": "b",
        "labels": ["x", []], "evidence": {"y": "b"}, "order": {"cancelled_by": "me", "status": 3}, "date": "soon",
        "note": 1, "mood": 1,
    }  # fmt: skip
    path.write_text(json.dumps(bad) + "\n" + json.dumps([1]) + "\n")
    with pytest.raises(ValueError, match="not an object") as refused:
        read([path], ImportOptions())
    first = str(refused.value).splitlines()[0]
    for words in ("support_id: missing or not a str", "id: empty", "note: not a str", "unknown field 'mood'",
                  "unknown label 'x'", "unknown label []", "cancelled_by must be", "status must be", "'y' is not among",
                  "'y' is not a list", "'soon' is not an ISO 8601 date"):  # fmt: skip
        assert words in first


def test_tasks_nested_otherwise_are_bad_rows(tmp_path: Path) -> None:
    studio, prodigy = tmp_path / "a.json", tmp_path / "b.jsonl"
    studio.write_text(json.dumps([{"data": {}, "annotations": ["x"]}, {"data": {}, "annotations": {"a": 1}}]))
    prodigy.write_text(json.dumps({"text": 1, "answer": "accept", "spans": [3]}) + "\n")
    for path, count in ((studio, 2), (prodigy, 1)):
        with pytest.raises(ValueError, match=path.name) as refused:
            read([path], ImportOptions())
        assert len(str(refused.value).splitlines()) == count


def test_a_table_may_hold_long_bodies_and_its_own_kinds(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    path, long = tmp_path / "t.csv", "It ships late. " * 10_000
    path.write_text(f"support_id,subject,body,labels\nGG-1,a,{long},delay_notice\n")
    assert read([path], ImportOptions()).records[0]["body"] == long
    table = [{"id": 4, "support_id": 12, "subject": "a", "body": "b", "labels": 5, "date": date(2026, 10, 1)}]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(table), tmp_path / "t.parquet")
    with pytest.raises(ValueError, match=r"t\.parquet:1: labels: unknown label .5.$"):
        read([tmp_path / "t.parquet"], ImportOptions())


def test_a_check_tells_what_would_be_new_and_writes_nothing(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "desk.csv"
    path.write_text("id,support_id,subject,body,labels\nx,GG-1,a,b,delay_notice\n")
    assert call(["import", str(path), "--check", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["new"] == 1
    assert not home.exists()
