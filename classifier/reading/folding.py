"""Undo the disguises of single characters (look-alikes, full-width, accents, zero-width, HTML) keep the way back."""

import html
import re
import unicodedata
from dataclasses import dataclass

_LOOK_ALIKES = str.maketrans(
    "аеорсухіѕјԁɡոһкмтнвԛԝӏαορντυικεηχγѵℓıøłđŧħɑɩʟᴀᴄᴇᴏꜱᴛᴜ",
    "aeopcyxisjdgnhkmthbqwlaopvtuikenxyvlioldthailaceostu",
)
"""Cyrillic, Greek, Armenian and Latin letters that pass for a plain one (from Unicode's confusables, by hand)."""

_TAG = re.compile(r"</?[a-z][^<>]{0,200}>|<!--.{0,200}?-->", re.IGNORECASE | re.DOTALL)
_BLOCK_TAG = re.compile(r"</?(?:p|br|div|li|ul|ol|tr|td|table|h\d)\b", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,31}\d{0,2});", re.IGNORECASE)
_ODD = re.compile(r"[^\n -~]")
_CACHE_LIMIT = 20_000


class _FoldedCharacters(dict[str, str]):
    """Each character's folded form, computed at first sight; forgotten all at once when there are too many."""

    def __missing__(self, character: str) -> str:
        if len(self) > _CACHE_LIMIT:
            self.clear()
        folded = self[character] = _fold_character(character)
        return folded


def _fold_character(character: str) -> str:
    if unicodedata.category(character) in ("Cf", "Mn", "Me"):
        return ""
    if character in "’‘ʼ`´＇′":
        return "'"
    if character in "‐‑‒–—―−":
        return "-"
    if character.isspace():
        return "\n" if character in "\n\r\x0b\x0c\x85\u2028\u2029" else " "
    plain = unicodedata.normalize("NFKD", character).lower().replace("ß", "ss")
    kept = "".join(c for c in plain if unicodedata.category(c) not in ("Mn", "Me", "Cf"))
    return kept.translate(_LOOK_ALIKES)


_FOLDED = _FoldedCharacters()
_ASCII = {number: _FOLDED[chr(number)] for number in range(128)}
"""Each reads as one character."""
_ENOUGH = 24
"""From so many characters on, and between those that move what follows, a stretch of text is folded in one go."""


@dataclass(frozen=True, slots=True)
class Folded:
    """Text as it is judged, in lower case; character i was typed at [starts[i], ends[i]), code points.

    Both lists are None where nothing moved (each character reads as one): character i stands at i.
    """

    text: str
    starts: list[int] | None = None
    ends: list[int] | None = None


def fold(text: str) -> Folded:
    """Fold any string. Linear in its length."""
    markup = _markup(text)
    plain = None if markup else _one_for_one(text)
    if plain is not None:
        return Folded(plain)
    out: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    position = 0
    for start, end, reads in markup:
        _fold_run(text, position, start, out, starts, ends)
        out.extend(reads)
        starts.extend([start] * len(reads))
        ends.extend([end] * len(reads))
        position = end
    _fold_run(text, position, len(text), out, starts, ends)
    return Folded("".join(out), starts, ends)


def _one_for_one(text: str) -> str | None:
    """The folded text where each character reads as one (most drafts); None where some read as several or as none."""
    if not text.isascii():
        odd = {character: _FOLDED[character] for character in set(_ODD.findall(text))}
        for character, folded in odd.items():
            if len(folded) != 1 or (folded in odd and folded != character):
                return None
            text = text.replace(character, folded)
    return text.lower()


def end_of_letter(text: str, end: int) -> int:
    """Move an end past the combining marks and invisible characters that belong to the letter before it."""
    while end < len(text) and unicodedata.category(text[end]) in ("Mn", "Me", "Cf"):
        end += 1
    return end


def _markup(text: str) -> list[tuple[int, int, str]]:
    """(start, end, what it reads as) of each HTML tag and entity, in order."""
    if "<" not in text and "&" not in text:
        return []
    found = [(m.start(), m.end(), " " if _BLOCK_TAG.match(m.group()) else "") for m in _TAG.finditer(text)]
    for match in _ENTITY.finditer(text):
        decoded = html.unescape(match.group())
        if decoded != match.group():
            found.append((match.start(), match.end(), "".join(_FOLDED[c] for c in decoded)))
    return _apart(sorted(found))


def _apart(found: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Without those that begin inside an earlier one."""
    kept: list[tuple[int, int, str]] = []
    for item in found:
        if not kept or item[0] >= kept[-1][1]:
            kept.append(item)
    return kept


def _fold_run(text: str, start: int, end: int, out: list[str], starts: list[int], ends: list[int]) -> None:
    """Fold text[start:end]: in one go what reads as one character each, up to each that reads as several or as none.
    Where there are many of those, or little text, character by character is faster."""
    if end - start < _ENOUGH:
        _fold_characters(text, start, end, out, starts, ends)
        return
    odd = _ODD.findall(text, start, end)
    moving = {character for character in set(odd) if len(_FOLDED[character]) != 1}
    if moving and _ENOUGH * sum(map(moving.__contains__, odd)) > end - start:
        _fold_characters(text, start, end, out, starts, ends)
        return
    table = _ASCII | {ord(character): _FOLDED[character] for character in set(odd)}
    at = start
    for place in [m.start() for m in _ODD.finditer(text, start, end) if m.group() in moving] if moving else ():
        _fold_stretch(text, at, place, table, out, starts, ends)
        reads = _FOLDED[text[place]]
        out.append(reads)
        starts.extend([place] * len(reads))
        ends.extend([place + 1] * len(reads))
        at = place + 1
    _fold_stretch(text, at, end, table, out, starts, ends)


def _fold_characters(text: str, start: int, end: int, out: list[str], starts: list[int], ends: list[int]) -> None:
    for index in range(start, end):
        for character in _FOLDED[text[index]]:
            out.append(character)
            starts.append(index)
            ends.append(index + 1)


def _fold_stretch(
    text: str, start: int, end: int, table: dict[int, str], out: list[str], starts: list[int], ends: list[int]
) -> None:
    if start < end:
        out.append(text[start:end].translate(table))
        starts.extend(range(start, end))
        ends.extend(range(start + 1, end + 1))
