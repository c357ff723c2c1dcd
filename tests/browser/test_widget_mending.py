"""What may be written instead: tried before it is offered, asked where only the merchant knows, and whole."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.compose_page import contact, details, expect_status, open_compose, panel_heading, use_first_text
from tests.browser.fake_service import CONFIRMED, LATER, REPLACEMENT, Plan


def test_what_does_not_mend_is_not_offered(page: Page, fake: str, plan: Plan) -> None:
    plan.still_at_fault = "welcome to place a new one"
    open_compose(page, fake, "Hello Sam. We send the oak one instead. Regards")
    contact(page)
    expect(panel_heading(page)).to_have_text("This cannot be sent as it is")
    expect(page.locator(".mend")).to_be_attached()
    expect(page.locator(".quiet")).to_have_count(0)
    assert page.get_by_role("button", name="Use this text instead").count() == 0
    assert any(REPLACEMENT in request["body"] for request in plan.previews())


def test_what_only_the_merchant_knows_is_a_choice(page: Page, fake: str, plan: Plan) -> None:
    plan.strict = True
    open_compose(page, fake, "Hello Sam. We send the oak one instead. Regards")
    contact(page)
    offers = page.locator(".offer")
    expect(offers).to_have_count(2)
    expect(offers.nth(0)).to_contain_text("Only if it is true: You have cancelled it.")
    expect(offers.nth(0)).to_contain_text(REPLACEMENT)
    expect(offers.nth(1)).not_to_contain_text("Only if it is true")
    offers.nth(1).get_by_role("button").click()
    expect(details(page)).to_have_value(f"Hello Sam. {LATER} Regards")
    expect(panel_heading(page)).to_have_text("Fine to send now")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Hi Dana, would you take the green one instead? Just reply yes and we ship it. Bye",
         f"Hi Dana, {REPLACEMENT} Bye"),
        ("Hi,\n\nWe have these instead:\n- green\n- blue\n\nBye", f"Hi,\n\n{REPLACEMENT}\n\nBye"),
        ("News:\n1. The oak lamp instead.\n2. It comes late.\nBye", f"News:\n1. {REPLACEMENT}\n2. It comes late.\nBye"),
        ("Hi 😀. The oak one instead? Nice.\n\nOr pine instead?\n\nBye", f"Hi 😀. {REPLACEMENT} Nice.\n\nBye"),
    ],
    ids=["greeting and follow-up", "list", "list item", "two offers"],
)  # fmt: skip
def test_the_whole_offer_is_replaced(page: Page, fake: str, before: str, after: str) -> None:
    open_compose(page, fake, before)
    contact(page)
    use_first_text(page)
    expect(details(page)).to_have_value(after)


def test_words_are_left_out_where_the_draft_has_something_else_to_say(page: Page, fake: str, plan: Plan) -> None:
    plan.strict = True
    open_compose(page, fake, "Hello Sam, your order is late. Tell us why you ordered. Regards")
    contact(page)
    page.get_by_role("button", name="Leave these words out").click()
    expect(details(page)).to_have_value("Hello Sam, your order is late. Regards")
    expect(panel_heading(page)).to_have_text("Fine to send now")


def test_where_nothing_else_is_said_nothing_needs_to_be_sent(page: Page, fake: str, plan: Plan) -> None:
    plan.strict = True
    open_compose(page, fake, "Hello Sam. May we ask why? Regards")
    expect_status(page, "Cannot be sent")
    contact(page)
    expect(page.locator(".mend")).to_contain_text("Nothing needs to be sent.")
    expect(page.locator(".offer")).to_contain_text("Only if it is true: It was so.")
    expect(page.locator(".offer")).to_contain_text(CONFIRMED)
    assert page.get_by_role("button", name="Leave these words out").count() == 0


def test_nothing_is_tried_before_it_is_looked_at(page: Page, fake: str, plan: Plan) -> None:
    open_compose(page, fake, "Hello Sam. We send the oak one instead. Regards")
    expect_status(page, "Cannot be sent")
    page.wait_for_timeout(500)
    assert len(plan.previews()) == 1
