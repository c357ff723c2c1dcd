"""Bundles the widget's modules into the one ES module that pages load, minified and without a build step."""

import json
import re
from functools import cache
from pathlib import Path

import rjsmin  # type: ignore[import-untyped]

from classifier.policy.translations import LANGUAGES, catalogue

STATIC = Path(__file__).with_name("static")
MODULES = (
    "exchange", "fields", "language", "cards", "underlines", "keeping", "restoring", "replacing", "mending", "status",
    "panel", "popover", "preview", "appeal", "hidden", "sending", "style", "draft-screen",
)  # fmt: skip
"""In the order of their imports. A name is defined once across all of them."""
TRANSLATED = tuple(language for language in LANGUAGES if language != "en")
"""The languages whose words are a module of their own beside the widget's; English is built in."""

_IMPORT = re.compile(r"^import .*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?!class DraftScreen)", re.MULTILINE)
_TRAILING_COMMA = re.compile(r",(?=\s*\n\s*[)\]}])")
_NEEDLESS = re.compile(r"(?<=})\n|;(?=})")
"""In minified code: a line break after a block, and the semicolon before the end of one. No statement lacks its own."""
_NO_WORDS = "const ENGLISH={}"
_CSS = re.compile(r"(?<=replaceSync\(`)[^`]*")


@cache
def bundled_widget() -> str:
    """The module's text. Exports `DraftScreen` and nothing else. Raises OSError where a module is missing."""
    source = "\n".join(_module((STATIC / f"{name}.js").read_text("utf-8")) for name in MODULES)
    minified = _NEEDLESS.sub("", rjsmin.jsmin(source))
    return minified.replace(_NO_WORDS, f"const ENGLISH={words_of('en')}", 1)


def words_of(language: str) -> str:
    """The box's own words as a JavaScript object."""
    return json.dumps(dict(catalogue(language).box), ensure_ascii=False, separators=(",", ":"))


def language_module(language: str) -> str:
    """The module beside the widget's that holds its words in one of TRANSLATED."""
    return f"export default {words_of(language)}"


def _module(source: str) -> str:
    source = _TRAILING_COMMA.sub("", _EXPORT.sub("", _IMPORT.sub("", source)))
    return _CSS.sub(_minified, source)


def _minified(css: re.Match[str]) -> str:
    spaceless = re.sub(r"\s*([{};,>])\s*", r"\1", re.sub(r"\s+", " ", css[0])).replace(": ", ":")
    return re.sub(r"(?<![\w.])0\.", ".", spaceless)
