"""One pass over a draft: fold disguises, tokenise once, and keep the way back to the text as typed."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal, Protocol

from classifier.draft import Draft
from classifier.evidence import LanguageGuess, Span
from classifier.reading.folding import Folded, end_of_letter, fold
from classifier.reading.greetings import without_courtesies
from classifier.reading.language import Range
from classifier.reading.line_ends import closing_breaks
from classifier.reading.spelling import Words

TextField = Literal["subject", "body"]

_TOKEN = re.compile(r"(\d+(?:[.,:/]\d+)*(?![\w@$!|+])|[\w$]+(?:[@$!|+'*]+\w+)*|[^\w\s])")
_SPACED = re.compile(r"(?<![\w'])\w(?:[ .\-_*•~/]{1,2}\w){2,}(?![\w'])")
_HYPHENED = re.compile(r"(?<![\w\-.])[a-z]{1,7}(?:[-.*_][a-z]{1,7}){1,12}(?![\w\-])")
_MAYBE_SPACED = re.compile(r"[ .\-_*•~/]\w[ .\-_*•~/]{1,2}\w(?:_|(?![\w']))")
_MAYBE_HYPHENED = re.compile(r"[\-.*_](?<=[a-z].)[a-z]")
"""What the two before need somewhere inside. They begin with a sign, so that a search leaps from sign to sign."""

_ENDS = frozenset(".!?;•")
_ABBREVIATIONS = frozenset(
    "mr mrs ms dr st apt no nr ste vs etc approx ave blvd rd inc ltd co dept jan feb mar apr jun jul aug sep sept oct "
    "nov dec bzw ca sr sra".split()
)
_LONGEST_SENTENCE = 60
_MOST_SENTENCES = 2_000
"""Ends of further sentences are not looked for: what stands there is cut by length, at a bounded cost a character."""
_VOWELS = frozenset("aeiouy")
"""Letters of which every word has one; `w` and `jj` are on the list of words too."""
_ENOUGH_TO_SAY, _FEW_WORDS = 12, 4
"""A body of so many words that has fewer different known ones says nothing."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A draft as it was read. Token i is tokens[i], typed at [starts[i], ends[i]) of its field.

    The first `subject_tokens` tokens stand in the subject. `sentences` are (first, end) token ranges that cover
    all tokens in order; none spans two fields. `judged` are those of them that the models receive: without greeting and
    sign-off, and without sentences in a language that we cannot judge (`language` says then that the draft cannot be
    judged). A line end is no token; it ends a sentence where the line was not wrapped. `disguised` tells that words had
    to be respelled to be read, `says_nothing` that the body has hardly a word, or repeats the same few.
    """

    draft: Draft
    tokens: list[str]
    starts: list[int]
    ends: list[int]
    subject_tokens: int
    sentences: list[tuple[int, int]]
    judged: list[tuple[int, int]]
    language: LanguageGuess
    disguised: bool
    says_nothing: bool = False

    @property
    def judged_words(self) -> list[str]:
        """The tokens that the models hear, in order."""
        return [token for first, end in self.judged for token in self.tokens[first:end]]

    def field_of(self, token: int) -> TextField:
        """Where a token stands."""
        return "subject" if token < self.subject_tokens else "body"

    def span(self, first: int, end: int) -> Span:
        """The typed words of tokens [first, end), code-point offsets; needs first < end in one field."""
        field = self.field_of(first)
        start, stop = self.starts[first], self.ends[end - 1]
        text = self.draft.subject if field == "subject" else self.draft.body
        return Span(field, start, stop, text[start:stop])


class JudgesLanguages(Protocol):
    """Who says in which language a draft is written, and which of its sentences we cannot judge."""

    def guess(self, draft: Draft, tokens: Sequence[str]) -> LanguageGuess:
        """The language of the whole."""

    def unjudged(self, tokens: Sequence[str], sentences: Iterable[Range], main: LanguageGuess) -> list[Range]:
        """The sentences that are in a language that we cannot judge."""

    def says_something(self, tokens: Sequence[str], guess: LanguageGuess) -> bool:
        """Whether words that we do not know are words of the language that was guessed."""


class Reader:
    """Reads drafts; holds the words we know and the judge of languages."""

    def __init__(self, words: Words, languages: JudgesLanguages) -> None:
        self._words = words
        self._languages = languages

    def read(self, draft: Draft) -> Reading:
        """The reading of any two strings; never raises."""
        tokens: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        breaks: set[int] = set()
        disguised = self._read_field(draft.subject, tokens, starts, ends, breaks)
        subject_tokens = len(tokens)
        disguised = self._read_field(draft.body, tokens, starts, ends, breaks) or disguised
        closed = closing_breaks(draft.body, tokens, starts, ends, breaks, subject_tokens)
        closed |= _closed(draft, tokens, starts, ends, subject_tokens, breaks)
        sentences = _sentences(tokens, subject_tokens, closed)
        language = self._languages.guess(draft, tokens)
        models_hear = without_courtesies(tokens, sentences, subject_tokens, breaks)
        if unjudged := set(self._languages.unjudged(tokens, models_hear, language)):
            models_hear = [sentence for sentence in models_hear if sentence not in unjudged]
            language = LanguageGuess(language.code, "none")
        return Reading(
            draft, tokens, starts, ends, subject_tokens, sentences, models_hear, language, disguised,
            self._says_nothing(tokens[subject_tokens:], language),
        )  # fmt: skip

    def _says_nothing(self, tokens: list[str], language: LanguageGuess) -> bool:
        """Whether a body of some length has hardly a word that we know, or repeats the same few; what is written in
        another language says something."""
        known: set[str] = set()
        for token in tokens:  # most texts have enough of them in their first line
            if token in self._words.known and token.isalpha() and not _VOWELS.isdisjoint(token):
                known.add(token)
                if len(known) >= _FEW_WORDS:
                    return False
        words = [token for token in tokens if token.isalpha()]
        if len(words) < _ENOUGH_TO_SAY or not all(map(str.isascii, words)):
            return False
        return not self._languages.says_something(tokens, language)

    def _read_field(self, text: str, tokens: list[str], starts: list[int], ends: list[int], breaks: set[int]) -> bool:
        """Append the field's tokens, and to `breaks` the number of each token that begins a new line."""
        folded = fold(text)
        first, position, disguised = len(tokens), 0, False
        for start, end, words in self._respelled(folded.text):
            disguised |= self._tokenise(folded.text, position, start, tokens, starts, ends)
            for word, word_start, word_end in words:
                tokens.append(word)
                starts.append(word_start)
                ends.append(word_end)
            position, disguised = end, True
        disguised |= self._tokenise(folded.text, position, len(folded.text), tokens, starts, ends)
        at = folded.text.find("\n")
        while at >= 0:
            breaks.add(bisect_left(starts, at, first))
            at = folded.text.find("\n", at + 1)
        if folded.starts is not None:
            _restore(folded, text, starts, ends, first)
        return disguised

    def _tokenise(
        self, folded: str, position: int, stop: int, tokens: list[str], starts: list[int], ends: list[int]
    ) -> bool:
        parts = _TOKEN.split(folded[position:stop])  # what stands between tokens, a token, and so on
        edges = list(accumulate(map(len, parts), initial=position))
        typed = parts[1::2]
        read = list(map(self._words.readings.__getitem__, typed))
        tokens += read
        starts += edges[1:-1:2]
        ends += edges[2::2]
        return read != typed and any(a != b and not b.isalpha() for a, b in zip(read, typed, strict=True))

    def _respelled(self, folded: str) -> Iterator[tuple[int, int, list[tuple[str, int, int]]]]:
        """Stretches of spaced, dotted or hyphenated letters that spell known words, with each word's place."""
        position = 0
        spaced = _SPACED.finditer(folded) if _MAYBE_SPACED.search(folded) else ()
        hyphened = _HYPHENED.finditer(folded) if _MAYBE_HYPHENED.search(folded) else ()
        for match in sorted([*spaced, *hyphened], key=lambda m: m.start()):
            if match.start() < position:
                continue
            words = self._spelled(folded, match.start(), match.end())
            if words:
                position = match.end()
                yield match.start(), match.end(), words

    def _spelled(self, folded: str, start: int, end: int) -> list[tuple[str, int, int]]:
        places = [i for i in range(start, end) if folded[i].isalnum()]
        letters = "".join(folded[i] for i in places)
        chunks = re.split(r"[^\w]+|_", folded[start:end])
        if max(map(len, chunks)) > 1 and (
            letters not in self._words.known or all(c in self._words.english for c in chunks)
        ):
            return []
        mended = self._words.mend(letters)
        words = [letters] if mended in self._words.known else self._words.segment(letters)
        if not words or len(letters) < 3:
            return []
        found, at = [], 0
        for word in words:
            found.append((mended if len(words) == 1 else word, places[at], places[at + len(word) - 1] + 1))
            at += len(word)
        return found


def _restore(folded: Folded, text: str, starts: list[int], ends: list[int], first: int) -> None:
    """Turn folded offsets into those of the text as typed, for the tokens from `first` on."""
    assert folded.starts is not None
    assert folded.ends is not None
    typed = [folded.ends[end - 1] for end in ends[first:]]
    starts[first:] = map(folded.starts.__getitem__, starts[first:])
    ends[first:] = [end if text[end : end + 1].isascii() else end_of_letter(text, end) for end in typed]


def _closed(
    draft: Draft, tokens: list[str], starts: list[int], ends: list[int], subject_tokens: int, breaks: set[int]
) -> set[int]:
    """The numbers of the tokens after a mark that ends a sentence. A full stop does not where it ends an abbreviation
    or the number of a list's item, or stands inside a number or an address of the web: what follows such a one at once
    is no capital letter."""
    closed = set()
    for i in [i for i, token in enumerate(tokens) if token in _ENDS]:
        if tokens[i] == ".":
            if i and tokens[i - 1] in _ABBREVIATIONS:
                continue
            if i and tokens[i - 1].isdigit() and (i - 1 in breaks or i - 1 in (0, subject_tokens)):
                continue
            if i + 1 < len(tokens) and starts[i + 1] == ends[i] and i + 1 != subject_tokens:
                text = draft.subject if i < subject_tokens else draft.body
                if not text[ends[i]].isupper():
                    continue
        closed.add(i + 1)
    return closed


def _sentences(tokens: list[str], subject_tokens: int, closed: set[int]) -> list[tuple[int, int]]:
    """Ranges that end where something closes them, and never hold more than sixty tokens. A lone mark belongs to the
    sentence before it."""
    found: list[tuple[int, int]] = []
    first = 0
    for end in sorted({*sorted(closed)[:_MOST_SENTENCES], subject_tokens, len(tokens)}):
        if end - first == 1 and found and first != subject_tokens and not tokens[first].isalnum():
            found[-1] = (found[-1][0], end)
        else:
            found.extend((at, min(at + _LONGEST_SENTENCE, end)) for at in range(first, end, _LONGEST_SENTENCE))
        first = max(first, end)
    return found
