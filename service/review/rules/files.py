"""The rule book as files: the shipped ones with the desk's versions put in their places. Pure, but for one read."""

import json
import tomllib
from collections.abc import Mapping
from functools import cache
from typing import Any

from classifier.matching.rulebook import LEXICON, RULES_FOLDER, RuleBook, RuleError

DESK_FILE = "desk.toml"
Entry = Mapping[str, Any]


@cache
def shipped() -> dict[str, str]:
    """The files that came with this version: name -> TOML."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(RULES_FOLDER.glob("*.toml"))}


def entry_of(source: str) -> dict[str, Any]:
    """The one rule that a lead wrote, as TOML with or without its [[rule]] line. Raises RuleError."""
    try:
        read = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise RuleError(DESK_FILE, "(draft)", f"not TOML: {error}") from error
    found = read.get("rule", [read] if read else [])
    if not isinstance(found, list) or len(found) != 1 or not isinstance(found[0], dict):
        raise RuleError(DESK_FILE, "(draft)", "write exactly one rule")
    return found[0]


def toml_of(entry: Entry) -> str:
    """A rule as TOML, one entry a line."""
    return "[[rule]]\n" + "".join(f"{name} = {_value(value)}\n" for name, value in entry.items())


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        inner = ",\n  ".join(json.dumps(str(item), ensure_ascii=False) for item in value)
        return f"[\n  {inner},\n]" if value else "[]"
    return json.dumps(value, ensure_ascii=False)


def with_rules(files: Mapping[str, str], changes: Mapping[str, Entry]) -> dict[str, str]:
    """The files with rules replaced in place, and new ones in a file of the desk's own."""
    left = dict(changes)
    found = {name: _file(text, left) if name != LEXICON else text for name, text in files.items()}
    if left:
        found[DESK_FILE] = "\n".join(toml_of(entry) for entry in left.values())
    return found


def _file(text: str, left: dict[str, Entry]) -> str:
    """One file; what is replaced in it is taken from `left`. A file without changes keeps every byte."""
    entries = tomllib.loads(text).get("rule", [])
    if not any(entry.get("id") in left for entry in entries):
        return text
    return "\n".join(toml_of(left.pop(entry["id"], entry)) for entry in entries)


def single(entry: Entry, *, status: str = "live") -> RuleBook:
    """A book of this one rule, awake whatever its status. Raises RuleError."""
    files = {LEXICON: shipped()[LEXICON], DESK_FILE: toml_of({**entry, "status": status})}
    return RuleBook.from_texts(files)
