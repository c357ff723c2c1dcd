"""Cells that a spreadsheet would run."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.csv_cells import as_typed, harmless, without_nul


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
def test_what_would_run_begins_with_an_apostrophe(sign: str) -> None:
    assert harmless(f"{sign}cmd()") == f"'{sign}cmd()"


def test_what_does_not_run_stays() -> None:
    assert [harmless(cell) for cell in ("a=b", "", "'quoted'", -5, 1.5, None)] == ["a=b", "", "'quoted'", -5, 1.5, None]


def test_a_nul_is_made_visible_wherever_it_stands() -> None:
    assert harmless("a\0b") == "a␀b"
    assert without_nul({"a\0": ["\0", 1]}) == {"a␀": ["␀", 1]}


@given(st.text(alphabet=st.sampled_from("'=+-@\t\r\n a,\"＝")))
def test_what_was_typed_comes_back_from_a_file(text: str) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerow([harmless(text), "x"])
    (row,) = csv.reader(io.StringIO(file.getvalue(), newline=""))
    assert as_typed(row[0]) == text
