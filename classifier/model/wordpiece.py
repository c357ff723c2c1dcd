"""Split read words into the pieces that the encoder knows: greedy, longest piece first, as BERT's WordPiece does."""

import re
from collections.abc import Sequence
from pathlib import Path

_PARTS = re.compile(r"\w+|[^\w\s]")
_CACHE_LIMIT = 50_000
_LONGEST_WORD = 60
PAD, UNKNOWN, FIRST, LAST = "[PAD]", "[UNK]", "[CLS]", "[SEP]"


class WordPiece:
    """`pieces` in the order of their numbers; must hold the four special ones. Bounded in memory."""

    def __init__(self, pieces: Sequence[str]) -> None:
        self.pieces = list(pieces)
        self._ids = {piece: i for i, piece in enumerate(self.pieces)}
        self.pad, self.unknown = self._ids[PAD], self._ids[UNKNOWN]
        self.first, self.last = self._ids[FIRST], self._ids[LAST]
        self._cache: dict[str, tuple[int, ...]] = {}

    @classmethod
    def load(cls, folder: Path, name: str = "pieces.txt") -> "WordPiece":
        """The pieces of an encoder's folder, one a line in a file."""
        return cls((folder / name).read_text(encoding="utf-8").rstrip("\n").split("\n"))

    def ids(self, word: str) -> tuple[int, ...]:
        """The piece numbers of one word (lower case, folded); at least one."""
        found = self._cache.get(word)
        if found is None:
            if len(self._cache) >= _CACHE_LIMIT:
                self._cache.clear()
            found = tuple(i for part in _PARTS.findall(word) for i in self._split(part)) or (self.unknown,)
            self._cache[word] = found
        return found

    def _split(self, part: str) -> list[int]:
        if len(part) > _LONGEST_WORD:
            return [self.unknown]
        ids: list[int] = []
        start = 0
        while start < len(part):
            for end in range(len(part), start, -1):
                piece = part[start:end] if start == 0 else "##" + part[start:end]
                if piece in self._ids:
                    ids.append(self._ids[piece])
                    start = end
                    break
            else:
                return [self.unknown]
        return ids

    def encode(self, words: Sequence[str], limit: int) -> tuple[list[int], list[int]]:
        """Piece numbers with the first and last mark, at most `limit`; the index of its word for each (-1: mark)."""
        ids, origin = [self.first], [-1]
        for index, word in enumerate(words):
            pieces = self.ids(word)
            if len(ids) + len(pieces) >= limit:
                break
            ids.extend(pieces)
            origin.extend([index] * len(pieces))
        return [*ids, self.last], [*origin, -1]
