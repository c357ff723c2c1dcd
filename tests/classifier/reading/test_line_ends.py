"""A wrapped line goes on in the next one; bullets, headings and greetings do not."""

import pytest

from classifier import Draft, Screener


@pytest.mark.parametrize(
    ("body", "sentences"),
    [
        (
            "Would you like the\nblue one\ninstead? We send it today.",
            ["would you like the blue one instead ?", "we send it today ."],
        ),
        (
            "We are sorry to say that the lorry broke down on its way to the old\nManchester depot and will be late.",
            ["we are sorry to say that the lorry broke down on its way to the old manchester depot and will be late ."],
        ),
        ("What we have:\n- a red one\n- a blue one", ["what we have :", "- a red one", "- a blue one"]),
        ("1. wait\n2. take your money back", ["1 . wait", "2 . take your money back"]),
        ("The lamp is late\n\nit comes on Friday", ["the lamp is late", "it comes on friday"]),
        ("Lieferung verspätet\nNeuer Termin Freitag", ["lieferung verspatet", "neuer termin freitag"]),
        ("your order is late\nsorry\ncomes friday", ["your order is late", "sorry", "comes friday"]),
    ],
)
def test_sentences(screener: Screener, body: str, sentences: list[str]) -> None:
    reading = screener.read(Draft("GG-1", "", body))
    assert [" ".join(reading.tokens[first:end]) for first, end in reading.sentences] == sentences


def test_a_span_runs_over_a_line_end(screener: Screener) -> None:
    reading = screener.read(Draft("GG-1", "", "The blue\nkettle is late."))
    assert reading.span(0, 3).text == "The blue\nkettle"
