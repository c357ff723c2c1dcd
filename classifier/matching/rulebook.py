"""The rule book: rules and word classes from TOML files, checked before anything is matched."""

import hashlib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from classifier.evidence import Strength, When
from classifier.labels import Label
from classifier.matching.pattern_syntax import Element, Pattern, RuleError, expanded, pattern_words

__all__ = ["LEXICON", "RULES_FOLDER", "Element", "Pattern", "Rule", "RuleBook", "RuleError"]

RULES_FOLDER = Path(__file__).parents[1] / "rules"
LEXICON = "lexicon.toml"
STANDARDS_REF = "Opening a Ticket: Merchant Standards for Communication"
CANCELS, ASKS_EXCHANGE = ".cancels", ".asks-exchange"
CUSTOMER_SAYS = (CANCELS, ASKS_EXCHANGE)
"""What a rule for the customer's message finds, as its id ends."""
Status = Literal["draft", "shadow", "live"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule as a lead wrote it, its patterns spelled out. `label` is None for the Merchant Standards."""

    id: str
    label: Label | None
    strength: Strength
    status: Status
    patterns: tuple[Pattern, ...]
    unless: tuple[Pattern, ...]
    unless_draft: tuple[Pattern, ...]
    if_draft: tuple[Pattern, ...]
    must_flag: tuple[str, ...]
    must_not_flag: tuple[str, ...]
    message: str = ""
    guidance: str = ""
    policy_ref: str = ""
    when: When = "always"
    family: str = ""
    source: Mapping[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class RuleBook:
    """All rules, in order of file and place. `version` changes with any byte of any file."""

    rules: tuple[Rule, ...]
    version: str

    @classmethod
    def load(cls, folder: Path = RULES_FOLDER) -> "RuleBook":
        """Read every *.toml of a folder. Raises RuleError at the first rule that may not be loaded, and where there is
        none at all."""
        book = cls.from_texts({path.name: _text(path) for path in sorted(folder.glob("*.toml"))})
        if not book.rules:
            raise RuleError(str(folder), "(folder)", "holds no rule; remove the folder and the shipped rules serve")
        return book

    @classmethod
    def from_texts(cls, files: Mapping[str, str]) -> "RuleBook":
        """The rule book of {file name: TOML text}; raises RuleError."""
        digest = hashlib.sha256("\0".join(f"{n}\0{t}" for n, t in sorted(files.items())).encode()).hexdigest()
        lexicon = _lexicon(files.get(LEXICON, ""))
        rules: list[Rule] = []
        for name, text in sorted(files.items()):
            if name != LEXICON:
                rules.extend(_rules_of(name, text, lexicon))
        _refuse_repeats(rules)
        return cls(tuple(rules), "rules-" + digest[:12])


def _lexicon(text: str) -> dict[str, tuple[tuple[str, ...], ...]]:
    """Class name -> its entries, each a tuple of words. A class may name another as "{other}"."""
    raw = _toml(LEXICON, text)
    return {name: tuple(_entries(name, raw, ())) for name in raw}


def _entries(name: str, raw: Mapping[str, Any], seen: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if name not in raw or name in seen:
        raise RuleError(LEXICON, seen[0] if seen else name, f"class {{{name}}} is unknown or names itself")
    for entry in raw[name]:
        if entry.startswith("{"):
            yield from _entries(entry.strip("{}"), raw, (*seen, name))
        else:
            yield tuple(pattern_words(entry))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RuleError(str(path), "(file)", f"not UTF-8: byte {error.start} cannot be read") from error
    except OSError as error:
        raise RuleError(str(path), "(file)", f"cannot be read: {error.strerror}") from error


def _toml(file: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RuleError(file, "(file)", f"not TOML: {error}") from error


def _rules_of(file: str, text: str, lexicon: Mapping[str, tuple[tuple[str, ...], ...]]) -> Iterator[Rule]:
    for number, entry in enumerate(_toml(file, text).get("rule", []), 1):
        rule_id = str(entry.get("id") or f"rule number {number}")
        try:
            yield _rule(file, rule_id, entry, lexicon)
        except RuleError:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise RuleError(file, rule_id, f"missing or wrong entry: {error}") from error


_ENTRIES = {
    "id", "label", "strength", "status", "patterns", "unless", "unless_draft", "if_draft", "must_flag",
    "must_not_flag", "message", "guidance", "policy_ref", "when", "note",
}  # fmt: skip


def _rule(file: str, rule_id: str, entry: Mapping[str, Any], lexicon: Mapping[str, Any]) -> Rule:
    _check_entry(file, rule_id, entry)

    def spelled(key: str) -> tuple[Pattern, ...]:
        return tuple(p for line in entry.get(key, ()) for p in expanded(file, rule_id, line, lexicon))

    return Rule(
        id=rule_id,
        label=Label(entry["label"]) if entry.get("label") else None,
        strength=entry["strength"],
        status=entry["status"],
        patterns=spelled("patterns"),
        unless=spelled("unless"),
        unless_draft=spelled("unless_draft"),
        if_draft=spelled("if_draft"),
        must_flag=tuple(entry["must_flag"]),
        must_not_flag=tuple(entry["must_not_flag"]),
        message=entry.get("message", ""),
        guidance=entry.get("guidance", ""),
        policy_ref=entry.get("policy_ref", "" if entry.get("label") else STANDARDS_REF),
        when=entry.get("when", "always"),
        family=file.removesuffix(".toml"),
        source=dict(entry),
    )


def _check_entry(file: str, rule_id: str, entry: Mapping[str, Any]) -> None:
    def refuse(reason: str) -> None:
        raise RuleError(file, rule_id, reason)

    if unknown := set(entry) - _ENTRIES:
        refuse(f"unknown entry {sorted(unknown)[0]!r}")
    if not re.fullmatch(r"[a-z0-9]+(?:[.-][a-z0-9]+)+", rule_id):
        refuse("an id is lower-case words joined by dots and hyphens")
    if entry.get("strength") not in ("strong", "weak"):
        refuse("strength is strong or weak")
    if entry.get("status") not in ("draft", "shadow", "live"):
        refuse("status is draft, shadow or live")
    when = entry.get("when", "always")
    if when not in get_args(When):
        refuse(f"when is {' or '.join(get_args(When))}")
    if (when == "customer_writes") != rule_id.endswith(CUSTOMER_SAYS):
        refuse(f"a rule for what the customer writes, and only such a one, ends in {' or '.join(CUSTOMER_SAYS)}")
    for key in ("patterns", "must_flag", "must_not_flag"):
        if not entry.get(key):
            refuse(f"{key} is empty; a rule without it is refused")
    if not entry.get("label") and when != "customer_writes" and not (entry.get("message") and entry.get("guidance")):
        refuse("a rule without a label needs its own message and guidance")


def _refuse_repeats(rules: Iterable[Rule]) -> None:
    seen: dict[str, str] = {}
    for rule in rules:
        if rule.id in seen:
            raise RuleError(f"{rule.family}.toml", rule.id, f"the id is taken by {seen[rule.id]}.toml")
        seen[rule.id] = rule.family
