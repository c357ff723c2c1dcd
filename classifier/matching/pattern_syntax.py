"""The notation of rules: lines of words, alternatives, classes and gaps, spelled out as patterns.

A pattern is a line of words as they are read (lower case), with four signs: `a|b` one of these, `{class}` a word or
phrase of the lexicon, a trailing `?` what may be missing, `..4` at most four words of any kind. `{number}` is a number.
A match never leaves its sentence.
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

Lexicon = Mapping[str, tuple[tuple[str, ...], ...]]
"""Class name -> its entries, each a tuple of words."""

NUMBER = "0"
"""What stands for every number that no pattern names."""

NUMBER_WORDS = frozenset(
    ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "dozen")
) | {NUMBER}

_LARGEST_GAP = 12
_MOST_ELEMENTS = 40
_MOST_EXPANSIONS = 400
_TOKENS = re.compile(r"\d+(?:[.,:/]\d+)*|[\w$]+(?:[@$!|+'*]+\w+)*|[^\w\s]")
_GAP = re.compile(r"\.\.(\d+)$")


class RuleError(ValueError):
    """A rule that may not be loaded; the text names the file, the rule and the reason."""

    def __init__(self, file: str, rule_id: str, reason: str) -> None:
        self.file, self.rule_id, self.reason = file, rule_id, reason
        super().__init__(f"{file}: {rule_id}: {reason}")


@dataclass(frozen=True, slots=True)
class Element:
    """One place of a pattern: a word of `words`, or any number, or a gap of up to `gap` words."""

    words: frozenset[str] = frozenset()
    optional: bool = False
    gap: int = 0
    number: bool = False


Pattern = tuple[Element, ...]


def pattern_words(text: str) -> list[str]:
    """Split the words of a pattern or lexicon entry just as drafts are split."""
    return _TOKENS.findall(text.lower())


def expanded(file: str, rule_id: str, line: str, lexicon: Lexicon) -> Iterator[Pattern]:
    """The patterns that one line stands for: alternatives of several words become patterns of their own."""
    choices = [_choices(file, rule_id, piece, lexicon) for piece in line.split()]
    total = 1
    for choice in choices:
        total *= len(choice)
    if total > _MOST_EXPANSIONS:
        raise RuleError(file, rule_id, f"{line!r} stands for {total} patterns, more than {_MOST_EXPANSIONS}")
    for combination in itertools.product(*choices):
        pattern = tuple(element for part in combination for element in part)
        if not any(e.words and not e.optional for e in pattern):
            raise RuleError(file, rule_id, f"{line!r} names no word that must be there")
        if len(pattern) > _MOST_ELEMENTS:
            raise RuleError(file, rule_id, f"{line!r} has more than {_MOST_ELEMENTS} words")
        if not pattern or pattern[0].gap or pattern[-1].gap:
            raise RuleError(file, rule_id, f"{line!r} begins or ends with a gap")
        yield pattern


def _choices(file: str, rule_id: str, piece: str, lexicon: Lexicon) -> list[Pattern]:
    """What one piece of a line may be: one element for all single words, one pattern for each phrase."""
    if gap := _GAP.fullmatch(piece):
        if int(gap[1]) > _LARGEST_GAP:
            raise RuleError(file, rule_id, f"{piece}: a gap is at most ..{_LARGEST_GAP}")
        return [(Element(gap=int(gap[1])),)]
    optional = len(piece) > 1 and piece.endswith("?")
    entries: list[tuple[str, ...]] = []
    number = False
    for alternative in (piece[:-1] if optional else piece).split("|") if piece != "|" else ["|"]:
        if alternative == "{number}":
            number = True
        elif alternative.startswith("{"):
            if alternative.strip("{}") not in lexicon:
                raise RuleError(file, rule_id, f"unknown class {alternative}")
            entries.extend(lexicon[alternative.strip("{}")])
        else:
            entries.append(tuple(pattern_words(alternative)))
    return list(_elements(entries, optional=optional, number=number))


def _elements(entries: Iterable[tuple[str, ...]], *, optional: bool, number: bool) -> Iterator[Pattern]:
    entries = list(entries)
    single = frozenset(e[0] for e in entries if len(e) == 1)
    if single:
        yield (Element(single, optional),)
    if number:
        yield (Element(optional=optional, number=True),)
    for entry in entries:
        if len(entry) > 1:
            yield tuple(Element(frozenset((word,))) for word in entry)
    if optional and not single and not number:
        yield ()
