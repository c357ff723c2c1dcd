"""Find the rules that a reading breaks or meets, with spaCy's matchers."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from classifier.evidence import RuleEvidence, RuleHit, Span
from classifier.patterns import NUMBER
from classifier.reading import Reading
from classifier.rulebook import Pattern, Rule, RuleBook
from classifier.shapes import Shapes, words_of
from classifier.triggers import Probe, TriggerIndex

_MOST_HITS_OF_A_RULE = 3
_OTHER = "_"


class _RuleWords(dict[str, str]):
    """The words that rules name, each as itself; of all others only whether they are numbers. Does not grow."""

    def __missing__(self, word: str) -> str:
        return NUMBER if word.lstrip("$")[:1].isdigit() else _OTHER


@dataclass(frozen=True, slots=True, eq=False)
class _Sentence:
    """A sentence of the reading: token range, its words as the rules know them, in order and as a set."""

    first: int
    end: int
    words: list[str]
    present: frozenset[str]


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
        self._rank = {word: i for i, word in enumerate(commonness)}
        self._shapes = Shapes()
        self._known = _RuleWords()
        rules = [rule for rule in book.rules if rule.status != "draft"]
        self.index = self._indexed((rule, pattern) for rule in rules for pattern in rule.patterns)
        self._exceptions = {rule.id: self._exceptions_of(rule) for rule in rules}

    def _exceptions_of(self, rule: Rule) -> _Exceptions:
        here, anywhere, asked = (
            self._indexed((rule, pattern) for pattern in patterns)
            for patterns in (rule.unless, rule.unless_draft, rule.if_draft)
        )
        return _Exceptions(here, anywhere, asked if rule.if_draft else None)

    def _indexed(self, patterns: Iterable[tuple[Rule, Pattern]]) -> TriggerIndex:
        return TriggerIndex((self._probe(rule, pattern) for rule, pattern in patterns), self._commonness)

    def _probe(self, rule: Rule, pattern: Pattern) -> Probe:
        shape, letters = self._shapes.of(pattern)
        self._known.update((word, word) for word in letters)
        needs = tuple(words_of(element) for element in pattern if not element.gap and not element.optional)
        return Probe(rule, needs, letters, shape)

    def _commonness(self, words: frozenset[str]) -> float:
        return sum(1.0 / (10 + self._rank.get(word, 100_000)) for word in words)

    def find(self, reading: Reading) -> RuleEvidence:
        """Every hit of live and shadow rules, in order of place. Never raises; a failed rule is named."""
        found: list[RuleHit] = []
        failed: set[str] = set()
        counts = Counter[str]()
        sentences = self._sentences(reading)
        for sentence in sentences:
            probes = self.index.candidates(sentence.words, sentence.present)
            if probes:
                self._run(reading, sentence, probes, sentences, found, counts, failed)
        return RuleEvidence(tuple(found), tuple(sorted(failed)), self.book.version)

    def _sentences(self, reading: Reading) -> list[_Sentence]:
        words = list(map(self._known.__getitem__, reading.tokens))
        return [_Sentence(a, b, words[a:b], frozenset(words[a:b])) for a, b in reading.sentences]

    def _run(
        self, reading: Reading, sentence: _Sentence, probes: Iterable[Probe], sentences: Sequence[_Sentence],
        found: list[RuleHit], counts: Counter[str], failed: set[str],
    ) -> None:  # fmt: skip
        done: set[str] = set()
        for probe in probes:
            rule = probe.rule
            if rule.id in done or counts[rule.id] >= _MOST_HITS_OF_A_RULE:
                continue
            try:
                place = probe.find(sentence.words)
                if place is not None:
                    done.add(rule.id)
                    if not self._excused(rule, sentence, sentences):
                        counts[rule.id] += 1
                        span = reading.span(sentence.first + place[0], sentence.first + place[1])
                        found.append(_hit(rule, span, reading.span(sentence.first, sentence.end)))
            except Exception:  # a rule that breaks must neither hide the others nor pass for innocence
                failed.add(rule.id)

    def _excused(self, rule: Rule, sentence: _Sentence, sentences: Sequence[_Sentence]) -> bool:
        """Whether one of the rule's exceptions stands in this sentence or, for `unless_draft`, in the draft; or
        whether the draft lacks what the rule asks of it (`if_draft`)."""
        excused = self._exceptions[rule.id]
        if _stands_in(excused.here, (sentence,)) or _stands_in(excused.anywhere, sentences):
            return True
        return excused.asked is not None and not _stands_in(excused.asked, sentences)


def _stands_in(index: TriggerIndex, sentences: Sequence[_Sentence]) -> bool:
    words = [word for sentence in sentences for word in sentence.words] if index else []
    return any(
        probe.find(sentence.words) is not None
        for probe in index.candidates(words, frozenset(words))
        for sentence in sentences
        if probe.is_possible(sentence.present)
    )


def _hit(rule: Rule, span: Span, sentence: Span) -> RuleHit:
    status: Literal["live", "shadow"] = "shadow" if rule.status == "shadow" else "live"
    return RuleHit(
        rule.id, rule.label, rule.strength, status, span, sentence, rule.message, rule.guidance, rule.policy_ref,
        rule.when,
    )  # fmt: skip
