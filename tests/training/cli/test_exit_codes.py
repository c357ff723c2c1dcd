"""The exit code says who is at fault: 1 a gate, 2 the input, 3 the command."""

import json
from pathlib import Path

import pytest

from training.__main__ import call
from training.cli import tickets as commands

ROW = {
    "id": "a", "writer": "w", "scenario": "s", "support_id": "GG-1", "subject": "a", "body": "b", "labels": [],
}  # fmt: skip


def error(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert call(list(arguments)) == 2
    printed = capsys.readouterr().err
    assert "Traceback" not in printed
    return " ".join(printed.replace("│", "").split())


def test_an_unexpected_error_is_no_refusal_of_a_gate(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for fault in (KeyError("x"), TypeError("x"), ZeroDivisionError(), MemoryError()):

        def fails(*_: object, fault: Exception = fault) -> None:
            raise fault

        monkeypatch.setattr(commands.datasets, "difference", fails)
        monkeypatch.setattr(commands.datasets, "find", lambda *_: [])
        assert call(["data", "diff", "a", "b"]) == 3
        assert "Traceback" in capsys.readouterr().err


def test_an_interrupted_command_is_no_refusal_of_a_gate(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands.datasets, "find", interrupted)
    assert call(["data", "diff", "a", "b"]) not in (0, 1)


def test_a_bad_row_is_named_whatever_is_wrong_with_it(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.jsonl"
    good = json.dumps(ROW).encode()
    for line, words in (
        (b'{"id": "\xff"}', "t.jsonl:2: not UTF-8"),
        (b"[1]", "t.jsonl:2: not an object"),
        (b"{", "t.jsonl:2: not JSON"),
        (b'{"id": 1}', "t.jsonl:2: id: missing or not a str"),
        (json.dumps({**ROW, "labels": {}}).encode(), "t.jsonl:2: labels: missing or not a list"),
        (json.dumps({**ROW, "order": []}).encode(), "t.jsonl:2: order: not a dict"),
    ):
        path.write_bytes(good + b"\n" + line + b"\n")
        assert words in error(capsys, "data", "fingerprint", "--data", str(path))
        assert "t.jsonl" in error(capsys, "import", str(path))


def test_a_file_at_fault_is_named(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty, none, broken = tmp_path / "empty", tmp_path / "none.jsonl", tmp_path / "broken.toml"
    empty.mkdir()
    none.write_text("")
    broken.write_text("[distance]\nscores = 0.1\n")
    (tmp_path / "a.parquet").write_bytes(b"none")
    (tmp_path / "a.jsonl").write_text(json.dumps(ROW) + "\n")
    for arguments, words in (
        (("retrain", "--data", str(empty)), "empty:0: holds no draft"),
        (("data", "copies", "--data", str(none)), "none.jsonl:0: holds no draft"),
        (("import", str(tmp_path / "gone.csv")), "gone.csv: no such file"),
        (
            ("rules", "backtest", "shipped", "--rule", "nobody.wrote", "--data", str(tmp_path / "a.jsonl")),
            "nobody.wrote",
        ),
        (("import", str(none), "--mapping", str(broken)), "broken.toml"),
        (("import", str(none), "--format", "word"), "no format 'word'"),
        (
            ("export", str(tmp_path / "x.csv"), "--format", "word", "--data", str(tmp_path / "a.jsonl")),
            "no format 'word'",
        ),
        (("retrain", "--set", "folds=many"), "folds=many"),
        (("import", "--from-service", "http://127.0.0.1:9", "--key-file", str(tmp_path / "no.key")), "no.key"),
    ):
        assert words in error(capsys, *arguments)
