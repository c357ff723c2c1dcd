"""Find the rules that a reading breaks or meets, with spaCy's matchers.

A trigger index (the rarest word that a pattern cannot do without) decides which patterns are worth running on
which sentence; most sentences of most drafts run none.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import spacy
from spacy.matcher import Matcher, PhraseMatcher
from spacy.tokens import Doc

from classifier.evidence import RuleEvidence, RuleHit, Span
from classifier.reading import Reading
from classifier.rulebook import Element, Pattern, Rule, RuleBook

_MOST_HITS = 50


@dataclass(frozen=True, slots=True, eq=False)
class _Probe:
    """One pattern of one rule, ready to run on a sentence whose words hold every set of `needs`."""

    rule: Rule
    trigger: frozenset[str]
    needs: tuple[frozenset[str], ...]
    matcher: Matcher | PhraseMatcher
    shortest: int


class RuleMatcher:
    """The compiled rule book. Raises RuleError's cousins only while compiling; matching reports what failed."""

    def __init__(self, book: RuleBook, commonness: Sequence[str] = ()) -> None:
        """`commonness`: words, most frequent first; it only decides which word of a pattern is its trigger."""
        self.book = book
        self._nlp = spacy.blank("en")
        self._rank = {word: i for i, word in enumerate(commonness)}
        self._probes: dict[str, list[_Probe]] = {}
        self._unless: dict[str, list[_Probe]] = {}
        self._unless_draft: dict[str, list[_Probe]] = {}
        for rule in book.rules:
            if rule.status != "draft":
                self._add(rule)

    def _add(self, rule: Rule) -> None:
        for pattern in rule.patterns:
            probe = self._probe(rule, pattern)
            for word in probe.trigger:
                self._probes.setdefault(word, []).append(probe)
        self._unless[rule.id] = [self._probe(rule, pattern) for pattern in rule.unless]
        self._unless_draft[rule.id] = [self._probe(rule, pattern) for pattern in rule.unless_draft]

    def _probe(self, rule: Rule, pattern: Pattern) -> _Probe:
        needs = [e.words for e in pattern if e.words and not e.optional]
        trigger = min(needs, key=self._commonness)
        shortest = sum(1 for e in pattern if not e.optional and not e.gap)
        return _Probe(rule, trigger, tuple(n for n in needs if n is not trigger), self._compiled(pattern), shortest)

    def _commonness(self, words: frozenset[str]) -> float:
        return sum(1.0 / (10 + self._rank.get(word, 100_000)) for word in words)

    def _compiled(self, pattern: Pattern) -> Matcher | PhraseMatcher:
        if all(len(e.words) == 1 and not e.optional for e in pattern):
            phrases = PhraseMatcher(self._nlp.vocab, attr="ORTH")
            phrases.add("hit", [Doc(self._nlp.vocab, words=[next(iter(e.words)) for e in pattern])])
            return phrases
        matcher = Matcher(self._nlp.vocab)
        matcher.add("hit", [[token for e in pattern for token in _spacy_tokens(e)]], greedy="LONGEST")
        return matcher

    def find(self, reading: Reading) -> RuleEvidence:
        """Every hit of live and shadow rules, in order of place. Never raises; a failed rule is named."""
        found: list[RuleHit] = []
        failed: set[str] = set()
        candidates = self._candidates(reading)
        if candidates:
            with self._nlp.memory_zone():
                for sentence, probes in candidates:
                    if len(found) < _MOST_HITS:
                        self._run(reading, sentence, probes, found, failed)
        return RuleEvidence(tuple(found), tuple(sorted(failed)), self.book.version)

    def _candidates(self, reading: Reading) -> list[tuple[tuple[int, int], list[_Probe]]]:
        """Sentences in which some probe's trigger and all its needed words stand, with those probes."""
        tokens, index = reading.tokens, self._probes
        result = []
        for sentence in reading.sentences:
            words = tokens[sentence[0] : sentence[1]]
            triggers = [word for word in words if word in index]
            if triggers:
                present = set(words)
                probes = {p: None for w in triggers for p in index[w] if _may_match(p, present, len(words))}
                if probes:
                    result.append((sentence, list(probes)))
        return result

    def _run(
        self, reading: Reading, sentence: tuple[int, int], probes: Iterable[_Probe], found: list[RuleHit],
        failed: set[str],
    ) -> None:  # fmt: skip
        first, end = sentence
        words = reading.tokens[first:end]
        doc = Doc(self._nlp.vocab, words=words)
        done: set[str] = set()
        for probe in probes:
            rule = probe.rule
            if rule.id in done:
                continue
            try:
                matches = probe.matcher(doc)
                if matches and not self._excused(rule, reading, doc):
                    done.add(rule.id)
                    _, start, stop = max(matches, key=lambda m: m[2] - m[1])
                    found.append(_hit(rule, reading.span(first + start, first + stop), reading.span(first, end)))
            except Exception:  # a rule that breaks must neither hide the others nor pass for innocence
                failed.add(rule.id)

    def _excused(self, rule: Rule, reading: Reading, doc: Doc) -> bool:
        """Whether one of the rule's exceptions stands in this sentence, or in the draft for `unless_draft`."""
        present = {token.orth_ for token in doc}
        if any(_may_match(p, present, len(doc)) and p.matcher(doc) for p in self._unless[rule.id]):
            return True
        for probe in self._unless_draft[rule.id]:
            for first, end in reading.sentences:
                words = reading.tokens[first:end]
                if _may_match(probe, set(words), len(words)) and probe.matcher(Doc(self._nlp.vocab, words=words)):
                    return True
        return False


def _may_match(probe: _Probe, present: set[str], length: int) -> bool:
    if length < probe.shortest or probe.trigger.isdisjoint(present):
        return False
    return not any(need.isdisjoint(present) for need in probe.needs)


def _spacy_tokens(element: Element) -> list[dict[str, object]]:
    if element.gap:
        return [{"OP": "?"}] * element.gap
    token: dict[str, object] = {"LIKE_NUM": True} if element.number else _word(element.words)
    return [{**token, "OP": "?"} if element.optional else token]


def _word(words: frozenset[str]) -> dict[str, object]:
    return {"ORTH": next(iter(words))} if len(words) == 1 else {"ORTH": {"IN": sorted(words)}}


def _hit(rule: Rule, span: Span, sentence: Span) -> RuleHit:
    status = "shadow" if rule.status == "shadow" else "live"
    return RuleHit(
        rule.id, rule.label, rule.strength, status, span, sentence, rule.message, rule.guidance, rule.policy_ref,
        rule.when,
    )  # fmt: skip
