"""Nothing that was typed is lost, and nothing shows up where it was not typed: letters, reasons, appeals."""

import json

from playwright.sync_api import Page, Route, expect

from tests.browser.compose_page import (
    BLOCKED,
    CHATTY,
    FINE,
    contact,
    details,
    expect_status,
    kept,
    open_compose,
    panel_heading,
    set_attributes,
)
from tests.browser.fake_service import Plan

ORDER = """<!doctype html><html lang="en"><title>Order</title>
<script type="module" src="/compose/draft-screen.js"></script>
<form method="post" action="/pages/sent"><input name="support_id" value="{id}" aria-label="Support ID" readonly>
<input name="subject" aria-label="Subject"><textarea name="body" aria-label="Details"></textarea>
<draft-screen endpoint="/compose"></draft-screen><button>Contact Customer</button>
<button name="act" value="save" data-unscreened>Save draft</button></form></html>"""
TWO = """<!doctype html><html lang="en"><title>Two</title>
<script type="module" src="/compose/draft-screen.js"></script>
<form><input name="support_id" value="GG-1" aria-label="ID one"><input name="subject" aria-label="Subject one">
<textarea name="body" aria-label="Body one"></textarea><draft-screen endpoint="/compose"></draft-screen></form>
<form><input name="support_id" value="GG-1" aria-label="ID two"><input name="subject" aria-label="Subject two">
<textarea name="body" aria-label="Body two"></textarea><draft-screen endpoint="/compose"></draft-screen></form>
</html>"""


def order_page(page: Page, fake: str, plan: Plan, support_id: str) -> None:
    plan.pages["order"] = ORDER.format(id=support_id)
    page.goto(fake + "/pages/order")


def test_a_letter_never_appears_in_the_form_of_another_order(page: Page, fake: str, plan: Plan) -> None:
    order_page(page, fake, plan, "GG-AAAA-1111")
    details(page).fill("Dear Anna, your order is late.")
    expect_status(page, "Fine to send")
    order_page(page, fake, plan, "GG-BBBB-2222")
    expect_status(page, "Checked as you type")
    assert details(page).input_value() == ""
    expect(page.locator(".kept")).to_be_hidden()
    order_page(page, fake, plan, "GG-AAAA-1111")
    expect(page.locator(".kept")).to_contain_text("Restore unsent draft?")
    assert details(page).input_value() == ""
    page.get_by_role("button", name="Restore").click()
    expect(details(page)).to_have_value("Dear Anna, your order is late.")


def test_an_offer_may_be_discarded(page: Page, fake: str, plan: Plan) -> None:
    order_page(page, fake, plan, "GG-AAAA-1111")
    details(page).fill(FINE)
    page.reload()
    page.get_by_role("button", name="Discard").click()
    expect(page.locator(".kept")).to_be_hidden()
    page.reload()
    expect(page.locator(".status")).to_be_visible()
    expect(page.locator(".kept")).to_be_hidden()
    assert FINE not in kept(page)


def test_a_sent_letter_is_forgotten_after_a_plain_post(page: Page, fake: str, plan: Plan) -> None:
    order_page(page, fake, plan, "GG-AAAA-1111")
    details(page).fill(FINE)
    contact(page)
    page.wait_for_url("**/pages/sent")
    assert FINE not in kept(page)
    order_page(page, fake, plan, "GG-AAAA-1111")
    expect(page.locator(".status")).to_be_visible()
    expect(page.locator(".kept")).to_be_hidden()
    assert details(page).input_value() == ""


def test_two_forms_without_ids_keep_their_own_words(page: Page, fake: str, plan: Plan) -> None:
    plan.pages = {"two": TWO}
    page.goto(fake + "/pages/two")
    page.get_by_label("Body one").fill("All is well, one.")
    page.get_by_label("Body two").fill("All is well, two.")
    page.reload()
    expect(page.get_by_role("button", name="Restore")).to_have_count(2)
    for _ in range(2):
        page.get_by_role("button", name="Restore").first.click()
    expect(page.get_by_label("Body one")).to_have_value("All is well, one.")
    expect(page.get_by_label("Body two")).to_have_value("All is well, two.")


def test_an_id_that_is_being_typed_leaves_no_copies_behind(page: Page, fake: str) -> None:
    page.goto(fake + "/compose")
    details(page).fill(FINE)
    page.get_by_label("Support ID").press_sequentially("GG-12")
    stored = page.evaluate("Object.entries(sessionStorage).filter(([, value]) => value.includes('late'))")
    assert [key.rsplit(":", 1)[1] for key, _ in stored] == ["GG-12"]


def test_restoring_over_new_words_loses_neither(page: Page, fake: str, plan: Plan) -> None:
    order_page(page, fake, plan, "GG-AAAA-1111")
    details(page).fill(FINE)
    page.reload()
    expect(page.locator(".kept")).to_be_visible()
    details(page).fill("Something new, late.")
    page.get_by_role("button", name="Restore").click()
    expect(details(page)).to_have_value(FINE)
    page.get_by_role("button", name="Restore").click()
    expect(details(page)).to_have_value("Something new, late.")


def test_a_reason_survives_an_outage_and_the_same_request_is_tried_again(page: Page, fake: str, plan: Plan) -> None:
    open_compose(page, fake, CHATTY)
    set_attributes(page, budget="400")
    contact(page)
    plan.away = {"acknowledge"}
    page.get_by_label("Reason, if you send it anyway").fill("The customer asked for it")
    page.get_by_role("button", name="Send anyway").click()
    expect(panel_heading(page)).to_have_text("The check cannot be reached")
    plan.away = set()
    screened = len(plan.sends())
    page.get_by_role("button", name="Try again").click()
    expect(panel_heading(page)).to_have_text("Sent to your customer")
    assert plan.requests[-1]["reason"] == "The customer asked for it"
    assert len(plan.sends()) == screened


def test_the_words_of_an_appeal_survive_an_outage_and_a_reload(page: Page, fake: str, plan: Plan) -> None:
    open_compose(page, fake, BLOCKED)
    set_attributes(page, budget="400")
    contact(page)
    plan.away = {"appeal"}
    page.get_by_role("button", name="Appeal").click()
    page.get_by_label("Why should this draft be allowed?").fill("It is the same lamp")
    page.get_by_role("button", name="Send appeal").click()
    expect(panel_heading(page)).to_have_text("The check cannot be reached")
    page.reload()
    plan.away = set()
    page.get_by_role("button", name="Restore").click()
    contact(page)
    page.get_by_role("button", name="Appeal").click()
    expect(page.get_by_label("Why should this draft be allowed?")).to_have_value("It is the same lamp")
    page.get_by_role("button", name="Send appeal").click()
    expect(panel_heading(page)).to_have_text("Your appeal is with the reviewers")
    assert plan.requests[-1]["message"] == "It is the same lamp"


def test_from_an_appeal_a_way_leads_back_to_the_findings(page: Page, fake: str) -> None:
    open_compose(page, fake, BLOCKED)
    contact(page)
    page.get_by_role("button", name="Appeal").click()
    page.get_by_label("Why should this draft be allowed?").fill("It is the same lamp")
    page.get_by_role("button", name="Back to the findings").click()
    expect(panel_heading(page)).to_have_text("This cannot be sent as it is")
    expect(page.locator(".panel textarea")).to_have_count(0)
    expect(page.locator(".panel").get_by_role("button", name="Edit")).to_be_visible()
    appeal = page.get_by_role("button", name="Appeal")
    expect(appeal).to_be_focused()
    appeal.press("Enter")
    expect(page.get_by_label("Why should this draft be allowed?")).to_have_value("It is the same lamp")


def appealed_and_granted(page: Page, fake: str, plan: Plan) -> None:
    """An appeal that is granted while the page is away."""
    open_compose(page, fake, BLOCKED)
    contact(page)
    page.get_by_role("button", name="Appeal").click()
    page.get_by_label("Why should this draft be allowed?").fill("It is the same lamp")
    page.get_by_role("button", name="Send appeal").click()
    expect(panel_heading(page)).to_have_text("Your appeal is with the reviewers")
    plan.appeal = {"state": "overturned", "note": None}
    page.reload()
    expect(panel_heading(page)).to_have_text("Your appeal was granted")


def test_an_empty_form_is_no_change_of_the_draft_that_was_granted(page: Page, fake: str, plan: Plan) -> None:
    appealed_and_granted(page, fake, plan)
    assert details(page).input_value() == ""
    expect(page.locator(".panel")).to_contain_text("It is not in the form at the moment")
    expect(page.locator(".panel")).not_to_contain_text("changed")
    page.reload()  # what was granted is not lost with the page
    expect(panel_heading(page)).to_have_text("Your appeal was granted")
    page.get_by_role("button", name="Use the draft of the appeal").click()
    expect(page.locator(".kept")).to_be_hidden()
    page.get_by_role("button", name="Send it now").click()
    expect(panel_heading(page)).to_have_text("Sent to your customer")
    page.reload()
    expect_status(page, "Checked as you type")
    expect(panel_heading(page)).to_have_count(0)


def test_restoring_the_draft_that_was_granted_offers_to_send_it(page: Page, fake: str, plan: Plan) -> None:
    appealed_and_granted(page, fake, plan)
    page.get_by_role("button", name="Restore").click()
    expect(page.get_by_role("button", name="Send it now")).to_be_visible()
    expect_status(page, "Allowed by a reviewer")
    details(page).press("End")
    details(page).press_sequentially("!")
    expect(page.locator(".panel")).to_contain_text("You have changed it since")
    details(page).press("Backspace")
    page.get_by_role("button", name="Send it now").click()
    expect(panel_heading(page)).to_have_text("Sent to your customer")


def test_a_granted_appeal_is_announced_and_the_ordinary_button_sends_it(page: Page, fake: str, plan: Plan) -> None:
    page.clock.install()
    open_compose(page, fake, BLOCKED)
    page.clock.run_for(1000)
    expect_status(page, "Cannot be sent")
    contact(page)
    page.get_by_role("button", name="Appeal").click()
    page.clock.run_for(100)
    page.get_by_label("Why should this draft be allowed?").fill("It is the same lamp")
    page.get_by_role("button", name="Send appeal").click()
    expect(panel_heading(page)).to_have_text("Your appeal is with the reviewers")
    plan.appeal = {"state": "overturned", "note": None}
    page.clock.run_for(6000)
    expect(panel_heading(page)).to_have_text("Your appeal was granted")
    expect_status(page, "Allowed by a reviewer")
    expect(page.locator(".live")).to_contain_text("Your appeal was granted")
    assert page.locator(".line").count() == 0
    sends = len(plan.sends())
    with page.expect_request("**/compose/send") as sent:
        contact(page)
    assert sent.value.post_data_json["screening_pass"] == "pass-3"
    assert len(plan.sends()) == sends


def test_the_draft_of_a_granted_appeal_can_be_had_again(page: Page, fake: str, plan: Plan) -> None:
    page.goto(fake + "/compose#GG-8K2P-4L7Q-XY19")
    draft = {"support_id": "GG-8K2P-4L7Q-XY19", "subject": "Lamp", "body": BLOCKED}
    as_typed = json.dumps(draft, separators=(",", ":"), ensure_ascii=False)
    record = json.dumps({"contested": {"id": "s1", "draft": as_typed}})
    key = "draft-screen:/compose#contact:GG-8K2P-4L7Q-XY19"
    page.evaluate("([key, record]) => sessionStorage.setItem(key, record)", [key, record])
    plan.appeal = {"state": "overturned", "note": None}
    page.reload()
    expect(panel_heading(page)).to_have_text("Your appeal was granted")
    page.get_by_role("button", name="Use the draft of the appeal").click()
    expect(details(page)).to_have_value(BLOCKED)
    expect_status(page, "Allowed by a reviewer")
    page.get_by_role("button", name="Send it now").click()
    expect(panel_heading(page)).to_have_text("Sent to your customer")


def test_the_button_is_held_until_the_page_says_what_became_of_it(page: Page, fake: str, plan: Plan) -> None:
    open_compose(page, fake, FINE)
    sent: list[Route] = []
    page.route("**/compose/send", lambda route: sent.append(route))  # answered later
    button = page.get_by_role("button", name="Contact Customer")
    button.click()
    expect(button).to_have_attribute("aria-disabled", "true")
    expect_status(page, "Sending…")
    for _ in range(2):
        button.click(force=True)
    page.wait_for_timeout(500)
    assert len(sent) == 1
    sent[0].fulfill(status=409, json={"detail": "The pass has expired."})
    expect(button).not_to_have_attribute("aria-disabled", "true")
    page.unroute_all()
    button.click()
    expect(panel_heading(page)).to_have_text("Sent to your customer")


def test_a_button_that_saves_is_not_screened(page: Page, fake: str, plan: Plan) -> None:
    order_page(page, fake, plan, "GG-AAAA-1111")
    details(page).fill(BLOCKED)
    page.get_by_role("button", name="Save draft").click()
    page.wait_for_url("**/pages/sent")
    assert plan.sends() == []
    assert plan.posts[0]["act"] == "save"
    assert not plan.posts[0].get("screening_pass")
