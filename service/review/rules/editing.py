"""A rule as the fields of a form, and the form as a rule. Pure."""

from collections.abc import Mapping

from service.review.rules.files import Entry

LINES = ("patterns", "unless", "unless_draft", "if_draft", "must_flag", "must_not_flag")
"""Entries of a rule that hold a list: one item a line."""
TEXTS = ("id", "label", "strength", "when", "message", "guidance", "policy_ref", "about")
_ENTRY = {"about": "note"}
"""Fields whose entry in the rule has another name; the form's `note` is why it was changed."""
_NEEDED = ("patterns", "unless", "must_flag", "must_not_flag")


def entry_of_form(form: Mapping[str, str]) -> dict[str, object]:
    """The rule that a form describes; entries that are empty and need not be there are left out."""
    texts = {_ENTRY.get(name, name): form.get(name, "").strip() for name in TEXTS}
    lists = {name: [line.strip() for line in form.get(name, "").splitlines() if line.strip()] for name in LINES}
    entry: dict[str, object] = {name: texts[name] for name in ("id", "label", "strength") if texts[name]}
    entry["status"] = "draft"
    entry |= {name: texts[name] for name in ("when",) if texts[name]}
    entry |= {name: lists[name] for name in LINES if lists[name] or name in _NEEDED}
    return entry | {name: texts[name] for name in ("message", "guidance", "policy_ref", "note") if texts[name]}


def form_of_entry(entry: Entry) -> dict[str, str]:
    """The fields that describe a rule; what is not of the kind that it should be is left empty."""
    texts = {name: entry.get(_ENTRY.get(name, name), "") for name in TEXTS}
    lists = {name: entry.get(name, []) for name in LINES}
    return {name: value if isinstance(value, str) else "" for name, value in texts.items()} | {
        name: "\n".join(map(str, value)) if isinstance(value, list) else "" for name, value in lists.items()
    }
