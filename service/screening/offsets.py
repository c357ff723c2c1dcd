"""Offsets in the unit that the caller counts in. Inside, they are code points."""

from collections.abc import Mapping
from typing import Any

from classifier import Draft

_CODECS = {"utf-16": ("utf-16-le", 2), "utf-8": ("utf-8", 1)}
_PLACES = ("start", "end", "replace_start", "replace_end")


def converted(findings: list[dict[str, Any]], draft: Draft | None, encoding: str) -> list[dict[str, Any]]:
    """The findings with their offsets in `encoding`; unchanged where a field is ASCII or the draft is purged."""
    if encoding == "utf-32" or draft is None:
        return findings
    plain = {name: getattr(draft, name).isascii() for name in ("support_id", "subject", "body")}
    return [f if plain.get(f["field"], True) else _converted(f, getattr(draft, f["field"]), encoding) for f in findings]


def _converted(finding: Mapping[str, Any], text: str, encoding: str) -> dict[str, Any]:
    changed = {name: units(text, finding[name], encoding) for name in _PLACES if finding[name] is not None}
    return {**finding, **changed}


def units(text: str, index: int, encoding: str) -> int:
    """How many units of `encoding` the first `index` code points of `text` take."""
    if encoding == "utf-32":
        return index
    codec, width = _CODECS[encoding]
    return len(text[:index].encode(codec, "surrogatepass")) // width
