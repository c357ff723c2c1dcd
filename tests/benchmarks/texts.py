"""Drafts to measure with: real ones of about 100 words, from the project's own data."""

import json
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "data" / "drafts"


@cache
def drafts(least: int = 70, most: int = 130) -> tuple[dict[str, str], ...]:
    """Drafts of `least` to `most` words, in the order of their files."""
    found = []
    for path in sorted(FOLDER.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if least <= len(row["body"].split()) <= most:
                found.append({name: row[name] for name in ("support_id", "subject", "body")})
    return tuple(found)
