"""Make classifier/reading/words.txt: the words of labelled drafts, most frequent first, then the common words of five
languages, so that an ordinary word is never taken for a mistyped one. Needs the extra `words` (wordfreq)."""

import re
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import py3langid
import wordfreq

from classifier.draft import LabelledDraft
from classifier.matching.rulebook import RuleBook
from classifier.reading.folding import fold

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_SEEN_BY_WRITERS = 2
_ENGLISH, _FOREIGN = 25_000, 25_000
_HEAD = (
    "# Words that at least two writers of labelled drafts use, then common words after wordfreq (CC BY-SA 4.0); most\n"
    "# frequent first; made by training/tickets/word_list.py.\n"
)
_NEIGHBOURS = ("es", "fr", "de", "it", "pt", "nl", "ca")


def write_words(drafts: Iterable[LabelledDraft], path: Path, rules: RuleBook) -> int:
    """Write the list; a word counts once per writer so that one writer's pet product weighs no more than once.

    Returns the number of words. A word that only one writer ever used is left out: it may be a name or a slip.
    """
    english, foreign = Counter[str](), Counter[str]()
    writers: dict[str, set[str]] = {}
    for labelled in drafts:
        words = set(_WORD.findall(fold(_text(labelled)).text))
        if _in_english(labelled):
            english.update(words)
            for word in words:
                writers.setdefault(word, set()).add(labelled.writer)
        else:
            foreign.update(words)
    kept = [w for w, _ in english.most_common() if len(writers[w]) >= _SEEN_BY_WRITERS]
    ours = set(kept)
    kept += [w for w in _common("en", _ENGLISH) if w not in ours and not _rather_foreign(w)]
    ours = set(kept)
    others = dict.fromkeys(w for w, n in foreign.most_common() if n >= _SEEN_BY_WRITERS and w not in writers)
    others |= dict.fromkeys(w for code in ("es", "fr", "de", "it") for w in _common(code, _FOREIGN))
    others |= dict.fromkeys(sorted(_named_by(rules)))
    strange = [w for w in others if w not in ours]
    path.write_text(_HEAD + "\n".join(kept) + "\n# other languages\n" + "\n".join(strange) + "\n", encoding="utf-8")
    return len(kept) + len(strange)


def _named_by(rules: RuleBook) -> set[str]:
    """The words of all patterns: what a rule waits for is never taken for a slip."""
    patterns = (p for rule in rules.rules for p in (*rule.patterns, *rule.unless, *rule.unless_draft, *rule.if_draft))
    return {word for pattern in patterns for element in pattern for word in element.words if _WORD.fullmatch(word)}


def _common(language: str, count: int) -> list[str]:
    """The most frequent words of a language as they are read: folded, letters only."""
    folded = (fold(word).text for word in wordfreq.top_n_list(language, count))
    return [word for word in dict.fromkeys(folded) if _WORD.fullmatch(word) and len(word) > 1]


def _rather_foreign(word: str) -> bool:
    """Whether a word of English lists is at home elsewhere ("que", "della"): three times as frequent there."""
    own = _frequencies("en").get(word, 0.0)
    return any(_frequencies(code).get(word, 0.0) > 3 * own for code in ("es", "fr", "de", "it", "nl", "pl"))


@cache
def _frequencies(language: str) -> dict[str, float]:
    return dict(wordfreq.get_frequency_dict(language))


def _text(labelled: LabelledDraft) -> str:
    return f"{labelled.draft.subject}\n{labelled.draft.body}"


def _in_english(labelled: LabelledDraft) -> bool:
    """Whether a draft counts as English; some foreign drafts are not marked as such, so a detector is asked, too."""
    return labelled.language == "en" and str(py3langid.classify(_text(labelled))[0]) not in _NEIGHBOURS
