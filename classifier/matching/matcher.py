"""Find the rules that a reading breaks or meets, with spaCy's matchers."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Literal

from classifier.evidence import RuleEvidence, RuleHit, Span
from classifier.matching.compiled_patterns import Shapes, words_of
from classifier.matching.pattern_syntax import NUMBER
from classifier.matching.prefilter import Probe, Sieve, TriggerIndex
from classifier.matching.rulebook import Pattern, Rule, RuleBook
from classifier.reading.reader import Reading

_MOST_HITS_OF_A_RULE = 3
_OTHER, _NUMBER = 0, 1


class _RuleWords(dict[str, int]):
    """The words that rules name, each with its number; of all others only whether they are numbers. A reading does not
    make it grow."""

    def __missing__(self, word: str) -> int:
        return _NUMBER if word.lstrip("$")[:1].isdigit() else _OTHER


@dataclass(frozen=True, slots=True, eq=False)
class _Sentence:
    """A sentence of the reading: token range, its words as the rules know them, in order and as a set."""

    first: int
    end: int
    words: list[int]
    present: frozenset[int]


class _Text:
    """A reading as the rules know it. Most sentences are never asked for."""

    def __init__(self, reading: Reading, words: list[int]) -> None:
        self.reading = reading
        self.words = words
        self._holds: dict[TriggerIndex, bool] = {}

    def sentence(self, at: int) -> _Sentence:
        """One sentence."""
        first, end = self.reading.sentences[at]
        words = self.words[first:end]
        return _Sentence(first, end, words, frozenset(words))

    def of_places(self, places: Iterable[int]) -> Iterator[tuple[_Sentence, list[int]]]:
        """The sentences that hold some places of words, in order, each with the words at its places."""
        starts = [first for first, _ in self.reading.sentences]
        for at, there in groupby(places, lambda place: bisect_right(starts, place) - 1):
            yield self.sentence(at), [self.words[place] for place in there]

    def holds(self, index: TriggerIndex) -> bool:
        """Whether one of the patterns stands anywhere in the text; searched for once."""
        if index not in self._holds:
            self._holds[index] = not index.partners.keys().isdisjoint(self.present) and _stands_in(
                index, self.sentences
            )
        return self._holds[index]

    @cached_property
    def present(self) -> frozenset[int]:
        """All words."""
        return frozenset(self.words)

    @cached_property
    def sentences(self) -> list[_Sentence]:
        """All of them."""
        return [self.sentence(at) for at in range(len(self.reading.sentences))]


@dataclass(frozen=True, slots=True, eq=False)
class _Exceptions:
    """What keeps a rule's hit from counting: a pattern in its sentence, one in the draft, or the lack of one."""

    here: TriggerIndex
    anywhere: TriggerIndex
    asked: TriggerIndex | None


class RuleMatcher:
    """The compiled rule book. Matching never raises; it reports the rules that failed."""

    def __init__(self, book: RuleBook, commonness: Sequence[str] = ()) -> None:
        """`commonness`: words, most frequent first; it only decides which words of a pattern trigger it."""
        self.book = book
        self._shapes = Shapes()
        self._known = _RuleWords()
        self._rank = {word: i for i, word in enumerate(commonness)}
        self._weight: dict[int, float] = {}
        self._number(NUMBER)
        rules = [rule for rule in book.rules if rule.status != "draft"]
        self.index = self._indexed((rule, pattern) for rule in rules for pattern in rule.patterns)
        self._exceptions = {rule.id: self._exceptions_of(rule) for rule in rules}
        self._sieve = Sieve(self.index, self._weight)

    def _exceptions_of(self, rule: Rule) -> _Exceptions:
        here, anywhere, asked = (
            self._indexed((rule, pattern) for pattern in patterns)
            for patterns in (rule.unless, rule.unless_draft, rule.if_draft)
        )
        return _Exceptions(here, anywhere, asked if rule.if_draft else None)

    def _indexed(self, patterns: Iterable[tuple[Rule, Pattern]]) -> TriggerIndex:
        return TriggerIndex(self._probe(rule, pattern) for rule, pattern in patterns)

    def _probe(self, rule: Rule, pattern: Pattern) -> Probe:
        shape, letters = self._shapes.of(pattern)
        numbers = {self._number(word): letter for word, letter in letters.items()}
        needs = (words_of(element) for element in pattern if not element.gap and not element.optional)
        numbered = [frozenset(map(self._number, words)) for words in needs]
        return Probe(rule, tuple(sorted(numbered, key=self._commonness)), numbers, shape)

    def _number(self, word: str) -> int:
        number = self._known.setdefault(word, len(self._known) + 1)
        self._weight[number] = 1.0 / (10 + self._rank.get(word, 100_000))
        return number

    def _commonness(self, numbers: Iterable[int]) -> float:
        return sum(map(self._weight.__getitem__, numbers))

    def find(self, reading: Reading) -> RuleEvidence:
        """Every hit of live and shadow rules, in order of place. Never raises; a failed rule is named."""
        return self.find_many((reading,))[0]

    def find_many(self, readings: Sequence[Reading]) -> list[RuleEvidence]:
        """The same of some readings at once: they share the price of numpy's calls."""
        texts = [_Text(reading, list(map(self._known.__getitem__, reading.tokens))) for reading in readings]
        places = self._sieve.places([text.words for text in texts], [reading.sentences for reading in readings])
        return [self._found(*seen) for seen in zip(texts, places, strict=True)]

    def _found(self, text: _Text, places: Sequence[int]) -> RuleEvidence:
        found: list[RuleHit] = []
        failed: set[str] = set()
        counts: dict[str, int] = {}
        for sentence, triggers in text.of_places(places):
            probes = self.index.candidates(triggers, sentence.present)
            if probes:
                self._run(text, sentence, probes, found, counts, failed)
        return RuleEvidence(tuple(found), tuple(sorted(failed)), self.book.version)

    def _run(
        self, text: _Text, sentence: _Sentence, probes: Iterable[Probe], found: list[RuleHit],
        counts: dict[str, int], failed: set[str],
    ) -> None:  # fmt: skip
        done: set[str] = set()
        span = text.reading.span
        for probe in probes:
            rule = probe.rule
            if rule.id in done or counts.get(rule.id, 0) >= _MOST_HITS_OF_A_RULE:
                continue
            try:
                place = probe.find(sentence.words)
                if place is not None:
                    done.add(rule.id)
                    if not self._excused(rule, sentence, text):
                        counts[rule.id] = counts.get(rule.id, 0) + 1
                        words = span(sentence.first + place[0], sentence.first + place[1])
                        found.append(_hit(rule, words, span(sentence.first, sentence.end)))
            except Exception:  # a rule that breaks must neither hide the others nor pass for innocence
                failed.add(rule.id)

    def _excused(self, rule: Rule, sentence: _Sentence, text: _Text) -> bool:
        """Whether one of the rule's exceptions stands in this sentence or, for `unless_draft`, in the draft; or
        whether the draft lacks what the rule asks of it (`if_draft`)."""
        excused = self._exceptions[rule.id]
        if excused.here and _stands_in(excused.here, (sentence,)):
            return True
        if excused.anywhere and text.holds(excused.anywhere):
            return True
        return excused.asked is not None and not text.holds(excused.asked)


def _stands_in(index: TriggerIndex, sentences: Sequence[_Sentence]) -> bool:
    return any(
        probe.find(sentence.words) is not None
        for sentence in sentences
        for probe in index.candidates(sentence.words, sentence.present)
    )


def _hit(rule: Rule, span: Span, sentence: Span) -> RuleHit:
    status: Literal["live", "shadow"] = "shadow" if rule.status == "shadow" else "live"
    return RuleHit(
        rule.id, rule.label, rule.strength, status, span, sentence, rule.message, rule.guidance, rule.policy_ref,
        rule.when,
    )  # fmt: skip
