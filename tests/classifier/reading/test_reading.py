"""Disguises are undone for judging, and every token knows where it was typed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.draft import Draft
from classifier.reading.folding import fold
from classifier.reading.language import LanguageJudge
from classifier.reading.reader import Reader, Reading
from classifier.reading.spelling import Words

WORDS = Words.load()
READER = Reader(WORDS, LanguageJudge(WORDS.english, frozenset({"en"}), frozenset({"es", "fr", "de", "it"})))


def read(body: str, subject: str = "") -> Reading:
    return READER.read(Draft("GG-1", subject, body))


def typed(reading: Reading, token: str) -> str:
    at = reading.tokens.index(token)
    return reading.draft.body[reading.starts[at] : reading.ends[at]]


@pytest.mark.parametrize(
    ("body", "word", "as_typed"),
    [
        ("We can s w a p it", "swap", "s w a p"),
        ("We can s.w.a.p it", "swap", "s.w.a.p"),
        ("please r-e-o-r-d-e-r now", "reorder", "r-e-o-r-d-e-r"),
        ("a sub-sti-tute for it", "substitute", "sub-sti-tute"),
        ("we ｓｗａｐ it", "swap", "ｓｗａｐ"),
        ("we ѕwар it", "swap", "ѕwар"),
        ("we swáp it", "swap", "swáp"),
        ("we sw\u200bap it", "swap", "sw\u200bap"),
        ("we sw4p it", "swap", "sw4p"),
        ("we c@ncel it", "cancel", "c@ncel"),
        ("we canc3lled it", "cancelled", "canc3lled"),
        ("we SWAP it", "swap", "SWAP"),
        ("we swaaaap it", "swap", "swaaaap"),
        ("we <b>sw</b>ap it", "swap", "sw</b>ap"),
        ("we s&#119;ap it", "swap", "s&#119;ap"),
        ("a subsitute for it", "substitute", "subsitute"),
        ("please confrim it", "confirm", "confrim"),
    ],
)
def test_a_disguised_or_mistyped_word_is_read_and_found_where_it_was_typed(body: str, word: str, as_typed: str) -> None:
    assert typed(read(body), word) == as_typed


@pytest.mark.parametrize("body", ["A 2-pack, 12x4 cm, $20", "e-mail us at 10:30", "Order GG-1 is a B2B order"])
def test_harmless_hyphens_numbers_and_prices_are_left_alone(body: str) -> None:
    assert "".join(read(body).tokens) == body.lower().replace(" ", "")


@settings(max_examples=300, deadline=None)
@given(subject=st.text(max_size=60), body=st.text(max_size=400))
def test_any_text_is_read_and_every_span_lies_inside_it(subject: str, body: str) -> None:
    reading = read(body, subject)
    last = {"subject": 0, "body": 0}
    for i in range(len(reading.tokens)):
        field = reading.field_of(i)
        text = subject if field == "subject" else body
        assert last[field] <= reading.starts[i] <= reading.ends[i] <= len(text)
        last[field] = reading.starts[i]
    covered = [t for first, end in reading.sentences for t in range(first, end)]
    assert covered == list(range(len(reading.tokens)))


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=300))
def test_folding_keeps_the_way_back(text: str) -> None:
    folded = fold(text)
    starts = folded.starts if folded.starts is not None else list(range(len(text)))
    assert len(starts) == len(folded.text)
    assert starts == sorted(starts)


def test_sentences_do_not_end_after_a_title_or_inside_a_number() -> None:
    reading = read("Dear Mr. Cole, it costs 10.50 today. Bye.")
    assert len(reading.sentences) == 2


@pytest.mark.parametrize(
    ("body", "code", "judged"),
    [
        ("Your order is delayed until Monday, we are sorry.", "en", "full"),
        ("Su pedido se retrasa hasta el lunes, lo sentimos mucho.", "es", "partial"),
        ("Ihre Bestellung verzögert sich leider bis zum Montag.", "de", "partial"),
        ("Votre commande est retardée jusqu'à lundi, désolés.", "fr", "partial"),
        ("Il tuo ordine è in ritardo fino a lunedì, ci dispiace.", "it", "partial"),
        ("Ваш заказ задерживается до понедельника, извините нас.", "ru", "none"),
        ("Twoje zamówienie jest opóźnione do poniedziałku, przepraszamy.", "pl", "none"),
        ("ok", "en", "full"),
    ],
)
def test_the_language_and_how_far_we_judge_it(body: str, code: str, judged: str) -> None:
    guess = read(body).language
    assert (guess.code, guess.judged) == (code, judged)


def test_look_alike_letters_do_not_make_english_another_language() -> None:
    assert read("Wе саn ѕwар it fоr the grееn оne, just say yes and wе ship it").language.code == "en"


def test_what_is_kept_in_memory_is_bounded() -> None:
    words = Words(["substitute"])
    for i in range(120_000):
        assert words.readings[f"unheard{i}"] == f"unheard{i}"
    assert len(words.readings) <= 50_000


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("Hi Ann,\n\nThe red one is gone.\n\nKind regards,\nMaya\nLamp Shop", "the red one is gone ."),
        ("Dear Mr. Lee, the red one is gone. Thanks, Ben", "the red one is gone ."),
        ("Hello\nThe red one is gone.\nBest wishes from all of us", "the red one is gone ."),
        ("Hi, would blue do?\nThanks,\nBen\nP.S. Or green?", "would blue do ? thanks , ben p . s . or green ?"),
        ("Hello is blue fine? Thanks to you it sold out.", "hello is blue fine ? thanks to you it sold out ."),
        ("Hello from Lampo!\n\nDear Ann,\nIt is gone.", "it is gone ."),
        ("Hi Ann,\nThanks,\nBen", "hi ann , thanks , ben"),
        ("Sold out.\nRegards,\nMaya\nblue instead ok", "sold out . regards , maya blue instead ok"),
        ("Hi blue instead, just say so.", "hi blue instead , just say so ."),
    ],
)  # fmt: skip
def test_the_models_hear_no_courtesies(body: str, words: str) -> None:
    assert " ".join(read(body).judged_words) == words


def test_a_line_end_closes_a_sentence_and_is_no_token() -> None:
    reading = read("We are out\r\n- of red\n\n\nBlue is here")
    assert [reading.span(*sentence).text for sentence in reading.sentences] == [
        "We are out",
        "- of red",
        "Blue is here",
    ]


@pytest.mark.parametrize("word", ["jjjjjjjj kkkkkk wwww zzzz qqqq", "hm hmm mm pp ww", "asdf qwer zxcv"])
def test_letters_that_make_no_word_say_nothing(word: str) -> None:
    assert read(" ".join([word] * 10)).says_nothing


def test_an_offer_made_many_times_says_something() -> None:
    assert not read("Want the red one instead? " * 10).says_nothing


def test_text_is_folded_alike_by_stretches_and_character_by_character() -> None:
    odd = "ﬁ…ß\u200b\u0301½"
    for gap in (0, 3, 40):  # dense ones are folded one by one, rare ones stretch by stretch
        text = "".join(f"{character}{'aÉ`x’ Ж' * gap}" for character in odd * 2)
        whole = fold(text)
        one_by_one = [(letter, i) for i, character in enumerate(text) for letter in fold(character + "…").text[:-3]]
        assert whole.text == "".join(letter for letter, _ in one_by_one)
        assert whole.starts == [i for _, i in one_by_one]
        assert whole.ends == [i + 1 for _, i in one_by_one]
