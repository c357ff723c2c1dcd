"""The screener as its users call it: the contract's lines, and any text at all."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier import LABELS, Draft, Label, Order, Screener
from classifier.matching.rulebook import RuleBook
from classifier.policy.policy import Policy

SUBSTITUTE = Draft(
    "GG-8K2P-4L7Q-XY19",
    "Your order",
    "Hi Dana, the blue jacket is out of stock. Would you like the green one instead? Just reply yes and we ship it.",
)

PERMITTED = {
    Label.ADDRESS_REQUEST: Draft(
        "GG-1001",
        "Apartment number needed for your order",
        "Hello, your shipping address is missing the apartment number. Please reply with it so that we can ship.",
    ),
    Label.DELAY_NOTICE: Draft(
        "GG-1002",
        "Your delivery is delayed",
        "Hello, a storm has held up the carrier and your order will arrive two days late, on Friday. We are sorry.",
    ),
    Label.RETURNED_TO_SENDER: Draft(
        "GG-1003",
        "Your parcel was returned to us",
        "Hello, the carrier returned your parcel to us as undeliverable. Shall we send it again, or refund you?",
    ),
    Label.INVENTORY_CANCELLATION: Draft(
        "GG-1004",
        "Your order was cancelled: out of stock",
        "Hello, the blue jacket is out of stock, so we have cancelled your order and refunded you. "
        "You are welcome to place a new order for one of our other jackets.",
    ),
}


def test_a_substitute_offer_is_blocked_with_the_words_at_fault_and_what_to_write(screener: Screener) -> None:
    verdict = screener.screen(SUBSTITUTE)
    assert verdict.decision == "block"
    assert Label.SUBSTITUTE_OFFER in verdict.labels
    first = verdict.findings[0]
    assert first.label == Label.SUBSTITUTE_OFFER
    assert first.text is not None
    assert "green one" in first.text
    assert first.guidance
    assert first.text == SUBSTITUTE.body[first.start : first.end]


@pytest.mark.parametrize("label", PERMITTED)
def test_the_four_permitted_situations_of_the_policy_are_allowed(screener: Screener, label: Label) -> None:
    verdict = screener.screen(PERMITTED[label])
    assert verdict.decision == "allow"
    assert label in verdict.labels


def test_the_offered_replacement_turns_a_block_into_an_allow(screener: Screener) -> None:
    first = screener.screen(SUBSTITUTE).findings[0]
    assert first.replacement is not None
    body = SUBSTITUTE.body[: first.replace_start] + first.replacement
    assert screener.screen(Draft(SUBSTITUTE.support_id, "Your order was cancelled", body)).decision == "allow"


def test_all_six_probabilities_are_there_and_are_probabilities(screener: Screener) -> None:
    probabilities = screener.screen(SUBSTITUTE).probabilities
    assert set(probabilities) == set(LABELS)
    assert all(0.0 <= p <= 1.0 for p in probabilities.values())


def test_screen_many_gives_the_same_verdicts_in_order(screener: Screener) -> None:
    drafts = [SUBSTITUTE, *PERMITTED.values()]
    orders = [None, Order(cancelled_by="customer"), None, Order(cancelled_by="merchant"), None]
    assert screener.screen_many(drafts, orders) == [screener.screen(d, o) for d, o in zip(drafts, orders, strict=True)]
    with pytest.raises(ValueError, match="5 drafts and 1 orders"):
        screener.screen_many(drafts, [None])


def test_a_verdict_names_the_versions_that_made_it(screener: Screener) -> None:
    versions = screener.screen(SUBSTITUTE).versions
    assert versions.model.startswith("model-")
    assert versions.rules == RuleBook.load().version
    assert versions.policy == Policy.load().version


def test_the_same_draft_gets_the_same_verdict_however_often(screener: Screener) -> None:
    assert screener.screen(SUBSTITUTE) == screener.screen(SUBSTITUTE)


def test_rules_alone_judge_too() -> None:
    alone = Screener(policy=Policy.load(), book=RuleBook.load(), artifact=None)
    assert alone.screen(SUBSTITUTE).decision == "block"
    assert alone.screen(SUBSTITUTE).versions.model == "none"


@settings(max_examples=150, deadline=None)
@given(support_id=st.text(max_size=30), subject=st.text(max_size=60), body=st.text(max_size=300))
def test_any_text_gets_a_verdict_whose_spans_lie_inside_it(
    screener: Screener, support_id: str, subject: str, body: str
) -> None:
    texts = {"support_id": support_id, "subject": subject, "body": body}
    verdict = screener.screen(Draft(support_id, subject, body))
    assert verdict.decision in ("allow", "warn", "block")
    for finding in verdict.findings:
        if finding.start is not None:
            assert finding.field is not None
            assert finding.text == texts[finding.field][finding.start : finding.end]


@pytest.mark.parametrize(
    "body",
    ["", " ", "\x00", "\ud800 lone", "a" * 100_000, "swap " * 20_000, "<" * 5_000, "&" * 5_000, "s " * 5_000, "\n" * 99,
     "😀" * 3_000, "\u202eright to left", "é" * 4_000, "a-" * 5_000],
    ids=lambda body: repr(body[:6]),
)  # fmt: skip
def test_odd_texts_get_a_verdict(screener: Screener, body: str) -> None:
    assert screener.screen(Draft("GG-1", body[:200], body)).decision in ("allow", "warn", "block")


@pytest.mark.parametrize(
    "body",
    [
        "Niestety zamówiony czajnik nie jest dostępny. Czy możemy wysłać inny model zamiast niego? Bardzo nam przykro.",
        "Helaas is de ketel uitverkocht. Zullen wij u in plaats daarvan de grijze sturen? Het spijt ons zeer.",
    ],
)
def test_a_language_that_we_cannot_judge_is_warned_and_called_nothing_else(screener: Screener, body: str) -> None:
    verdict = screener.screen(Draft("GG-8K2P-4L7Q-XY19", "Zamówienie 17", body))
    assert (verdict.decision, verdict.labels) == ("warn", frozenset())
    assert [finding.id for finding in verdict.findings] == ["language-not-judged"]


def test_an_offer_in_english_amid_such_a_language_is_still_an_offer(screener: Screener) -> None:
    body = (
        "Niestety zamówiony czajnik nie jest dostępny i bardzo nam przykro.\n\n"
        "The blue kettle is sold out. Would you like the grey one instead?\n\nPozdrawiamy i życzymy miłego dnia."
    )
    assert screener.screen(Draft("GG-8K2P-4L7Q-XY19", "Zamówienie 17", body)).decision == "block"
