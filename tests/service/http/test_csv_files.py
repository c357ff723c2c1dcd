"""Every CSV that leaves the service or the workbench: nothing in it runs in a spreadsheet, and it comes back whole."""

import csv
import io
from pathlib import Path
from typing import Any

from service.review.export.formats import as_csv
from service.review.web.csv_files import csv_response
from training.tickets.formats import read_rows, write_rows

BODY = '=HYPERLINK("http://x")\0 and more'


def ticket(**changed: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "id": "screening-1", "writer": "+merchant", "scenario": "@s", "support_id": "-GG-1", "subject": "\tTab",
        "body": BODY, "order": {"cancelled_by": None, "status": "\rstatus"}, "labels": ["delay_notice"],
        "evidence": {"delay_notice": ["\0 and more"]}, "note": "=1+1", "language": "en", "date": "2026-11-02",
        "provenance": "reviewed", "machine": {},
    }  # fmt: skip
    return made | changed


def dangerous(rows: list[dict[str, str]]) -> list[str]:
    return [
        cell for row in rows for cell in row.values() if cell[:1] in ("=", "+", "-", "@", "\t", "\r") or "\0" in cell
    ]


def test_the_export_of_cases_holds_nothing_that_runs() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv([ticket()]).decode(), newline="")))
    assert dangerous(rows) == []
    assert rows[0]["body"] == '\'=HYPERLINK("http://x")␀ and more'
    assert rows[0]["evidence"] == '{"delay_notice": ["␀ and more"]}'


def test_a_table_of_the_desk_holds_nothing_that_runs() -> None:
    answer = csv_response("x.csv", [("=a", "+b", "-c", "@d", "\te", "\rf", "g\0h", -1)])
    (row,) = csv.reader(io.StringIO(bytes(answer.body).decode(), newline=""))
    assert row == ["'=a", "'+b", "'-c", "'@d", "'\te", "'\rf", "g␀h", "-1"]


def test_the_workbench_writes_nothing_that_runs_and_reads_it_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    typed = ticket(body="=1+1 is what '=' means", support_id="'=GG", evidence={})
    write_rows([typed], path, "csv")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert dangerous(rows) == []
    assert rows[0]["body"].startswith("'=")
    ((_, read),) = read_rows(path)
    assert isinstance(read, dict)
    assert (read["body"], read["support_id"], read["note"]) == (typed["body"], typed["support_id"], typed["note"])
