"""Find the rules that a reading breaks or meets, with spaCy's matchers.

What a pattern cannot do without decides whether it is worth running: every set of alternatives ("needs") has a bit,
every word knows the bits it satisfies, and a pattern runs on a sentence only if the sentence's words hold all of its
bits. Words that no rule names reach spaCy as one placeholder, so its string store never grows.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from spacy.matcher import Matcher, PhraseMatcher
from spacy.tokens import Doc
from spacy.vocab import Vocab

from classifier.evidence import RuleEvidence, RuleHit, Span
from classifier.reading import Reading
from classifier.rulebook import Element, Pattern, Rule, RuleBook

_MOST_HITS_OF_A_RULE = 3
_OTHER, _NUMBER = "_", "0"
_NUMBER_WORDS = frozenset(
    ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "dozen")
) | {_NUMBER}


@dataclass(frozen=True, slots=True, eq=False)
class _Probe:
    """One pattern of one rule, ready to run on a sentence that has all bits of `needs`, and its words in `order`."""

    rule: Rule
    needs: int
    order: tuple[frozenset[str], ...]
    matcher: Matcher | PhraseMatcher


@dataclass(frozen=True, slots=True, eq=False)
class _Sentence:
    """A sentence of the reading: token range, the bits that its words satisfy, the words as spaCy is to see them."""

    first: int
    end: int
    bits: int
    words: list[str]


class RuleMatcher:
    """The compiled rule book. Matching never raises; it reports the rules that failed."""

    def __init__(self, book: RuleBook, commonness: Sequence[str] = ()) -> None:
        """`commonness`: words, most frequent first; it only decides which word of a pattern is its trigger."""
        self.book = book
        self._vocab = Vocab()
        self._rank = {word: i for i, word in enumerate(commonness)}
        self._bit: dict[frozenset[str], int] = {}
        self._word_bits: dict[str, int] = {_OTHER: 0, _NUMBER: 0}
        self._probes: dict[str, list[_Probe]] = {}
        self._unless: dict[str, list[_Probe]] = {}
        self._unless_draft: dict[str, list[_Probe]] = {}
        self._if_draft: dict[str, list[_Probe]] = {}
        for rule in book.rules:
            if rule.status != "draft":
                self._add(rule)

    def _add(self, rule: Rule) -> None:
        for pattern in rule.patterns:
            probe = self._probe(rule, pattern)
            for word in min(_needs(pattern), key=self._commonness):
                self._probes.setdefault(word, []).append(probe)
        self._unless[rule.id] = [self._probe(rule, pattern) for pattern in rule.unless]
        self._unless_draft[rule.id] = [self._probe(rule, pattern) for pattern in rule.unless_draft]
        self._if_draft[rule.id] = [self._probe(rule, pattern) for pattern in rule.if_draft]

    def _probe(self, rule: Rule, pattern: Pattern) -> _Probe:
        bits = 0
        for element in pattern:
            for word in element.words:
                self._word_bits.setdefault(word, 0)
        for need in _needs(pattern):
            bits |= self._bit_of(need)
        return _Probe(rule, bits, tuple(_needs(pattern)), self._compiled(pattern))

    def _bit_of(self, need: frozenset[str]) -> int:
        bit = self._bit.get(need)
        if bit is None:
            bit = self._bit[need] = 1 << len(self._bit)
            for word in need:
                self._word_bits[word] = self._word_bits.get(word, 0) | bit
        return bit

    def _commonness(self, words: frozenset[str]) -> float:
        return sum(1.0 / (10 + self._rank.get(word, 100_000)) for word in words)

    def _compiled(self, pattern: Pattern) -> Matcher | PhraseMatcher:
        if all(len(e.words) == 1 and not e.optional for e in pattern):
            phrases = PhraseMatcher(self._vocab, attr="ORTH")
            phrases.add("hit", [Doc(self._vocab, words=[next(iter(e.words)) for e in pattern])])
            return phrases
        matcher = Matcher(self._vocab)
        matcher.add("hit", [[token for e in pattern for token in _spacy_tokens(e)]], greedy="LONGEST")
        return matcher

    def find(self, reading: Reading) -> RuleEvidence:
        """Every hit of live and shadow rules, in order of place. Never raises; a failed rule is named."""
        found: list[RuleHit] = []
        failed: set[str] = set()
        counts = Counter[str]()
        sentences = self._sentences(reading)
        for sentence in sentences:
            probes = self._candidates(sentence)
            if probes:
                self._run(reading, sentence, probes, sentences, found, counts, failed)
        return RuleEvidence(tuple(found), tuple(sorted(failed)), self.book.version)

    def _sentences(self, reading: Reading) -> list[_Sentence]:
        bits_of = self._word_bits
        seen = [w if w in bits_of else _NUMBER if w.lstrip("$")[:1].isdigit() else _OTHER for w in reading.tokens]
        result = []
        for first, end in reading.sentences:
            words, bits = seen[first:end], 0
            for word in words:
                bits |= bits_of[word]
            result.append(_Sentence(first, end, bits, words))
        return result

    def _candidates(self, sentence: _Sentence) -> list[_Probe]:
        """The probes whose trigger and every other need stand in the sentence, each once."""
        index, missing = self._probes, ~sentence.bits
        found: dict[_Probe, None] = {}
        for word in sentence.words:
            for probe in index.get(word, ()):
                if not probe.needs & missing:
                    found[probe] = None
        return list(found)

    def _run(
        self, reading: Reading, sentence: _Sentence, probes: Iterable[_Probe], sentences: Sequence[_Sentence],
        found: list[RuleHit], counts: Counter[str], failed: set[str],
    ) -> None:  # fmt: skip
        doc = Doc(self._vocab, words=sentence.words)
        done: set[str] = set()
        for probe in probes:
            rule = probe.rule
            if rule.id in done or not _in_order(probe.order, sentence.words) or counts[rule.id] >= _MOST_HITS_OF_A_RULE:
                continue
            try:
                matches = probe.matcher(doc)
                if matches:
                    done.add(rule.id)
                    if not self._excused(rule, sentence, doc, sentences):
                        _, start, stop = max(matches, key=lambda m: m[2] - m[1])
                        span = reading.span(sentence.first + start, sentence.first + stop)
                        counts[rule.id] += 1
                        found.append(_hit(rule, span, reading.sentence_span(sentence.first, sentence.end)))
            except Exception:  # a rule that breaks must neither hide the others nor pass for innocence
                failed.add(rule.id)

    def _excused(self, rule: Rule, sentence: _Sentence, doc: Doc, sentences: Sequence[_Sentence]) -> bool:
        """Whether one of the rule's exceptions stands in this sentence or, for `unless_draft`, in the draft; or
        whether the draft lacks what the rule asks of it (`if_draft`)."""
        if any(not p.needs & ~sentence.bits and p.matcher(doc) for p in self._unless[rule.id]):
            return True
        asked = self._if_draft[rule.id]
        if asked and not self._stands_in(asked, sentences):
            return True
        return self._stands_in(self._unless_draft[rule.id], sentences)

    def _stands_in(self, probes: Iterable[_Probe], sentences: Sequence[_Sentence]) -> bool:
        return any(
            not probe.needs & ~other.bits and probe.matcher(Doc(self._vocab, words=other.words))
            for probe in probes
            for other in sentences
        )


def _in_order(needs: Iterable[frozenset[str]], words: Iterable[str]) -> bool:
    """Whether the words hold one of each set, one after another: far cheaper than asking spaCy."""
    rest = iter(words)
    return all(any(word in need for word in rest) for need in needs)


def _needs(pattern: Pattern) -> list[frozenset[str]]:
    """The sets of words of which a sentence must hold at least one each."""
    return [_NUMBER_WORDS if e.number else e.words for e in pattern if (e.words or e.number) and not e.optional]


def _spacy_tokens(element: Element) -> list[dict[str, object]]:
    if element.gap:
        return [{"OP": "?"}] * element.gap
    words = _NUMBER_WORDS if element.number else element.words
    token: dict[str, object] = {"ORTH": next(iter(words))} if len(words) == 1 else {"ORTH": {"IN": sorted(words)}}
    return [{**token, "OP": "?"} if element.optional else token]


def _hit(rule: Rule, span: Span, sentence: Span) -> RuleHit:
    status: Literal["live", "shadow"] = "shadow" if rule.status == "shadow" else "live"
    return RuleHit(
        rule.id, rule.label, rule.strength, status, span, sentence, rule.message, rule.guidance, rule.policy_ref,
        rule.when,
    )  # fmt: skip
