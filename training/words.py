"""Make classifier/words.txt: the words that labelled drafts use, most frequent first."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import py3langid

from classifier.draft import LabelledDraft
from classifier.folding import fold

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_SEEN_BY_WRITERS = 2
_NEIGHBOURS = ("es", "fr", "de", "it", "pt", "nl", "ca")


def write_words(drafts: Iterable[LabelledDraft], path: Path) -> int:
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
    others = [w for w, n in foreign.most_common() if n >= _SEEN_BY_WRITERS and w not in writers]
    head = "# Words that at least two writers of labelled drafts use, most frequent first; made by training/words.py.\n"
    path.write_text(head + "\n".join(kept) + "\n# other languages\n" + "\n".join(others) + "\n", encoding="utf-8")
    return len(kept) + len(others)


def _text(labelled: LabelledDraft) -> str:
    return f"{labelled.draft.subject}\n{labelled.draft.body}"


def _in_english(labelled: LabelledDraft) -> bool:
    """Whether a draft counts as English; some foreign drafts are not marked as such, so a detector is asked, too."""
    return labelled.language == "en" and str(py3langid.classify(_text(labelled))[0]) not in _NEIGHBOURS
