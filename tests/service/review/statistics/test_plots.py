"""The drawings of the numbers: what they say stands inside them."""

import re

import pytest

from service.review.statistics.figures import StatisticsTable
from service.review.statistics.plots import plot

SHARES = StatisticsTable(
    "rules", "Overturned by finding", "", ("", "Share", "Overturned", "Decided", "At least", "At most"),
    (("substitute.have-this-hint", 1.0, 1234, 1234, 0.99, 1.0), ("model: probing", 0.02, 1, 50, 0.0, 0.1)), "bars",
    share=True,
)  # fmt: skip
FATES = StatisticsTable(
    "after-warning", "After a warning", "", ("", "Share", "Drafts"),
    (("Edited, then clean", 0.0, 0), ("Nothing more followed", 1.0, 83)), "bars", share=True,
)  # fmt: skip
LETTER = 5.8
"""Points that a letter of the drawing is wide, at the least: its font is 10 points high."""


@pytest.mark.parametrize("table", [SHARES, FATES], ids=["shares", "fates"])
@pytest.mark.parametrize("narrow", [False, True], ids=["wide", "narrow"])
def test_what_stands_behind_a_bar_is_inside_the_drawing(table: StatisticsTable, narrow: bool) -> None:
    drawn = plot(table, "light", narrow=narrow).decode()
    width = float(re.search(r'<svg [^>]*width="([\d.]+)pt"', drawn, re.DOTALL)[1])  # type: ignore[index]
    texts = re.findall(r'<text [^>]*text-anchor: start[^>]* x="([\d.]+)"[^>]*>([^<]+)</text>', drawn)
    behind = [(float(x), words) for x, words in texts if "%" in words]
    assert len(behind) == len(table.rows)
    for x, words in behind:
        assert x + len(words) * LETTER <= width, words
