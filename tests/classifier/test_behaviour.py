"""Behaviour in the manner of CheckList: what must not matter (invariance), and what must (direction)."""

import pytest

from classifier import Draft, Label, LabelledDraft, Order, Screener
from training.evaluation.perturbations import DISGUISES, SURROUNDINGS, flips
from training.tickets.loading import parse

from .test_golden import ROWS

PLAIN = [row for row in ROWS if row["decision"] != "warn" or not row["labels"]]


def labelled() -> list[LabelledDraft]:
    keys = ("id", "support_id", "subject", "body", "order", "labels")
    parsed = [parse({**{k: row[k] for k in keys}, "writer": "golden", "scenario": row["id"]}) for row in PLAIN]
    return [one for one in parsed if isinstance(one, LabelledDraft)]


def test_a_disguise_changes_at_most_one_verdict_in_a_hundred(screener: Screener) -> None:
    assert flips(screener, labelled(), DISGUISES)["all"] <= 0.01


@pytest.mark.parametrize("change", ["name", "product", "typo"])
def test_names_products_and_typos_change_few_verdicts(screener: Screener, change: str) -> None:
    assert flips(screener, labelled(), {change: SURROUNDINGS[change]})["all"] <= 0.03


CONFIRMED = "Your order has been cancelled as you requested. The refund takes three days."


@pytest.mark.parametrize(
    "added",
    [
        "May I ask why you cancelled?",
        "Please reconsider, we can offer you 20% off if you keep the order.",
        "Was it the price? Let us know what went wrong.",
        "You can reorder here with the coupon COMEBACK10.",
    ],
)
def test_probing_added_to_a_confirmation_raises_the_probability_and_is_not_allowed(
    screener: Screener, added: str
) -> None:
    before = screener.screen(Draft("GG-1", "Your cancellation", CONFIRMED))
    after = screener.screen(Draft("GG-1", "Your cancellation", f"{CONFIRMED} {added}"))
    assert after.probabilities[Label.CANCELLATION_PROBING] > before.probabilities[Label.CANCELLATION_PROBING]
    assert after.decision == "block"


STOCK = "The walnut desk is out of stock, so we have cancelled your order and refunded you in full."


@pytest.mark.parametrize(
    "added",
    [
        "Or would you like the oak one instead? Just say yes and we ship it.",
        "We can send you the oak desk as a replacement, please confirm.",
        "Unless you object we will ship the white one in its place.",
    ],
)
def test_an_offer_added_to_a_cancellation_turns_allow_into_block(screener: Screener, added: str) -> None:
    assert screener.screen(Draft("GG-1", "Order cancelled, out of stock", STOCK)).decision == "allow"
    assert screener.screen(Draft("GG-1", "Order cancelled, out of stock", f"{STOCK} {added}")).decision == "block"


@pytest.mark.parametrize("label_less", ["Thank you for your order!", "Your tracking number is 1Z999AA10123456784."])
def test_a_draft_without_a_reason_is_warned(screener: Screener, label_less: str) -> None:
    assert screener.screen(Draft("GG-1", "About your purchase", label_less)).decision == "warn"


WELCOME = "Your order of the red kettle was cancelled. You are welcome to place a new order whenever you like."


def test_the_order_s_state_decides_about_an_invitation(screener: Screener) -> None:
    draft = Draft("GG-1", "Order cancelled", WELCOME)
    assert screener.screen(draft, Order(cancelled_by="customer")).decision == "block"
    assert Label.CANCELLATION_PROBING not in screener.screen(draft, Order(cancelled_by="merchant")).labels
    assert screener.screen(draft, Order(cancelled_by="merchant")).decision != "block"
