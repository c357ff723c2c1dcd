"""The words we know: what a disguised or mistyped word is folded back to."""

import re
from collections.abc import Iterable
from pathlib import Path

WORDS_FILE = Path(__file__).with_name("words.txt")
_LEET = str.maketrans("013457@$!|+€", "oieastasiite")
_LEET_L = str.maketrans("013457@$!|+€", "oleastasllte")
_REPEATS = re.compile(r"(.)\1{2,}")
_TYPO_TARGETS = 6_000
_SHORTEST_TYPO = 6
_LONGEST_WORD = 40
"""No word is longer; a longer token is read as typed, because mending costs the square of its length."""
_CACHE_LIMIT = 50_000


class _Readings(dict[str, str]):
    """Each token as it is read, worked out at first sight; forgotten all at once when there are too many. Holds the
    few words that drafts are made of, so that a lookup stays in the processor's cache."""

    def __init__(self, words: "Words") -> None:
        self._words = words

    def __missing__(self, token: str) -> str:
        if len(self) >= _CACHE_LIMIT:
            self.clear()
        plain = not 2 <= len(token) <= _LONGEST_WORD or token in self._words.known
        read = self[token] = token if plain else self._words.mend(token)
        return read


class Words:
    """A closed list of words in order of frequency, and how to get back to them. Bounded in memory."""

    def __init__(self, english: Iterable[str], foreign: Iterable[str] = ()) -> None:
        ordered = list(english)
        self.ordered = ordered
        self.english = frozenset(ordered)
        self.known = self.english | frozenset(foreign)
        self._deletes: dict[str, str] = {}
        for word in reversed(ordered[:_TYPO_TARGETS]):
            if len(word) >= _SHORTEST_TYPO and word.isalpha():
                for shorter in _deletions(word):
                    self._deletes[shorter] = word
        self.readings = _Readings(self)

    @classmethod
    def load(cls, path: Path = WORDS_FILE) -> "Words":
        """One word a line, most frequent first; English above the line `# other languages`, those below it."""
        english, _, foreign = path.read_text(encoding="utf-8").partition("# other languages\n")
        return cls(_lines(english), _lines(foreign))

    def mend(self, token: str) -> str:
        """The known word that an unknown token stands for, or the token itself. Tokens longer than any word stay."""
        if len(token) > _LONGEST_WORD:
            return token
        for candidate in _undisguised(token):
            if candidate in self.known:
                return candidate
        if len(token) >= _SHORTEST_TYPO and token.isalpha():
            return self._nearest(token)
        return token

    def _nearest(self, token: str) -> str:
        """The most frequent known word one letter away (left out, added, changed or swapped)."""
        for shorter in (token, *_deletions(token)):
            word = self._deletes.get(shorter)
            if word is not None and word[0] == token[0] and abs(len(word) - len(token)) <= 1:
                return word
            if shorter is not token and shorter in self.known and len(shorter) >= _SHORTEST_TYPO:
                return shorter
        return token

    def segment(self, letters: str) -> list[str] | None:
        """Split run-together letters into known words (fewest words, at most 40 letters), or None."""
        if len(letters) > 40:
            return None
        best: list[list[str] | None] = [[], *[None] * len(letters)]
        for end in range(1, len(letters) + 1):
            for start in range(max(0, end - 18), end):
                before, word = best[start], letters[start:end]
                if before is not None and word in self.known and (len(word) > 1 or word in "ai"):
                    here = best[end]
                    if here is None or len(before) + 1 < len(here):
                        best[end] = [*before, word]
        return best[-1]


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def _deletions(word: str) -> list[str]:
    return [word[:i] + word[i + 1 :] for i in range(len(word))]


_TYPED_UMLAUTS = re.compile(r"([aou])e")


def _undisguised(token: str) -> Iterable[str]:
    """What a token may be without leetspeak, stretched letters and umlauts typed as two letters, likeliest first."""
    plain = [token]
    if "e" in token[1:] and token.isalpha():
        yield _TYPED_UMLAUTS.sub(r"\1", token)
    if not token.isalpha() and any(c.isalpha() for c in token):
        plain = [token.translate(_LEET), token.translate(_LEET_L)]
    for word in plain:
        if word.isalpha():
            yield word
            yield _REPEATS.sub(r"\1\1", word)
            yield _REPEATS.sub(r"\1", word)
            yield re.sub(r"(.)\1+", r"\1", word)
