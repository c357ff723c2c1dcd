"""Fuzzing of reading, matching and judging: `python -m tests.classifier.reading.reading_fuzzer`.

Guided by coverage where `atheris` is installed (`pip install 'atheris>=3,<4'`; libFuzzer for Python). A few hundred
inputs are tried by hypothesis in the suite, in `test_reading_fuzz.py`. Whatever the bytes are, the draft made of them
is judged without an exception, within a time that grows with its length and no faster, and what is highlighted stands
where it is said to stand.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from classifier import Draft, Order, Screener, Verdict
from tests.benchmarks.texts import drafts

LONGEST = 30_000
SECONDS_PER_CHARACTER = 150e-6
"""Fifty times plain English, since coverage and a shared machine slow it: only what is not linear comes near it."""
SECONDS_ANYWAY = 0.25

PIECES = (
    *"abcdefghijklmnopqrstuvwxyz ABXYZ0123456789.,;:!?'\"()[]{}<>/\\|@#$%&*+-=_~^`\n\t\r",
    "\x00", "\x1b", "\x7f", "\xad", "\u200b", "\u200d", "\u202e", "\u2060", "\ufeff", "\u0301", "\u0338", "\u20dd",
    "\xdf", "\u0130", "\u0131", "\u017f", "\ufb01", "\uff21", "\uff41", "\u0430", "\u0435", "\u043e", "\u0440",
    "\u0436", "\u03b1", "\u8ba2", "\u304b", "\ud55c", "\u05d0", "\u0639", "\U0001f600",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea", "\U000e0041", "\ud800", "\udc00", "\uffff",
    "\u2028", "\u2029", "\x85", "\r\n", "\n\n", "\n> ", "\n-- \n", "\nOn Mon, Ann wrote:\n", "&amp;", "&#x41;",
    "&#65;", "&lt;", "&", "<b>", "</b>", "<!--", "-->", "<a href='", "<br>", "{{name}}", "${order}", "%{x}",
    "[NUMBER]", "<first name>", "{{", "}}", "http://a.b/c?d=e", "a@b.example", "GG-8K2P-4L7Q-XY19", "GG-", "$5",
    "10%", "1.000,00", " would you like ", " instead ", " swap ", " replacement ", " substitute ", " cancel ",
    " cancelled ", " why ", " order ", " order again ", " reorder ", " coupon ", " out of stock ", " sold out ",
    " we have cancelled your order ", " refund ", " delayed ", " tomorrow ", " address ", " apartment number ",
    " returned to us ", " undeliverable ", " not ", " n't ", " unless ", " the ", " green ", " one ", "s w a p",
    "s-w-a-p", "s.w.a.p", "5w4p", "swwwap", "swpa", " nicht ", " statt ", " annul\xe9e ", " por qu\xe9 ", " invece ",
    " storniert ", "Dear Ann,", "Kind regards,", "Thank you", "\n- ", "1) ", "A. ",
)  # fmt: skip
_REPEAT, _POINT = 252, 254


def text_of(data: bytes) -> str:
    """A text by a small language of bytes: a piece each, two escapes for any code point and for repeating the last
    pieces."""
    pieces: list[str] = []
    length, at = 0, 0
    while at < len(data) and length < LONGEST:
        byte, rest = data[at], data[at + 1 : at + 3]
        if byte >= _POINT and len(rest) == 2:
            piece, at = chr((rest[0] << 8 | rest[1]) + (byte - _POINT) * 0x10000), at + 3
        elif byte >= _REPEAT and len(rest) == 2:
            again, at = "".join(pieces[-(rest[0] % 8 + 1) :]), at + 3
            piece = (again * (rest[1] * 8 + 2))[: LONGEST - length]
        else:
            piece, at = PIECES[byte % len(PIECES)], at + 1
        pieces.append(piece)
        length += len(piece)
    return "".join(pieces)[:LONGEST]


def draft_of(data: bytes) -> tuple[Draft, Order | None]:
    """A draft: the first byte says how the others are read, the second where the subject ends and who cancelled."""
    how, cut, rest = data[0] if data else 0, data[1] if len(data) > 1 else 0, data[2:]
    raw = rest[:LONGEST]
    text = raw.decode("utf-8", "surrogatepass" if _decodes(raw) else "replace") if how % 4 == 3 else text_of(rest)
    subject, body = text[: cut % 40], text[cut % 40 :]
    order = (None, Order(), Order(cancelled_by="customer"), Order(cancelled_by="merchant"))[how >> 2 & 3]
    if how & 32:
        return Draft("GG-8K2P-4L7Q-XY19", subject, body, "reply", text[-200:] if how & 16 else ""), order
    return Draft("GG-8K2P-4L7Q-XY19", subject, body), order


def _decodes(data: bytes) -> bool:
    try:
        data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def judge(screener: Screener, data: bytes) -> Verdict:
    """Judge the draft of these bytes. Raises AssertionError, or whatever judging raises, where something is wrong."""
    draft, order = draft_of(data)
    allowed = SECONDS_ANYWAY + SECONDS_PER_CHARACTER * draft.length
    for _ in range(3):  # a stall of the machine is no fault of the draft
        begun = time.process_time()
        partial = screener.partial_evidence(draft, order)
        verdict = screener.policy.decide(screener.combine(partial, None if partial.doubtful else ()), order)
        spent = time.process_time() - begun
        if spent < allowed:
            break
    assert spent < allowed, f"{spent:.2f} s for {draft.length} characters"
    assert verdict.decision in ("allow", "warn", "block")
    assert all(0 <= chance <= 1 for chance in verdict.probabilities.values())
    for finding in verdict.findings:
        if finding.field is not None and finding.start is not None and finding.end is not None:
            field = getattr(draft, finding.field)
            assert 0 <= finding.start <= finding.end <= len(field), finding
            assert field[finding.start : finding.end] == finding.text, finding
    return verdict


def warm(screener: Screener) -> Screener:
    """The screener once it has judged something: what is loaded for the first draft is no time of a draft."""
    for data in (b"\0\0" + bytes(range(100)), b"\x03\0" + b"Guten Tag, Ihre Bestellung ist da. " * 9):
        screener.screen(draft_of(data)[0])
    return screener


def main() -> None:
    """Fuzz for a while; ends with 1, and the bytes at fault in a file, where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--corpus", type=Path, help="a folder for the inputs that reach new code")
    given = parser.parse_args()
    try:
        import atheris
    except ModuleNotFoundError:
        sys.exit("atheris is not installed: pip install 'atheris>=3,<4'")
    with atheris.instrument_imports(include=["classifier"]):
        for name in [name for name in sys.modules if name.split(".")[0] == "classifier"]:
            del sys.modules[name]  # again, instrumented
        import classifier

    _reload(classifier)
    screener = warm(classifier.Screener.load())
    corpus = given.corpus or Path(tempfile.mkdtemp(prefix="fuzz-corpus-"))
    corpus.mkdir(parents=True, exist_ok=True)
    for number, draft in enumerate(drafts()[:200]):  # real letters, from which it changes on
        (corpus / f"seed-{number}").write_bytes(
            b"\x03\x10" + f"{draft['subject']:16.16}{draft['body']}".encode()[:1_000]
        )
    options = [
        f"-artifact_prefix={corpus.parent}/",
        f"-max_total_time={int(given.minutes * 60)}",
        "-max_len=1002",
        "-len_control=0",
        "-timeout=120",
        "-rss_limit_mb=4000",
    ]
    arguments = [sys.argv[0], *options, "-print_final_stats=1", str(corpus)]
    atheris.Setup(arguments, lambda data: judge(screener, data) and None)
    atheris.Fuzz()


def _reload(instrumented: Any) -> None:
    """Make drafts by the instrumented package's own classes."""
    globals().update(Draft=instrumented.Draft, Order=instrumented.Order)


if __name__ == "__main__":
    main()
