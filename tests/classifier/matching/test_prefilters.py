"""What is asked before spaCy may only save time: on random patterns and sentences all answers are spaCy's own."""

import random
from collections.abc import Iterator, Sequence

import pytest
from spacy.matcher import Matcher
from spacy.tokens import Doc
from spacy.vocab import Vocab

from classifier.draft import Draft
from classifier.matching.compiled_patterns import Shapes, as_letters, words_of
from classifier.matching.matcher import RuleMatcher
from classifier.matching.pattern_syntax import Element, Pattern
from classifier.matching.rulebook import RuleBook
from classifier.reading.language import LanguageJudge
from classifier.reading.reader import Reader, Reading
from classifier.reading.spelling import Words

VOCABULARY = ("green", "table", "send", "order", "paper", "window", "yellow", "kettle", "number", "garden")
SPACY = Vocab()


def random_pattern(rng: random.Random) -> Pattern:
    """A pattern that a line of a rule could stand for: it begins and ends with a word, one of which must be there."""
    middle = [random_element(rng, gap=True) for _ in range(rng.randrange(4))]
    pattern = (random_element(rng), *middle, random_element(rng))
    certain = any(element.words and not element.optional for element in pattern)
    return pattern if certain else random_pattern(rng)


def random_element(rng: random.Random, *, gap: bool = False) -> Element:
    if gap and rng.random() < 0.4:
        return Element(gap=rng.randrange(1, 4))
    words = frozenset(rng.sample(VOCABULARY, rng.choice((1, 1, 2, 3))))
    return Element(words, optional=rng.random() < 0.2)


def random_words(rng: random.Random) -> list[str]:
    return [rng.choice(VOCABULARY) for _ in range(rng.randrange(1, 12))]


def plain_matches(pattern: Pattern, words: Sequence[str]) -> list[tuple[int, int]]:
    """All that spaCy finds of one pattern, asked word by word and with nothing before it."""
    tokens: list[dict[str, object]] = []
    for element in pattern:
        if element.gap:
            tokens += [{"OP": "?"}] * element.gap
        else:
            token: dict[str, object] = {"ORTH": {"IN": sorted(words_of(element))}}
            tokens.append({**token, "OP": "?"} if element.optional else token)
    matcher = Matcher(SPACY)
    matcher.add("hit", [tokens], greedy="LONGEST")
    return [(first, end) for _, first, end in matcher(Doc(SPACY, words=list(words)))]


def longest(matches: Sequence[tuple[int, int]]) -> int | None:
    return max((end - first for first, end in matches), default=None)


def test_a_shape_finds_what_spacy_finds_of_the_same_pattern() -> None:
    rng = random.Random(11)
    found = 0
    for _ in range(1_500):
        pattern, words = random_pattern(rng), random_words(rng)
        shape, letters = Shapes().of(pattern)
        place = shape.longest(as_letters(words, letters))
        expected = plain_matches(pattern, words)
        assert (place[1] - place[0] if place else None) == longest(expected), (pattern, words)
        assert place is None or place in expected, (pattern, words)
        found += place is not None
    assert 150 < found < 1_350, "the sentences tell nothing where all or none of them match"


def test_a_kept_answer_is_the_answer_to_the_same_question() -> None:
    rng = random.Random(12)
    pattern = (Element(frozenset({"send", "order"})), Element(gap=3), Element(frozenset({"green"})))
    shape, letters = Shapes().of(pattern)
    for _ in range(600):  # more questions than answers are kept
        words = random_words(rng)
        place = shape.longest(as_letters(words, letters))
        assert longest([place] if place else []) == longest(plain_matches(pattern, words)), words


def line_of(pattern: Pattern) -> str:
    """The pattern in the notation of rule files."""
    return " ".join(
        f"..{element.gap}" if element.gap else "|".join(sorted(element.words)) + "?" * element.optional
        for element in pattern
    )


def random_book(rng: random.Random) -> RuleBook:
    rules = []
    for number in range(12):
        lines = [line_of(random_pattern(rng)) for _ in range(rng.randrange(1, 4))]
        rules.append(
            f'[[rule]]\nid = "test.r{number}"\nlabel = "substitute_offer"\nstrength = "strong"\nstatus = "live"\n'
            f'patterns = {lines!r}\nmust_flag = ["?"]\nmust_not_flag = ["?"]\n'
        )
    return RuleBook.from_texts({"test.toml": "\n".join(rules)})


def expected_hits(book: RuleBook, reading: Reading) -> Iterator[tuple[str, tuple[int, int]]]:
    """Every rule with every sentence that one of its patterns is in, by trying each on each."""
    for rule in book.rules:
        for first, end in reading.sentences:
            if any(plain_matches(pattern, reading.tokens[first:end]) for pattern in rule.patterns):
                yield rule.id, (first, end)


@pytest.fixture(scope="module")
def reader() -> Reader:
    words = Words.load()
    return Reader(words, LanguageJudge(words.english, frozenset({"en"}), frozenset()))


def test_index_and_sieve_let_every_rule_through_that_stands_in_a_sentence(reader: Reader) -> None:
    rng = random.Random(13)
    found = 0
    for _ in range(40):
        book = random_book(rng)
        matcher = RuleMatcher(book, rng.sample(VOCABULARY, 5))
        readings = [
            reader.read(Draft("GG-1", "", " ".join(f"{' '.join(random_words(rng))}." for _ in range(2))))
            for _ in range(5)
        ]
        for reading, evidence in zip(readings, matcher.find_many(readings), strict=True):
            sentences = {(s.start, s.end): tokens for tokens in reading.sentences if (s := reading.span(*tokens))}
            hits = [(hit.rule_id, sentences[hit.sentence.start, hit.sentence.end]) for hit in evidence.hits]
            assert sorted(hits) == sorted(expected_hits(book, reading))
            found += len(hits)
    assert found > 500
