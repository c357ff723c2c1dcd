"""What merchants read, in their language: one catalogue a language for messages, guidance and the box's own words."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

LANGUAGES = ("en", "de", "es", "fr", "it")
FOLDER = Path(__file__).parent
_POLICY = FOLDER.parents[1] / "policy.toml"
_RULES = FOLDER.parents[1] / "rules"
_RANGE = re.compile(r"\s*([a-z]{1,8})(?:-[a-z0-9]+)*\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The words of one language. `texts` leads from each English text to its translation; English has none."""

    language: str
    box: Mapping[str, str]
    conditions: Mapping[str, str]
    texts: Mapping[str, str]
    labels: Mapping[str, Mapping[str, str]]

    def finding(self, finding: Mapping[str, Any]) -> dict[str, Any]:
        """A finding in this language. One whose own text has no translation says what its label says."""
        general = self.labels.get(finding["label"] or "", {})
        said = {
            "message": self._said(finding["message"], general.get(finding["severity"])),
            "policy_ref": self._said(finding.get("policy_ref")),
        }
        if "guidance" in finding:
            said["guidance"] = self._said(finding["guidance"], general.get("guidance"))
        return {**finding, **{name: text for name, text in said.items() if name in finding}}

    def reminder(self, reminder: Mapping[str, Any]) -> dict[str, Any]:
        """A reminder in this language."""
        return {**reminder, "message": self._said(reminder["message"])}

    def _said(self, text: Any, otherwise: str | None = None) -> Any:
        return self.texts.get(text, otherwise or text) if text else text


@dataclass(frozen=True, slots=True)
class Replacement:
    """Words that may take the place of those at fault. `condition` names what only the merchant knows."""

    label: str
    text: str
    condition: str | None = None
    unless_cancelled_by: str | None = None


@cache
def catalogue(language: str) -> Catalogue:
    """The catalogue of one of LANGUAGES."""
    raw = _read(FOLDER / f"{language}.toml")
    return Catalogue(language, raw["box"], raw["condition"], _pairs(raw), raw.get("label", {}))


def replacements(label: str, cancelled_by: str | None, language: str) -> list[dict[str, str | None]]:
    """What may be written instead in an English draft, if it fits who cancelled; conditions are in `language`."""
    conditions = catalogue(language).conditions
    return [
        {"text": one.text, "condition": conditions[one.condition] if one.condition else None}
        for one in _replacements()
        if one.label == label and (one.unless_cancelled_by is None or one.unless_cancelled_by != cancelled_by)
    ]


def preferred(accept_language: str | None) -> str:
    """The language of LANGUAGES that an Accept-Language header (RFC 9110) prefers; English where it names none."""
    best, weight = "en", 0.0
    for part in (accept_language or "")[:500].split(","):
        asked = _RANGE.fullmatch(part)
        if asked and asked[1].lower() in LANGUAGES and float(asked[2] or 1) > weight:
            best, weight = asked[1].lower(), float(asked[2] or 1)
    return best


def english() -> dict[str, Any]:
    """What there is to translate, as it stands in policy.toml and in the rules that no label causes."""
    policy = _read(_POLICY)
    rules = [rule for path in sorted(_RULES.glob("*.toml")) for rule in _read(path).get("rule", [])]
    return {
        "label": {
            name: {key: entry[key] for key in ("block", "warn", "guidance")}
            for name, entry in policy["label"].items()
            if entry["policy"] == "prohibited"
        },
        "finding": {
            name: {key: entry[key] for key in ("message", "guidance")} for name, entry in policy["finding"].items()
        },
        "reminder": {name: {"message": entry["message"]} for name, entry in policy["reminder"].items()},
        "section": {name: entry["title"] for name, entry in policy["section"].items()},
        "rule": {
            rule["id"]: {key: rule[key] for key in ("message", "guidance") if key in rule}
            for rule in rules
            if "label" not in rule and "message" in rule
        },
    }


def _pairs(raw: Mapping[str, Any]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for kind, entries in english().items():
        for name, entry in entries.items():
            there = raw.get(kind, {}).get(name)
            if isinstance(entry, str) and there:
                pairs[entry] = there
            elif there:
                pairs |= {text: there[key] for key, text in entry.items() if key in there}
    return pairs


@cache
def _replacements() -> tuple[Replacement, ...]:
    return tuple(Replacement(**entry) for entry in _read(FOLDER / "en.toml")["replacement"])


def _read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text("utf-8"))
