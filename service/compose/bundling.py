"""Bundles the widget's modules into the one ES module that pages load, minified and without a build step."""

import re
from functools import cache
from pathlib import Path

import rjsmin  # type: ignore[import-untyped]

STATIC = Path(__file__).with_name("static")
MODULES = (
    "exchange", "fields", "cards", "underlines", "keeping", "replacing", "status", "panel", "popover", "preview",
    "appeal", "hidden", "sending", "style", "draft-screen",
)  # fmt: skip
"""In the order of their imports. A name is defined once across all of them."""

_IMPORT = re.compile(r"^import .*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?!class DraftScreen)", re.MULTILINE)
_TRAILING_COMMA = re.compile(r",(?=\s*\n\s*[)\]}])")
_NEEDLESS = re.compile(r"(?<=})\n|;(?=})")
"""In minified code: a line break after a block, and the semicolon before the end of one. No statement lacks its own."""
_CSS = re.compile(r"(?<=replaceSync\(`)[^`]*")


@cache
def bundled_widget() -> str:
    """The module's text. Exports `DraftScreen` and nothing else. Raises OSError where a module is missing."""
    source = "\n".join(_module((STATIC / f"{name}.js").read_text("utf-8")) for name in MODULES)
    return _NEEDLESS.sub("", rjsmin.jsmin(source))


def _module(source: str) -> str:
    source = _TRAILING_COMMA.sub("", _EXPORT.sub("", _IMPORT.sub("", source)))
    return _CSS.sub(_minified, source)


def _minified(css: re.Match[str]) -> str:
    spaceless = re.sub(r"\s*([{};,>])\s*", r"\1", re.sub(r"\s+", " ", css[0])).replace(": ", ":")
    return re.sub(r"(?<![\w.])0\.", ".", spaceless)
