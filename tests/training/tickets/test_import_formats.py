"""Files as real tools write them: no label is lost on the way in, and what was assumed is printed."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from training.__main__ import call
from training.tickets.import_options import MAPPINGS, ImportOptions, MappingError
from training.tickets.importing import ImportedTickets, read
from training.tickets.loading import load

OFFER, DELAY = "substitute_offer", "delay_notice"
BODY = "Blue is gone.\n\nShall we send the green one?"
TASK = {"support_id": "GG-1", "subject": "Your kettle", "body": BODY, "writer": "w"}
FLAT: dict[str, Any] = {"support_id": "GG-1", "writer": "w", "text": BODY}


def told(capsys: pytest.CaptureFixture[str], *arguments: str, expecting: int = 0) -> Any:
    """The JSON that a command prints."""
    capsys.readouterr()
    assert call([*arguments, "--json"]) == expecting
    return json.loads(capsys.readouterr().out)


def error(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The error of a command that ends with 2."""
    capsys.readouterr()
    assert call(list(arguments)) == 2
    return " ".join(capsys.readouterr().err.replace("│", "").split())


def table(path: Path, *rows: Sequence[str], sign: str = ",", encoding: str = "utf-8", head: str = "") -> Path:
    with path.open("w", newline="", encoding=encoding) as file:
        file.write(head)
        csv.writer(file, delimiter=sign).writerows(rows)
    return path


def lines(path: Path, *rows: Mapping[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def labels(taken: ImportedTickets) -> list[list[str]]:
    return [record["labels"] for record in taken.records]


HEAD = ("support_id", "subject", "body", "tags", "writer")


def test_a_column_that_is_mapped_to_labels_keeps_its_labels(tmp_path: Path) -> None:
    path = table(tmp_path / "desk.csv", HEAD, ("GG-1", "a", "b", OFFER, "w"), ("GG-2", "a", "c", "", "w"))
    assert labels(read([path], ImportOptions(columns={"tags": "labels"}))) == [[OFFER], []]
    pyarrow.parquet.write_table(
        pyarrow.Table.from_pylist([dict(zip(HEAD, ("GG-1", "a", "b", OFFER, "w"), strict=True))]),
        tmp_path / "d.parquet",
    )
    assert labels(read([tmp_path / "d.parquet"], ImportOptions(columns={"tags": "labels"}))) == [[OFFER]]


def test_a_table_without_labels_is_refused_unless_it_is_meant(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = table(tmp_path / "bare.csv", ("support_id", "subject", "body", "writer"), ("GG-1", "a", "b", "w"))
    empty = table(tmp_path / "empty.csv", (*HEAD[:3], "labels", "writer"), ("GG-1", "a", "b", "", "w"))
    twice = table(tmp_path / "twice.csv", (*HEAD[:3], "labels", "labels"), ("GG-1", "a", "b", OFFER, ""))
    both = table(tmp_path / "both.csv", (*HEAD, "labels"), ("GG-1", "a", "b", OFFER, "w", ""))
    assert "no column of labels" in error(capsys, "import", str(bare))
    assert "no row has a label" in error(capsys, "import", str(empty))
    assert "two columns are named 'labels'" in error(capsys, "import", str(twice))
    assert "are both 'labels'" in error(capsys, "import", str(both), "--column", "tags=labels")
    assert told(capsys, "import", str(bare), "--unlabelled")["labels"]["none"] == 1


def test_the_import_counts_each_label(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        ("GG-1", "a", "b", f"{OFFER};{DELAY}", "w"),
        ("GG-2", "a", "c", OFFER, "w"),
        ("GG-3", "a", "d", "none", "w"),
    ]
    path = table(tmp_path / "desk.csv", (*HEAD[:3], "labels", "writer"), *rows)
    counts = told(capsys, "import", str(path))["labels"]
    assert (counts[OFFER], counts[DELAY], counts["none"], counts["address_request"]) == (2, 1, 1, 0)


def test_binary_answers_become_one_ticket_with_what_was_accepted(tmp_path: Path) -> None:
    def asked(text: str, label: str, answer: str) -> dict[str, Any]:
        return {**FLAT, "text": text, "label": label, "answer": answer}

    path = lines(
        tmp_path / "p.jsonl",
        asked("Shall we?", OFFER, "accept"), asked("Shall we?", DELAY, "reject"), asked("Late.", OFFER, "reject"),
        asked("Late.", DELAY, "accept"), asked("Hm.", OFFER, "accept"),
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"p\.jsonl:5: .*no answer about delay_notice"):
        read([path], ImportOptions())
    taken = read([path], ImportOptions(skip_unlabelled=True))
    assert [(r["body"], r["labels"]) for r in taken.records] == [("Shall we?", [OFFER]), ("Late.", [DELAY])]
    assert taken.skipped == 1


def test_a_rejected_task_is_named_or_skipped(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "p.jsonl",
        {**FLAT, "accept": [OFFER], "answer": "accept"}, {**FLAT, "accept": [OFFER], "answer": "reject"},
    )  # fmt: skip
    with pytest.raises(ValueError, match="its answer is reject"):
        read([path], ImportOptions())
    assert read([path], ImportOptions(skip_rejected=True)).skipped == 1


def test_foreign_text_without_a_subject_stays_whole(tmp_path: Path) -> None:
    prodigy = lines(tmp_path / "p.jsonl", {**FLAT, "accept": [OFFER], "answer": "accept"})
    doccano = lines(tmp_path / "d.jsonl", {**FLAT, "id": 3, "label": [OFFER]})
    for path in (prodigy, doccano):
        (record,) = read([path], ImportOptions()).records
        assert (record["subject"], record["body"]) == ("", BODY)


def studio(*results: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": 1, "data": TASK, "annotations": [{"result": list(results)}]}


def test_label_studio_writes_labels_in_many_shapes(tmp_path: Path) -> None:
    mark = {"start": 15, "end": 27, "text": "Shall we send"}
    tasks = [
        studio({"type": "taxonomy", "value": {"taxonomy": [["prohibited", OFFER]]}}),
        studio({"type": "hypertextlabels", "to_name": "body", "value": {
            "start": "/p[1]/text()[1]", "end": "/p[1]/text()[1]", "text": "Shall we send",
            "hypertextlabels": [OFFER]}}),
        studio({"type": "labels", "to_name": "body", "value": {**mark, "labels": [OFFER]}}),
    ]  # fmt: skip
    tasks = [{**task, "id": at, "data": {**TASK, "support_id": f"GG-{at}"}} for at, task in enumerate(tasks)]
    (tmp_path / "s.json").write_text(json.dumps(tasks))
    taken = read([tmp_path / "s.json"], ImportOptions())
    assert labels(taken) == [[OFFER]] * 3
    assert [r["evidence"] for r in taken.records] == [
        {}, {OFFER: ["Shall we send"]}, {OFFER: [BODY[15:27]]}
    ]  # fmt: skip


def test_label_studio_flat_json_and_csv(tmp_path: Path) -> None:
    mark = [{"start": 15, "end": 28, "text": "Shall we send", "labels": [OFFER]}]
    meta = {
        "annotator": 1,
        "annotation_id": 9,
        "created_at": "2026-01-01",
        "updated_at": "2026-01-01",
        "lead_time": 1.5,
    }
    flat = [
        {**TASK, "id": 1, "labels": {"choices": [OFFER, DELAY]}, **meta}, {**TASK, "id": 2, "labels": DELAY, **meta},
        {**TASK, "id": 3, "labels": OFFER, "evidence_body": mark, **meta},
    ]  # fmt: skip
    (tmp_path / "min.json").write_text(json.dumps(flat))
    taken = read([tmp_path / "min.json"], ImportOptions())
    assert labels(taken) == [[DELAY, OFFER], [DELAY], [OFFER]]
    assert taken.records[2]["evidence"] == {OFFER: ["Shall we send"]}
    names = [*TASK, "id", "labels", "evidence_body", *meta]
    cells = [
        [json.dumps(v) if isinstance(v, list | dict) else str(v or "") for v in (r.get(n) for n in names)] for r in flat
    ]
    again = read([table(tmp_path / "s.csv", names, *cells)], ImportOptions())
    assert [(r["labels"], r["evidence"]) for r in again.records] == [
        (r["labels"], r["evidence"]) for r in taken.records
    ]  # fmt: skip


def test_doccano_jsonl_and_csv(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "d.jsonl",
        {**FLAT, "id": 1, "label": [OFFER, DELAY], "Comments": []}, {**FLAT, "id": 2, "label": [[15, 28, OFFER]]},
        {**FLAT, "id": 3, "entities": [{"label": OFFER, "start_offset": 15, "end_offset": 28}], "relations": []},
    )  # fmt: skip
    taken = read([path], ImportOptions())
    assert labels(taken) == [[DELAY, OFFER], [OFFER], [OFFER]]
    assert [r["evidence"] for r in taken.records] == [{}, {OFFER: ["Shall we send"]}, {OFFER: ["Shall we send"]}]
    file = table(tmp_path / "d.csv", ("id", "data", "label", "support_id"), ("1", BODY, f"{OFFER}#{DELAY}", "GG-1"))
    (record,) = read([file], ImportOptions()).records
    assert (record["labels"], record["body"]) == ([DELAY, OFFER], BODY)


def test_argilla_nested_and_flat(tmp_path: Path) -> None:
    span = [{"start": 15, "end": 28, "label": OFFER}]
    first = {"id": "a", "fields": {"text": BODY}, "metadata": {"support_id": "GG-1", "writer": "w"}, "responses": [
        {"values": {"labels": {"value": [OFFER, DELAY]}}, "status": "submitted", "user_id": "u"},
        {"values": {"labels": {"value": []}}, "status": "discarded"}]}  # fmt: skip
    second = {
        "id": "b",
        "fields": {"text": BODY},
        "metadata": {"support_id": "GG-1", "writer": "w"},
        "suggestions": {"labels": {"value": [DELAY]}},
        "status": "completed",
        "responses": {"labels": [{"value": [OFFER], "user_id": "u"}], "marks": [{"value": span, "user_id": "u"}]},
    }
    flat = {"id": "c", **FLAT, "labels.responses": [[OFFER]], "labels.responses.users": ["u"],
            "labels.responses.status": ["submitted"], "labels.suggestion": [DELAY]}  # fmt: skip
    open_ = {"id": "d", "fields": {"text": BODY}, "responses": [], "suggestions": {"labels": {"value": [DELAY]}}}
    path = lines(tmp_path / "a.jsonl", first, second, flat, open_)
    taken = read([path], ImportOptions(skip_unlabelled=True))
    assert labels(taken) == [[DELAY, OFFER], [OFFER], [OFFER]]
    assert taken.records[1]["evidence"] == {OFFER: ["Shall we send"]}
    assert taken.skipped == 1


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("zendesk", {"Ticket ID": "7", "Subject": "a", "Description": "b", "Tags": "vip swap_offered",
                     "Order ID": "GG-1", "Organization": "acme", "Satisfaction": "Good"}),
        ("gorgias", {"Ticket id": "7", "Subject": "a", "Message": "b", "Tags": "vip, swap_offered",
                     "Order number": "GG-1", "Store": "acme", "Channel": "email"}),
        ("freshdesk", {"Ticket ID": "7", "Subject": "a", "Description": "b", "Tags": "vip,swap_offered",
                       "Order ID": "GG-1", "Company Name": "acme", "Agent": "Ann"}),
    ],
)  # fmt: skip
def test_a_help_desks_table_comes_in_by_a_mapping_file(
    name: str, row: dict[str, str], home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / f"{name}.toml"
    own.write_text((MAPPINGS / f"{name}.toml").read_text() + f'"swap_offered" = "{OFFER}"\n')
    path = table(tmp_path / "desk.csv", list(row), list(row.values()))
    printed = told(capsys, "import", str(path), "--mapping", str(own))
    (ticket,) = load(home / "tickets")
    assert (ticket.id, ticket.writer, sorted(ticket.labels)) == ("7", "merchant-acme", [OFFER])
    assert any("labels left out: vip (1)" in note for note in printed["notes"])
    assert any("columns left out" in note for note in printed["notes"])
    assert any("the merchant stands in" in note for note in printed["notes"])
    assert "no row has a label" in error(capsys, "import", str(path), "--mapping", f"{name}.toml", "--as", "second")


@pytest.mark.parametrize(
    ("sign", "encoding", "head"),
    [(";", "cp1252", ""), (";", "utf-8-sig", "sep=;\r\n"), ("\t", "utf-16", ""), ("\t", "utf-8", ""),
     ("|", "utf-16-le", ""),
     (",", "utf-16", "sep=,\n")],
)  # fmt: skip
def test_spreadsheets_write_tables_in_their_own_way(tmp_path: Path, sign: str, encoding: str, head: str) -> None:
    rows = (("support_id", "subject", "body", "labels", "writer"), ("GG-1", "Größe", "Für Sie, später.", DELAY, "w"))
    path = table(tmp_path / "t.csv", *rows, sign=sign, encoding=encoding, head=head)
    (record,) = read([path], ImportOptions()).records
    assert (record["subject"], record["body"], record["labels"]) == ("Größe", "Für Sie, später.", [DELAY])


def test_encoding_and_separator_can_be_named(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = (("support_id", "subject", "body", "labels", "writer"), ("GG-1", "ä", "ö", DELAY, "w"))
    path = table(tmp_path / "t.csv", *rows, sign="^", encoding="mac_roman")
    told(capsys, "import", str(path), "--separator", "^", "--encoding", "mac_roman")
    assert load(home / "tickets")[0].draft.subject == "ä"
    assert "no encoding 'klingon'" in error(capsys, "import", str(path), "--encoding", "klingon")


def test_parquet_with_class_numbers_index_and_struct_evidence(tmp_path: Path) -> None:
    row = {**TASK, "labels": [1, 0], "evidence": {OFFER: ["Shall we send"], DELAY: None}, "__index_level_0__": 4}
    made = pyarrow.Table.from_pylist([row])
    names = {"info": {"features": {"labels": {"feature": {"names": [DELAY, OFFER], "_type": "ClassLabel"}}}}}
    made = made.replace_schema_metadata({"huggingface": json.dumps(names)})
    pyarrow.parquet.write_table(made, tmp_path / "t.parquet")
    (record,) = read([tmp_path / "t.parquet"], ImportOptions()).records
    assert (record["labels"], record["evidence"]) == ([DELAY, OFFER], {OFFER: ["Shall we send"]})
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([{**TASK, "labels": 4}]), tmp_path / "n.parquet")
    assert labels(read([tmp_path / "n.parquet"], ImportOptions(labels={"4": OFFER}))) == [[OFFER]]


@pytest.mark.parametrize(
    "cell",
    [f"['{DELAY}', '{OFFER}']", f'["{DELAY}", "{OFFER}"]', f"{DELAY}|{OFFER}", f"{{'{DELAY}', '{OFFER}'}}",
     f"{DELAY}\n{OFFER}",
     f"{DELAY} # {OFFER}"],
)  # fmt: skip
def test_a_list_of_labels_as_text(tmp_path: Path, cell: str) -> None:
    path = table(tmp_path / "t.csv", (*HEAD[:3], "labels", "writer"), ("GG-1", "a", "b", cell, "w"))
    assert labels(read([path], ImportOptions())) == [[DELAY, OFFER]]


def test_labels_of_other_names_are_mapped_and_a_mistyped_mapping_is_refused(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(table(tmp_path / "t.csv", (*HEAD[:3], "labels", "writer"), ("GG-1", "a", "b", "Swap!;late", "w")))
    assert told(capsys, "import", path, "--map", f"Swap!={OFFER}", "--map", f"late={DELAY}")["labels"][OFFER] == 1
    assert "no label 'substitute'" in error(capsys, "import", path, "--map", "Swap!=substitute")
    assert "no file has 'Swpa'" in error(
        capsys, "import", path, "--map", f"Swap!={OFFER}", "--map", f"late={DELAY}", "--map", f"Swpa={OFFER}"
    )
    assert "no column 'boddy'" in error(capsys, "import", path, "--column", "Text=boddy")
    assert "no file has 'Txt'" in error(
        capsys, "import", path, "--column", "Txt=body", "--map", f"Swap!={OFFER}", "--map", f"late={DELAY}"
    )
    with pytest.raises(MappingError):
        ImportOptions(columns={"a": "b"})


def test_unknown_columns_are_left_out_on_demand(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", (*HEAD[:3], "labels", "mood", "writer"), ("GG-1", "a", "b", DELAY, "glad", "w"))
    with pytest.raises(ValueError, match="unknown field 'mood'"):
        read([path], ImportOptions())
    taken = read([path], ImportOptions(ignore_extra=True))
    assert labels(taken) == [[DELAY]]
    assert taken.notes == ("columns left out: mood",)


def desk(path: Path, *bodies: str) -> str:
    head = ("support_id", "subject", "body", "labels", "scenario")
    return str(table(path, head, *(("GG-1", "a", body, DELAY, "s") for body in bodies)))


def test_a_later_file_of_the_same_name_does_not_keep_old_rows_in_silence(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told(capsys, "import", desk(tmp_path / "desk.csv", "one", "two"))
    later = desk(tmp_path / "desk.csv", "two", "three")
    assert "holds 1 tickets of an earlier desk.csv" in error(capsys, "import", later)
    assert told(capsys, "import", later, "--older", "remove")["removed"] == 1
    assert sorted(d.draft.body for d in load(home / "tickets")) == ["three", "two"]
    other = desk(tmp_path / "other.csv", "four")
    assert told(capsys, "import", other)["new"] == 1
    assert len(load(home / "tickets")) == 3


def test_ids_come_from_content(tmp_path: Path) -> None:
    first = read([Path(desk(tmp_path / "a.csv", "one", "two"))], ImportOptions()).records
    second = read([Path(desk(tmp_path / "b.csv", "two", "one", "one"))], ImportOptions())
    assert [r["id"] for r in first] == [r["id"] for r in reversed(second.records)]
    assert second.repeated == 1
    head = ("support_id", "subject", "body", "labels", "scenario")
    two = table(tmp_path / "c.csv", head, ("GG-1", "a", "x", DELAY, "s"), ("GG-1", "a", "x", OFFER, "s"))
    with pytest.raises(ValueError, match=r"c\.csv:3: the same words stand in another row with other labels"):
        read([two], ImportOptions())


@pytest.mark.parametrize("name", ["../../x", "/tmp/x", "", ".hidden", "a/b"])
def test_the_name_of_a_set_cannot_lead_out_of_the_home(
    name: str, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "the name of a set" in error(capsys, "import", desk(tmp_path / "desk.csv", "one"), "--as", name)
    assert not list(tmp_path.rglob("x.jsonl"))


def test_dates_and_provenance_belong_to_the_fingerprint(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {**TASK, "id": "a", "scenario": "s", "labels": [DELAY], "date": "2026-01-01", "provenance": "shop A"}
    names = []
    for changed in ({}, {"date": "2026-02-01"}, {"provenance": "shop B"}):
        path = lines(tmp_path / "t.jsonl", {**row, **changed})
        names.append(told(capsys, "import", str(path))["fingerprint"])
        names.append(told(capsys, "data", "fingerprint", "--data", str(path))["fingerprint"])
    assert names[::2] == names[1::2]
    assert len(set(names)) == 3
    kept = (home / "datasets" / f"{names[0]}.jsonl").read_text()
    assert "2026-01-01" in kept


@pytest.mark.parametrize(
    ("columns", "files", "writers", "note"),
    [
        ({"merchant_id": "m7", "scenario": "s"}, 1, {"merchant-m7"}, "the merchant stands in"),
        ({"scenario": "returns"}, 1, {"returns"}, "the scenario stands in"),
        ({}, 3, {"f0", "f1", "f2"}, "the file stands in"),
        ({}, 1, None, "each ticket stands in"),
    ],
)  # fmt: skip
def test_where_no_writer_is_known_something_stands_in_and_is_named(
    tmp_path: Path, columns: dict[str, str], files: int, writers: set[str] | None, note: str
) -> None:
    head = ("support_id", "subject", "body", "labels", *columns)
    paths = [
        table(tmp_path / f"f{n}.csv", head, *(("GG-1", "a", f"b{n}{i}", DELAY, *columns.values()) for i in range(3)))
        for n in range(files)
    ]
    taken = read(paths, ImportOptions())
    found = {r["writer"] for r in taken.records}
    assert found == writers if writers else len(found) == 3
    assert any(note in line for line in taken.notes)
