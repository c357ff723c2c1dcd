"""Changes that must not change a verdict: disguises of the same words, and what surrounds them."""

import random
import re
from collections.abc import Callable, Mapping, Sequence

from classifier import Draft, Screener
from classifier.draft import LabelledDraft

Change = Callable[[str, random.Random], str]

_WORD = re.compile(r"[A-Za-z]{4,}")
_HOMOGLYPHS = str.maketrans("aeopcyxiAEOPCTX", "аеорсухіАЕОРСТХ")
_ACCENTS = str.maketrans("aeiouc", "áéíóúç")
_LEET = str.maketrans("aeios", "4310$")
_GREETINGS = ("Hi there,\n\n", "Dear Ms. Okoro,\n\n", "Good morning Tom,\n", "Hello and thank you for your order!\n\n")
_SIGNATURES = (
    "\n\nKind regards,\nMaya\nCustomer Care", "\n\nThanks,\nBen", "\n\nBest wishes from all of us at Alder & Finch",
    "\n\n- Rosa, shipping desk",
)  # fmt: skip
_FOOTERS = (
    "\n\n--\nNorthgate Trading Ltd. | Registered in England 0482213 | 4 Mill Lane, Leeds",
    "\n\nThis message and any attachment are confidential and meant for the addressee only.",
    "\n\nOpen Monday to Friday, 9 to 5. Please keep this order number for your records.",
    "\n\nFollow us for tips and news. Please consider the environment before printing this e-mail.",
)  # fmt: skip
_NAMES = ("Priya", "Lars", "Imani", "Kenji", "Sofia", "Owen", "Noor", "Mateo")
_NAME_AFTER_GREETING = re.compile(r"\b(Hi|Hello|Dear|Hey) ([A-Z][a-z]{2,})\b")
_PRODUCTS = (
    "lamp", "jacket", "kettle", "rug", "backpack", "blender", "desk", "chair", "mug", "scarf", "tent", "drill", "sofa",
    "keyboard", "watch", "vase", "mirror", "pillow", "bike", "puzzle",
)  # fmt: skip
_PRODUCT = re.compile(r"\b(" + "|".join(_PRODUCTS) + r")\b")


def _on_words(change: Callable[[str], str], share: float) -> Change:
    """Apply a change to a share of the words of four letters and more, at least one."""

    def changed(text: str, rng: random.Random) -> str:
        words = list(_WORD.finditer(text))
        if not words:
            return text
        chosen = {m.start() for m in rng.sample(words, max(1, int(len(words) * share)))}
        return _WORD.sub(lambda m: change(m.group()) if m.start() in chosen else m.group(), text)

    return changed


def _typo(text: str, rng: random.Random) -> str:
    words = [m for m in _WORD.finditer(text) if len(m.group()) >= 6]
    if not words:
        return text
    match = rng.choice(words)
    at = match.start() + rng.randrange(2, len(match.group()) - 1)
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def _renamed(text: str, rng: random.Random) -> str:
    return _NAME_AFTER_GREETING.sub(lambda m: f"{m[1]} {rng.choice(_NAMES)}", text)


def _other_product(text: str, rng: random.Random) -> str:
    swap: dict[str, str] = {}
    left = [p for p in _PRODUCTS if p not in text.lower()]
    return _PRODUCT.sub(lambda m: swap.setdefault(m[1], left[rng.randrange(len(left))] if left else m[1]), text)


DISGUISES: Mapping[str, Change] = {
    "spaced letters": _on_words(" ".join, 0.15),
    "dotted letters": _on_words(".".join, 0.1),
    "zero width": _on_words("\u200b".join, 0.5),
    "look-alikes": _on_words(lambda w: w.translate(_HOMOGLYPHS), 0.4),
    "full width": _on_words(lambda w: "".join(chr(ord(c) + 0xFEE0) for c in w), 0.3),
    "accents": _on_words(lambda w: w.translate(_ACCENTS), 0.3),
    "leetspeak": _on_words(lambda w: w.translate(_LEET), 0.15),
    "capitals": lambda text, rng: text.upper(),
    "markup": _on_words(lambda w: f"<b>{w[:2]}</b>{w[2:]}", 0.3),
}
"""Name -> change: the same words, typed so that a naive reader stumbles."""

SURROUNDINGS: Mapping[str, Change] = {
    "greeting": lambda text, rng: rng.choice(_GREETINGS) + text,
    "signature": lambda text, rng: text + rng.choice(_SIGNATURES),
    "footer": lambda text, rng: text + rng.choice(_FOOTERS),
    "name": _renamed,
    "product": _other_product,
    "typo": _typo,
    "line breaks": lambda text, rng: re.sub(r"([.!?]) +", r"\1\n\n", text),
    "one line": lambda text, rng: re.sub(r"\s*\n\s*", " ", text),
}
"""Name -> change: what stands around the words, and slips of the finger."""


def flips(
    screener: Screener, drafts: Sequence[LabelledDraft], changes: Mapping[str, Change], seed: int = 7
) -> dict[str, float]:
    """Share of the drafts that a change alters whose decision it changes, for each change and as "all"."""
    rng = random.Random(seed)
    counts = {name: [0, 0] for name in changes}
    for labelled in drafts:
        draft = labelled.draft
        before = screener.screen(draft, labelled.order).decision
        for name, change in changes.items():
            body = change(draft.body, rng)
            if body != draft.body:
                after = screener.screen(Draft(draft.support_id, draft.subject, body), labelled.order).decision
                counts[name][0] += before != after
                counts[name][1] += 1
    flipped, tried = (sum(c[i] for c in counts.values()) for i in (0, 1))
    return {name: c[0] / c[1] if c[1] else 0.0 for name, c in counts.items()} | {
        "all": flipped / tried if tried else 0.0
    }
