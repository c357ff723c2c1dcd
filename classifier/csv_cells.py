"""Cells of CSV files that no spreadsheet runs as a formula: one home for the service and the workbench."""

import re
from typing import Any

_RUNS = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
"""A beginning that a spreadsheet may run, or one that was made harmless before."""
_NUL = "␀"


def harmless(cell: Any) -> Any:
    """A cell as it is written: with an apostrophe before what might run, and NULs made visible. Numbers stay."""
    if not isinstance(cell, str):
        return cell
    text = without_nul(cell)
    return f"'{text}" if _RUNS.match(text) else text


def as_typed(text: str) -> str:
    """A written cell as it was before `harmless`, except for NULs."""
    return text[1:] if text.startswith("'") and _RUNS.match(text) else text


def without_nul(value: Any) -> Any:
    """Text, or texts in lists and mappings, with each NUL made visible."""
    if isinstance(value, str):
        return value.replace("\0", _NUL)
    if isinstance(value, list):
        return [without_nul(one) for one in value]
    if isinstance(value, dict):
        return {without_nul(key): without_nul(one) for key, one in value.items()}
    return value
