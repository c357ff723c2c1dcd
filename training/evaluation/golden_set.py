"""The golden set: drafts with the decision we expect, reviewed like code."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classifier import Draft, Order, Screener
from training.repository_files import repository_path
from training.tickets.loading import BadRow, TicketError

GOLDEN = repository_path("tests/golden")


@dataclass(frozen=True, slots=True)
class Golden:
    """One draft of the set; `labels` is None where only the decision is expected."""

    id: str
    draft: Draft
    order: Order | None
    decision: str
    labels: frozenset[str] | None


def load(folder: Path = GOLDEN) -> list[Golden]:
    """Every draft of every *.jsonl there; an empty list for an empty folder. Raises TicketError for a bad row."""
    found: list[Golden] = []
    for path in sorted(folder.glob("*.jsonl")) if folder.is_dir() else [folder]:
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
            if line.strip():
                try:
                    found.append(_golden(json.loads(line), f"{path.stem}:{number}"))
                except (KeyError, TypeError, ValueError) as error:
                    raise TicketError([BadRow(str(path), number, f"no golden draft: {error}")]) from error
    return found


def _golden(raw: dict[str, Any], place: str) -> Golden:
    order = raw.get("order") or None
    return Golden(
        id=str(raw.get("id") or place),
        draft=Draft(raw["support_id"], raw["subject"], raw["body"]),
        order=Order(cancelled_by=order.get("cancelled_by"), status=order.get("status")) if order else None,
        decision=raw["decision"],
        labels=frozenset(raw["labels"]) if raw.get("labels") is not None else None,
    )


def wrong(screener: Screener, golden: Sequence[Golden]) -> list[str]:
    """The ids of the drafts that meet another decision than expected."""
    return [one.id for one in golden if screener.screen(one.draft, one.order).decision != one.decision]
