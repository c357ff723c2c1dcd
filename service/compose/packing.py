"""Packs the widget's parts into the one ES module that pages load: no build step, one request, no comments."""

import re
from functools import cache
from pathlib import Path

import rjsmin  # type: ignore[import-untyped]

STATIC = Path(__file__).with_name("static")
PARTS = (
    "exchange", "fields", "underlines", "keeping", "cards", "panel", "popover", "preview", "sending", "style",
    "draft-screen",
)  # fmt: skip
"""In the order in which they need each other; each name stands once in all of them."""

_IMPORT = re.compile(r"^import .*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?!class DraftScreen)", re.MULTILINE)
_CSS = re.compile(r"(?<=replaceSync\(`)[^`]*")


@cache
def packed_widget() -> str:
    """The module's text. Exports `DraftScreen` and nothing else. Raises OSError where a part is missing."""
    return str(rjsmin.jsmin("\n".join(_part((STATIC / f"{name}.js").read_text("utf-8")) for name in PARTS)))


def _part(source: str) -> str:
    return _CSS.sub(_tight, _EXPORT.sub("", _IMPORT.sub("", source)))


def _tight(css: re.Match[str]) -> str:
    return re.sub(r"\s*([{};,])\s*", r"\1", re.sub(r"\s+", " ", css[0])).replace(": ", ":")
