"""Which language a draft is written in, and how far we can judge it."""

from collections.abc import Sequence

from classifier.draft import Draft
from classifier.evidence import LanguageGuess

_ENGLISH = LanguageGuess("en", "full")
_FEW_WORDS = 5
_ENOUGH_TOKENS = 400
_ENGLISH_SHARE = 0.55
_LATIN_SHARE = 0.6


class LanguageJudge:
    """Most drafts are settled by their share of English words; only the rest pays for a detector."""

    def __init__(self, english: frozenset[str], full: frozenset[str], partial: frozenset[str]) -> None:
        self._english = english
        self._full = full
        self._partial = partial

    def guess(self, draft: Draft, tokens: Sequence[str]) -> LanguageGuess:
        """The language of subject and body together; English where there is too little to tell."""
        tokens = tokens[:_ENOUGH_TOKENS]
        others = [token for token in tokens if token not in self._english]
        english = len(tokens) - len(others)
        if english >= _ENGLISH_SHARE * len(tokens) and english >= _FEW_WORDS:
            return _ENGLISH  # whatever of the others are words
        words = english + sum(len(token) > 1 and token.isalpha() for token in others)
        if english >= _ENGLISH_SHARE * words and words >= _FEW_WORDS:
            return _ENGLISH
        text = f"{draft.subject} {draft.body}"
        if words < _FEW_WORDS and (text.isascii() or _latin_share(text) >= _LATIN_SHARE):
            return _ENGLISH
        return self._detect(text)

    def _detect(self, text: str) -> LanguageGuess:
        import py3langid  # loaded at need: most drafts never ask, and it takes half a second

        code = str(py3langid.classify(text[:2000])[0])
        return LanguageGuess(code, "full" if code in self._full else "partial" if code in self._partial else "none")


def _latin_share(text: str) -> float:
    letters = [c for c in text[:2000] if c.isalpha()]
    return sum(c < "\u0250" or "\u1e00" <= c < "\u1f00" for c in letters) / len(letters) if letters else 1.0
