"""One pass over a draft: fold disguises, tokenise once, and keep the way back to the text as typed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from classifier.draft import Draft
from classifier.evidence import LanguageGuess, Span
from classifier.folding import Folded, end_of_letter, fold
from classifier.language import LanguageJudge
from classifier.words import Words

TextField = Literal["subject", "body"]

_TOKEN = re.compile(r"\d+(?:[.,:/]\d+)*(?![\w@$!|+])|[\w$]+(?:[@$!|+'*]+\w+)*|\n|[^\w\s]")
_SPACED = re.compile(r"(?<![\w'])\w(?:[ .\-_*•~/]{1,2}\w){2,}(?![\w'])")
_HYPHENED = re.compile(r"(?<![\w\-.])[a-z]{1,7}(?:[-.*_][a-z]{1,7}){1,12}(?![\w\-])")
_ENDS = frozenset(".!?\n;•")
_ABBREVIATIONS = frozenset(
    "mr mrs ms dr st apt no nr ste vs etc approx ave blvd rd inc ltd co dept jan feb mar apr jun jul aug sep sept oct "
    "nov dec bzw ca sr sra".split()
)
_LONGEST_SENTENCE = 60


@dataclass(frozen=True, slots=True)
class Reading:
    """A draft as it was read. Token i is tokens[i], typed at [starts[i], ends[i]) of its field.

    The first `subject_tokens` tokens stand in the subject. `sentences` are (first, end) token ranges that cover
    all tokens in order; none spans two fields. `disguised` tells that words had to be respelled to be read.
    """

    draft: Draft
    tokens: list[str]
    starts: list[int]
    ends: list[int]
    subject_tokens: int
    sentences: list[tuple[int, int]]
    language: LanguageGuess
    disguised: bool

    def field_of(self, token: int) -> TextField:
        """Where a token stands."""
        return "subject" if token < self.subject_tokens else "body"

    def span(self, first: int, end: int) -> Span:
        """The typed words of tokens [first, end), code-point offsets; needs first < end in one field."""
        field = self.field_of(first)
        start, stop = self.starts[first], self.ends[end - 1]
        text = self.draft.subject if field == "subject" else self.draft.body
        return Span(field, start, stop, text[start:stop])

    def sentence_span(self, first: int, end: int) -> Span:
        """The same without the line ends around it: what a replacement may overwrite."""
        while end - first > 1 and self.tokens[end - 1] == "\n":
            end -= 1
        while end - first > 1 and self.tokens[first] == "\n":
            first += 1
        return self.span(first, end)


class Reader:
    """Reads drafts; holds the words we know and the judge of languages."""

    def __init__(self, words: Words, languages: LanguageJudge) -> None:
        self._words = words
        self._languages = languages

    def read(self, draft: Draft) -> Reading:
        """The reading of any two strings; never raises."""
        tokens: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        disguised = self._read_field(draft.subject, tokens, starts, ends)
        subject_tokens = len(tokens)
        disguised = self._read_field(draft.body, tokens, starts, ends) or disguised
        sentences = _sentences(tokens, subject_tokens, _glued(draft, tokens, starts, ends, subject_tokens))
        language = self._languages.guess(draft, tokens)
        return Reading(draft, tokens, starts, ends, subject_tokens, sentences, language, disguised)

    def _read_field(self, text: str, tokens: list[str], starts: list[int], ends: list[int]) -> bool:
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
        if folded.starts is not None:
            _restore(folded, text, starts, ends, first)
        return disguised

    def _tokenise(
        self, folded: str, position: int, stop: int, tokens: list[str], starts: list[int], ends: list[int]
    ) -> bool:
        known, mend = self._words.known, self._words.mend
        spans = [match.span() for match in _TOKEN.finditer(folded, position, stop)]
        typed = [folded[start:end] for start, end in spans]
        read = [token if token in known or len(token) < 2 else mend(token) for token in typed]
        tokens += read
        starts += [start for start, _ in spans]
        ends += [end for _, end in spans]
        return read != typed and any(a != b and not b.isalpha() for a, b in zip(read, typed, strict=True))

    def _respelled(self, folded: str) -> Iterator[tuple[int, int, list[tuple[str, int, int]]]]:
        """Stretches of spaced, dotted or hyphenated letters that spell known words, with each word's place."""
        position = 0
        for match in sorted([*_SPACED.finditer(folded), *_HYPHENED.finditer(folded)], key=lambda m: m.start()):
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
            letters not in self._words.known or all(c in self._words.known for c in chunks)
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
    for i in range(first, len(starts)):
        starts[i], ends[i] = folded.starts[starts[i]], end_of_letter(text, folded.ends[ends[i] - 1])


def _glued(draft: Draft, tokens: list[str], starts: list[int], ends: list[int], subject_tokens: int) -> set[int]:
    """The full stops inside a number or an address of the web: what follows them at once is no capital letter."""
    found = set()
    for i, token in enumerate(tokens[:-1]):
        if token == "." and starts[i + 1] == ends[i] and i + 1 != subject_tokens:
            text = draft.subject if i < subject_tokens else draft.body
            if not text[ends[i]].isupper():
                found.add(i)
    return found


def _sentences(tokens: list[str], subject_tokens: int, glued: set[int]) -> list[tuple[int, int]]:
    """Ranges that end after a mark of punctuation or a line end, and never hold more than sixty tokens."""
    found: list[tuple[int, int]] = []
    first = 0
    for i, token in enumerate(tokens):
        if i == subject_tokens and first < i:
            found.append((first, i))
            first = i
        closes = token in _ENDS and not (token == "." and (i in glued or (i and tokens[i - 1] in _ABBREVIATIONS)))
        if closes or i + 1 - first >= _LONGEST_SENTENCE:
            if i + 1 - first > 1 or not found:
                found.append((first, i + 1))
            else:
                found[-1] = (found[-1][0], i + 1) if _same_field(found[-1], i, subject_tokens) else found[-1]
                if found[-1][1] != i + 1:
                    found.append((first, i + 1))
            first = i + 1
    if first < len(tokens):
        found.append((first, len(tokens)))
    return found


def _same_field(sentence: tuple[int, int], token: int, subject_tokens: int) -> bool:
    return (sentence[0] < subject_tokens) == (token < subject_tokens)
