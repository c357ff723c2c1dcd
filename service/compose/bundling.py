"""Packs the widget's parts into the one ES module that pages load: no build step, one request, no comments."""

import re
from functools import cache
from pathlib import Path
from string import ascii_letters

import rjsmin  # type: ignore[import-untyped]

STATIC = Path(__file__).with_name("static")
PARTS = (
    "exchange", "fields", "cards", "underlines", "keeping", "replacing", "status", "panel", "popover", "preview",
    "appeal", "hidden", "sending", "style", "draft-screen",
)  # fmt: skip
"""In the order in which they need each other; each name stands once in all of them."""

_IMPORT = re.compile(r"^import .*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?!class DraftScreen)", re.MULTILINE)
_PRIVATE = re.compile(r"#([a-z]\w*)", re.IGNORECASE)
_CSS = re.compile(r"(?<=replaceSync\(`)[^`]*")


@cache
def packed_widget() -> str:
    """The module's text. Exports `DraftScreen` and nothing else. Raises OSError where a part is missing."""
    source = "\n".join(_part((STATIC / f"{name}.js").read_text("utf-8")) for name in PARTS)
    return str(rjsmin.jsmin(source))


def _part(source: str) -> str:
    source = _EXPORT.sub("", _IMPORT.sub("", source))
    return _CSS.sub(_tight, source) if _CSS.search(source) else _with_short_privates(source)


def _with_short_privates(source: str) -> str:
    """Private names are seen by their own class alone, so each may be one letter."""
    names = sorted(set(_PRIVATE.findall(source)))
    short = dict(zip(names, ascii_letters, strict=False))
    return _PRIVATE.sub(lambda found: "#" + short[found[1]], source)


def _tight(css: re.Match[str]) -> str:
    return re.sub(r"\s*([{};,])\s*", r"\1", re.sub(r"\s+", " ", css[0])).replace(": ", ":")
