"""Reading, matching and judging on whatever bytes: a few hundred in the suite, without end by `reading_fuzzer`."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from classifier import Screener
from tests.classifier.reading.reading_fuzzer import LONGEST, PIECES, draft_of, judge, text_of, warm

# small languages of bytes: whatever comes, short programs that repeat themselves, and one piece over and over
programs = st.lists(
    st.one_of(
        st.binary(max_size=12),
        st.integers(0, len(PIECES) - 1).map(lambda at: bytes([at])),
        st.tuples(st.sampled_from([252, 253]), st.integers(0, 255), st.integers(0, 40)).map(bytes),
        st.tuples(st.sampled_from([254, 255]), st.integers(0, 255), st.integers(0, 255)).map(bytes),
    ),
    max_size=40,
).map(b"".join)


@pytest.fixture(scope="module")
def screener() -> Screener:
    return warm(Screener.load())


@settings(
    max_examples=250, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(head=st.binary(min_size=2, max_size=2), program=programs)
def test_whatever_the_bytes_are_the_draft_is_judged(screener: Screener, head: bytes, program: bytes) -> None:
    judge(screener, head + program)


def test_the_language_of_bytes_reaches_every_piece_and_repeats() -> None:
    assert {text_of(bytes([at])) for at in range(len(PIECES))} == set(PIECES)
    assert text_of(bytes([0, 1, 252, 1, 1])) == "ab" + "ab" * 10
    assert text_of(b"\xfe\x26\x0e") == "\u260e"
    assert len(text_of(bytes([0, 253, 0, 255]) * 40)) == LONGEST
    assert draft_of(b"\x03\x02abc")[0].subject == "ab"


def test_a_fault_is_seen() -> None:
    class Faulty(Screener):
        def partial_evidence(self, draft, order=None, **named):  # type: ignore[no-untyped-def]
            raise IndexError("out of range")

    with pytest.raises(IndexError):
        judge(Faulty.load(), b"\0\0abc")
