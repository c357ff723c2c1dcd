"""Which language a draft is written in, sentence by sentence, and how far we can judge it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain, repeat
from pathlib import Path
from runpy import run_path
from typing import Literal

import spacy

from classifier.draft import Draft
from classifier.evidence import LanguageGuess
from classifier.reading.folding import fold

_SPACY_LANGUAGES = Path(spacy.__file__).with_name("lang")
_ENGLISH = LanguageGuess("en", "full")
_FEW_WORDS = 5
_ENOUGH_TOKENS = 400
_ENGLISH_SHARE = 0.55
_LATIN_SHARE = 0.6
_OTHERS = ("pt", "nl", "pl", "ca", "ro", "sv", "da", "nb", "fi", "cs", "hu", "tr", "id", "hr", "sk")
"""Languages of Latin script that are distinguished from those we judge by their commonest words."""

_ORDERS = {
    "de": "bestellung lieferung paket sendung adresse ausverkauft storniert hausnummer lieferadresse leider bitte ware",
    "fr": "commande colis livraison annule annulee epuise epuisee retard adresse remboursement expediteur article",
    "es": "pedido paquete envio cancelado anulado agotado existencias reembolso entrega direccion retraso devuelto",
    "it": "ordine consegna pacco ritardo annullato esaurito indirizzo spedizione rimborso mittente articolo merce",
}
"""Words of orders and parcels, which decide where a draft is a line of a few words."""

_ENGLISH_MARKS = frozenset("the your you we is to and of our have it this be will are for that with not please".split())
_ENOUGH_MARKS = 3
_LEAST_HITS = 2
_CLEARLY_MORE = 1.3
_FOREIGN_LETTERS = 8
"""So many letters of a foreign script, more than there are Latin ones, make a sentence one that we cannot judge."""

Range = tuple[int, int]
"""(first, end) token numbers."""


class LanguageJudge:
    """Most drafts are settled by their share of English words, most others by their commonest words; only the rest
    pays for a detector."""

    def __init__(self, english: frozenset[str], full: frozenset[str], partial: frozenset[str]) -> None:
        self._english = english
        self._full = full
        self._partial = partial

    def guess(self, draft: Draft, tokens: Sequence[str]) -> LanguageGuess:
        """The language of subject and body together; English where there is too little to tell."""
        tokens = tokens[:_ENOUGH_TOKENS]
        if len(_ENGLISH_MARKS.intersection(tokens)) < _ENOUGH_MARKS:
            votes = self._votes(tokens)
            winner = self._winner(votes)
            if winner in self._partial and votes[winner] > votes["en"]:
                return self._named(str(winner))
        others = [token for token in tokens if token not in self._english]
        english = len(tokens) - len(others)
        if english >= _ENGLISH_SHARE * len(tokens) and english >= _FEW_WORDS:
            return _ENGLISH  # whatever of the others are words
        words = english + sum(len(token) > 1 and token.isalpha() for token in others)
        if english >= _ENGLISH_SHARE * words and words >= _FEW_WORDS:
            return _ENGLISH
        text = f"{draft.subject} {draft.body}"
        latin = text.isascii() or _latin_share(text) >= _LATIN_SHARE
        votes = self._votes(tokens) if latin else Counter[str]()
        if words < _FEW_WORDS and latin and not self._winner(votes):
            return _ENGLISH
        return self._named(self._winner(votes) or self._detect(text, votes))

    def confidence(self, tokens: Sequence[str], code: str) -> float | None:
        """How much speaks for a language: of the tokens that are among the commonest words of some, the share that are
        among those of this one. None where there are too few."""
        common = _common_words(tuple(sorted(self._full | self._partial)))
        telling = [common[token] for token in tokens[:_ENOUGH_TOKENS] if token in common]
        return sum(code in languages for languages in telling) / len(telling) if len(telling) >= _LEAST_HITS else None

    def unjudged(self, tokens: Sequence[str], sentences: Iterable[Range], main: LanguageGuess) -> list[Range]:
        """The sentences in a language that we cannot judge: of a draft in one that we judge those that stand out, of
        any other draft all but those in a language that we judge."""
        if main.judged == "none":
            return [sentence for sentence in sentences if not self._can_judge(tokens[slice(*sentence)])]
        unknown = [word for word in tokens if word not in self._english and len(word) > 1]
        if len(unknown) < _FEW_WORDS and all(map(str.isascii, unknown)):
            return []  # too few for any sentence to stand out
        return [sentence for sentence in sentences if self._cannot_judge(tokens[slice(*sentence)])]

    def _can_judge(self, words: Sequence[str]) -> bool:
        english = sum(word in self._english for word in words)
        if english >= _FEW_WORDS and english >= _ENGLISH_SHARE * len(words):
            return True
        return self._winner(self._votes(words)) in self._full | self._partial

    def says_something(self, tokens: Sequence[str], guess: LanguageGuess) -> bool:
        """Whether the commonest words of the language that was guessed stand in a text whose words we do not know."""
        return guess.judged == "none" and self._votes(tokens)[guess.code] >= _LEAST_HITS

    def _cannot_judge(self, words: Sequence[str]) -> bool:
        unknown = [word for word in words if word not in self._english and len(word) > 1]
        foreign = sum(len(word) for word in unknown if not word.isascii() and word.isalpha())
        if foreign >= _FOREIGN_LETTERS:
            return foreign > sum(len(word) for word in words if word.isascii() and word.isalpha())
        if len(unknown) < _FEW_WORDS or 2 * len(unknown) < len(words):
            return False
        votes = self._votes(words)
        winner = self._winner(votes)
        return winner is not None and winner in _OTHERS and votes[winner] > _LEAST_HITS

    def _votes(self, tokens: Sequence[str]) -> Counter[str]:
        """How many of the tokens are among the commonest words of each language."""
        common = _common_words(tuple(sorted(self._full | self._partial)))
        return Counter(chain.from_iterable(map(common.get, tokens, repeat(()))))

    def _winner(self, votes: Counter[str]) -> str | None:
        """The language of the most votes, of those that we judge where it is close; None where there are few votes."""
        judged = self._full | self._partial
        most, best = max([(count, code) for code, count in votes.items() if code in judged], default=(0, ""))
        others, other = max([(count, code) for code, count in votes.items() if code in _OTHERS], default=(0, ""))
        if others >= _LEAST_HITS and others > _CLEARLY_MORE * most:
            return other
        return best if most >= _LEAST_HITS and most >= others else None

    def _detect(self, text: str, votes: Counter[str]) -> str:
        import py3langid  # loaded for the first draft that needs it: most never do, and it takes half a second

        code = str(py3langid.classify(text[:2000])[0])
        if code not in self._full | self._partial and votes:
            best = max(self._full | self._partial, key=lambda judged: (votes[judged], judged))
            if votes[best] >= max(votes[other] for other in _OTHERS) and votes[best]:
                return best
        return code

    def _named(self, code: str) -> LanguageGuess:
        judged: Literal["full", "partial", "none"] = (
            "full" if code in self._full else "partial" if code in self._partial else "none"
        )
        return LanguageGuess(code, judged)


@cache
def _common_words(judged: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Folded word -> the languages it is common in, by spaCy's lists of stop words."""
    found: dict[str, tuple[str, ...]] = {}
    for code in (*judged, *_OTHERS):
        # the file alone: a language's package also loads its tokenizer, two seconds for them all
        stop_words = run_path(str(_SPACY_LANGUAGES / code / "stop_words.py"))["STOP_WORDS"]
        for word in {fold(word).text for phrase in stop_words for word in phrase.split()}:
            found[word] = (*found.get(word, ()), code)
    for code in _ORDERS.keys() & set(judged):
        for word in _ORDERS[code].split():
            found[word] = tuple({*found.get(word, ()), code})
    return found


def _latin_share(text: str) -> float:
    letters = [c for c in text[:2000] if c.isalpha()]
    return sum(c < "\u0250" or "\u1e00" <= c < "\u1f00" for c in letters) / len(letters) if letters else 1.0
