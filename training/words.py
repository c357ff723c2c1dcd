"""Make classifier/words.txt: the words that labelled drafts use, most frequent first."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from classifier.draft import LabelledDraft
from classifier.folding import fold

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_SEEN_BY_WRITERS = 2


def write_words(drafts: Iterable[LabelledDraft], path: Path) -> int:
    """Write the list; a word counts once per writer so that one writer's pet product weighs no more than once.

    Returns the number of words. A word that only one writer ever used is left out: it may be a name or a slip.
    """
    english, foreign = Counter[str](), Counter[str]()
    for _, language, text in sorted({(d.writer, d.language, _text(d)) for d in drafts}):
        (english if language == "en" else foreign).update(set(_WORD.findall(fold(text).text)))
    writers = _writers_of(drafts)
    kept = [w for w, _ in english.most_common() if len(writers.get(w, ())) >= _SEEN_BY_WRITERS]
    others = [w for w, n in foreign.most_common() if n >= _SEEN_BY_WRITERS and w not in english]
    head = "# Words that at least two writers of labelled drafts use, most frequent first; made by training/words.py.\n"
    path.write_text(head + "\n".join(kept) + "\n# other languages\n" + "\n".join(others) + "\n", encoding="utf-8")
    return len(kept) + len(others)


def _text(labelled: LabelledDraft) -> str:
    return f"{labelled.draft.subject}\n{labelled.draft.body}"


def _writers_of(drafts: Iterable[LabelledDraft]) -> dict[str, set[str]]:
    writers: dict[str, set[str]] = {}
    for labelled in drafts:
        for word in set(_WORD.findall(fold(_text(labelled)).text)):
            writers.setdefault(word, set()).add(labelled.writer)
    return writers
