"""Cases that failed in real use, each with the verdict that a careful reader gives it.

`cases/known_misses.json` names those that the promoted model does not yet reach, with what it says instead. A new miss
fails the test; so does a miss that was mended and is still listed.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from classifier import Draft, Order, Screener

CASES = Path(__file__).parent.parent / "golden" / "cases"
ROWS: list[dict[str, Any]] = [
    json.loads(line) for line in (CASES / "judgement.jsonl").read_text(encoding="utf-8").splitlines()
]
KNOWN_MISSES: dict[str, str] = json.loads((CASES / "known_misses.json").read_text(encoding="utf-8"))


def test_known_misses_are_few_and_exist() -> None:
    assert set(KNOWN_MISSES) <= {row["id"] for row in ROWS}
    assert len(KNOWN_MISSES) <= len(ROWS) // 8


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row["id"]))
def test_the_decision_is_that_of_a_careful_reader(screener: Screener, row: dict[str, Any]) -> None:
    order = Order(cancelled_by=row["order"]["cancelled_by"]) if row["order"] else None
    decision = screener.screen(Draft("GG-8K2P-4L7Q-XY19", row["subject"], row["body"]), order).decision
    wanted = row["want"].split("|")
    if row["id"] in KNOWN_MISSES:
        assert decision == KNOWN_MISSES[row["id"]]
        assert decision not in wanted, "mended: take it off known_misses.json"
    else:
        assert decision in wanted
