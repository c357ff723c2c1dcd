"""Drafts to measure with: real ones of about 100 words from the project's own data, by writers of plain ones."""

import json
import tomllib
import zlib
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "data" / "drafts"


@cache
def drafts(least: int = 70, most: int = 130) -> tuple[dict[str, str], ...]:
    """Drafts of `least` to `most` words by the clear writers of data/splits.toml, shuffled the same way every time."""
    clear = set(tomllib.loads((FOLDER.parent / "splits.toml").read_text(encoding="utf-8"))["clear"])
    found = []
    for path in sorted(FOLDER.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row["writer"] in clear and least <= len(row["body"].split()) <= most:
                found.append((zlib.crc32(row["id"].encode()), row))
    ordered = sorted(found, key=lambda one: one[0])
    return tuple({name: row[name] for name in ("support_id", "subject", "body")} for _, row in ordered)
