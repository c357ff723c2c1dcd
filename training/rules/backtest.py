"""A rule book against another on stored drafts, and the checks that a rule must pass before a trial."""

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from classifier.draft import Draft, LabelledDraft
from classifier.matching.matcher import RuleMatcher
from classifier.matching.rulebook import Rule, RuleBook
from classifier.reading.reader import Reader
from training import atomic_files
from training.rules.rule_report import hits_by_draft, report

_COMPARED = ("label", "strength", "status", "patterns", "unless", "unless_draft", "message", "guidance", "when")


KEPT = "rule-sets"
"""Where a home keeps rule sets by their version."""


@dataclass(frozen=True, slots=True)
class ExampleFault:
    """An example of a rule that the rule does not treat as stated."""

    rule_id: str
    sentence: str
    reason: str


@dataclass(frozen=True, slots=True)
class RuleChange:
    """A rule that differs between two books: `fields` are the entries that differ, empty for a new or removed rule."""

    rule_id: str
    change: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RuleTrial:
    """What a rule would do on stored drafts, and what changed against the old book. Lists hold ids of drafts."""

    rule_id: str
    change: str
    hits: int
    precision: float | None
    per_thousand: float
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    wrong: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain data for --json."""
        return asdict(self)


def lint(book: RuleBook, reader: Reader) -> list[ExampleFault]:
    """Run every example of every rule, draft rules too. Loading the book has already checked its form."""
    found = []
    for rule in book.rules:
        matcher = RuleMatcher(RuleBook((_woken(rule),), book.version))
        wanted = [(text, True) for text in rule.must_flag] + [(text, False) for text in rule.must_not_flag]
        for sentence, flag in wanted:
            hits = matcher.find(reader.read(Draft("GG-1", "", sentence)))
            if hits.failed_rules:
                found.append(ExampleFault(rule.id, sentence, "the rule cannot be run"))
            elif bool(hits.hits) != flag:
                found.append(
                    ExampleFault(
                        rule.id, sentence, "must be flagged and is not" if flag else "must not be flagged and is"
                    )
                )
    return found


def _woken(rule: Rule) -> Rule:
    return replace(rule, status="shadow") if rule.status == "draft" else rule


def changes(before: RuleBook, after: RuleBook) -> list[RuleChange]:
    """The rules that are new, gone or changed, in order of id."""
    old, new = {r.id: r for r in before.rules}, {r.id: r for r in after.rules}
    found = []
    for rule_id in sorted({*old, *new}):
        if rule_id not in old or rule_id not in new:
            found.append(RuleChange(rule_id, "removed" if rule_id in old else "added", ()))
        elif fields := tuple(f for f in _COMPARED if getattr(old[rule_id], f) != getattr(new[rule_id], f)):
            found.append(RuleChange(rule_id, "changed", fields))
    return found


def backtest(
    before: RuleBook, after: RuleBook, drafts: Sequence[LabelledDraft], reader: Reader,
    rule_ids: Iterable[str] = (), tick: Callable[[], None] = lambda: None,
) -> list[RuleTrial]:  # fmt: skip
    """Each rule that differs, is in shadow, or is asked for by id, on every draft. Draft rules are run as shadows.

    Raises ValueError for an id that neither book has.
    """
    books = [RuleBook(tuple(map(_woken, book.rules)), book.version) for book in (before, after)]
    kinds = {r.id: "shadow" for r in after.rules if r.status == "shadow"}
    kinds |= {change.rule_id: change.change for change in changes(before, after)}
    known = {r.id for book in books for r in book.rules}
    for rule_id in rule_ids:
        if rule_id not in known:
            raise ValueError(f"no rule {rule_id!r} in either book")
        kinds.setdefault(rule_id, "same")
    wanted = [RuleBook(tuple(r for r in book.rules if r.id in kinds), book.version) for book in books]
    hits = []
    for book in wanted:
        hits.append(hits_by_draft(book, reader, drafts))
        tick()
    return _trials(kinds, wanted[1], drafts, hits)


def _trials(
    kinds: Mapping[str, str], after: RuleBook, drafts: Sequence[LabelledDraft], hits: Sequence[list[frozenset[str]]]
) -> list[RuleTrial]:
    reports = {r.rule_id: r for r in report(after, drafts, hits[1])}
    trials = []
    for rule_id, change in sorted(kinds.items()):
        old, new = ([d.id for d, h in zip(drafts, found, strict=True) if rule_id in h] for found in hits)
        one = reports.get(rule_id)
        trials.append(
            RuleTrial(
                rule_id, change, len(new), one.precision if one else None, 1000 * len(new) / max(len(drafts), 1),
                tuple(i for i in new if i not in set(old)), tuple(i for i in old if i not in set(new)),
                tuple(one.wrong) if one else (),
            )
        )  # fmt: skip
    return trials


def keep(folder: Path, home: Path) -> str:
    """Store a rule set under its version, once, never to be changed; returns the version. Raises RuleError."""
    version = RuleBook.load(folder).version
    target = home / KEPT / version
    if not target.exists():
        with atomic_files.workspace(home / KEPT / "incoming") as place:
            copy = place / version
            copy.mkdir()
            for file in sorted(folder.glob("*.toml")):
                shutil.copyfile(file, copy / file.name)
            atomic_files.move_folder(copy, target)
    return version


def live_book(home: Path) -> RuleBook:
    """The rules that the service follows: those in the home's folder `rules`, else the shipped ones."""
    return RuleBook.load(home / "rules") if (home / "rules").is_dir() else RuleBook.load()


def find(name: str, home: Path) -> RuleBook:
    """The rule book of a folder, a kept version, "shipped", or "live" (what the service follows).

    Raises FileNotFoundError, RuleError.
    """
    if name in ("shipped", "live"):
        return live_book(home) if name == "live" else RuleBook.load()
    for folder in (Path(name), home / KEPT / name):
        if folder.is_dir():
            return RuleBook.load(folder)
    raise FileNotFoundError(f"{name}: no folder of rules and no kept rule set")
