"""Pressing send: pass, confirmation, explanation, appeal; and what happens when the check cannot be reached."""

import pytest
from playwright.sync_api import Page, expect

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
    use_first_text,
)
from tests.browser.fake_service import Plan


def test_allowed_goes_out_with_its_pass_and_shows_the_reminder(page: Page, fake: str, plan: Plan) -> None:
    open_compose(page, fake, FINE)
    with page.expect_request("**/compose/send") as sent:
        contact(page)
    assert sent.value.post_data_json == {
        "support_id": "GG-8K2P-4L7Q-XY19", "subject": "About your order for a lamp", "body": FINE,
        "screening_pass": "pass-1", "screening_id": plan_id(sent.value.post_data_json), "screening_unscreened": "",
    }  # fmt: skip
    expect(panel_heading(page)).to_have_text("Sent to your customer")
    expect(page.locator(".panel")).to_contain_text("Reply within 1 business day.")
    assert FINE not in kept(page)
    assert len(plan.sends()) == 1


def plan_id(sent: dict[str, str]) -> str:
    assert len(sent["screening_id"]) == 36
    return sent["screening_id"]


def test_warned_asks_once_and_goes_out_with_a_reason(page: Page, fake: str, plan: Plan) -> None:
    open_compose(page, fake, CHATTY)
    contact(page)
    expect(panel_heading(page)).to_have_text("Check before sending")
    expect(page.locator(".live")).to_contain_text("Check before sending")
    page.get_by_label("Reason, if you send it anyway").fill("The customer asked for it")
    page.get_by_role("button", name="Send anyway").click()
    expect(panel_heading(page)).to_have_text("Sent to your customer")
    assert plan.requests[-1]["reason"] == "The customer asked for it"


def test_warned_and_edited(page: Page, fake: str) -> None:
    open_compose(page, fake, CHATTY)
    contact(page)
    page.get_by_role("button", name="Edit").click()
    expect(details(page)).to_be_focused()
    details(page).fill(FINE)
    expect(panel_heading(page)).to_have_text("Fine to send now")


def test_blocked_then_replaced_shows_what_was_cleared_and_left(page: Page, fake: str, plan: Plan) -> None:
    open_compose(page, fake, "Hello Sam. The oak one instead. Or the pine one instead? Thanks")
    contact(page)
    expect(panel_heading(page)).to_have_text("This cannot be sent as it is")
    details(page).fill("Hello Sam. Or the pine one instead? Thanks")
    expect(panel_heading(page)).to_have_text("Still cannot be sent")
    expect(page.locator(".changes .cleared")).to_contain_text("oak one instead")
    expect(page.locator(".changes .left")).to_contain_text("pine one instead")
    contact(page)
    use_first_text(page)
    expect(panel_heading(page)).to_have_text("Fine to send now")
    contact(page)
    expect(panel_heading(page)).to_have_text("Sent to your customer")
    assert [bool(request.get("previous_screening_id")) for request in plan.sends()] == [False, True, True]


@pytest.mark.parametrize(
    ("state", "heading"),
    [("upheld", "Your appeal was declined"), ("overturned", "Your appeal was granted")],
)
def test_an_appeal_and_what_becomes_of_it(page: Page, fake: str, plan: Plan, state: str, heading: str) -> None:
    page.clock.install()
    open_compose(page, fake, BLOCKED)
    contact(page)
    page.get_by_role("button", name="Appeal").click()
    page.get_by_label("Why should this draft be allowed?").fill("It is the same lamp")
    page.get_by_role("button", name="Send appeal").click()
    expect(panel_heading(page)).to_have_text("Your appeal is with the reviewers")
    assert plan.requests[-1]["message"] == "It is the same lamp"
    plan.appeal = {"state": state, "note": "Looked at it."}
    page.clock.run_for(6000)
    expect(panel_heading(page)).to_have_text(heading)
    expect(page.locator(".panel")).to_contain_text("Looked at it.")
    assert page.get_by_role("button", name="Send it now").count() == (state == "overturned")


def test_an_appeal_survives_a_reload(page: Page, fake: str, plan: Plan) -> None:
    open_compose(page, fake, BLOCKED)
    contact(page)
    page.get_by_role("button", name="Appeal").click()
    page.get_by_label("Why should this draft be allowed?").fill("It is the same lamp")
    page.get_by_role("button", name="Send appeal").click()
    expect(panel_heading(page)).to_have_text("Your appeal is with the reviewers")
    plan.appeal = {"state": "upheld", "note": None}
    page.clock.install()
    page.reload()
    page.clock.run_for(6000)
    expect(panel_heading(page)).to_have_text("Your appeal was declined")


def test_changed_while_being_checked_is_not_sent(page: Page, fake: str, plan: Plan) -> None:
    open_compose(page, fake, FINE)
    expect_status(page, "Fine to send")
    plan.delay = 1.0
    contact(page)
    details(page).press_sequentially("!")
    expect(panel_heading(page)).to_have_text("Not sent")
    assert details(page).input_value() == FINE + "!"


def test_a_hiccup_is_retried_with_the_same_idempotency_key(page: Page, fake: str, plan: Plan) -> None:
    open_compose(page, fake, FINE)
    expect_status(page, "Fine to send")
    plan.statuses = [503, 429]
    contact(page)
    expect(panel_heading(page)).to_have_text("Sent to your customer")
    assert len(plan.sends()) == 3
    assert len({key for key in plan.keys if key}) == 1


@pytest.mark.parametrize("fault", ["slow", "dead"])
def test_unreachable_fails_closed_and_keeps_the_text(page: Page, fake: str, plan: Plan, fault: str) -> None:
    open_compose(page, fake, FINE)
    expect_status(page, "Fine to send")
    set_attributes(page, budget="900")
    if fault == "slow":
        plan.delay = 5.0
    else:
        page.route("**/compose/screen", lambda route: route.abort())
    contact(page)
    expect(panel_heading(page)).to_have_text("The check cannot be reached")
    assert FINE in kept(page)
    page.unroute_all()
    plan.delay = 0.0
    page.reload()
    page.get_by_role("button", name="Restore").click()
    expect(details(page)).to_have_value(FINE)
    contact(page)
    expect(panel_heading(page)).to_have_text("Sent to your customer")


def test_unreachable_fails_open_where_set(page: Page, fake: str) -> None:
    open_compose(page, fake, FINE)
    expect_status(page, "Fine to send")
    set_attributes(page, budget="600", on_failure="open")
    page.route("**/compose/screen", lambda route: route.abort())
    page.route("**/compose/send", lambda route: route.fulfill(json={"sent": True}))
    with page.expect_request("**/compose/send") as sent:
        contact(page)
    assert sent.value.post_data_json["screening_unscreened"] == "true"
    expect(panel_heading(page)).to_have_text("Sent without a check")


def test_failing_open_lets_nothing_out_that_was_blocked(page: Page, fake: str) -> None:
    open_compose(page, fake, BLOCKED)
    set_attributes(page, budget="600", on_failure="open")
    contact(page)
    expect(panel_heading(page)).to_have_text("This cannot be sent as it is")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.url.endswith("/send") else None)
    page.route("**/compose/screen*/**", lambda route: route.abort())
    page.route("**/compose/screen", lambda route: route.abort())
    page.get_by_role("button", name="Appeal").click()
    page.get_by_label("Why should this draft be allowed?").fill("Please")
    page.get_by_role("button", name="Send appeal").click()
    expect(panel_heading(page)).to_have_text("The check cannot be reached")
    contact(page)
    page.wait_for_timeout(900)
    expect(panel_heading(page)).to_have_text("The check cannot be reached")
    assert sent == []


def test_while_the_check_is_away_typing_goes_on(page: Page, fake: str) -> None:
    page.route("**/compose/screen", lambda route: route.abort())
    page.goto(fake + "/compose")
    set_attributes(page, budget="300")
    open_fields(page)
    expect_status(page, "Not checked just now. You can keep writing.")
    details(page).press_sequentially("and more")
    assert "and more" in kept(page)


def open_fields(page: Page) -> None:
    page.get_by_label("Support ID").fill("GG-8K2P-4L7Q-XY19")
    details(page).fill(FINE)


MERCHANT_WORDS = [
    (401, {}, "You are not signed in any more", "Sign in again"),
    (413, {}, "This draft is too long", "Shorten it"),
    (422, {"errors": [{"field": "body", "message": "Input should be a valid string"}]},
     "This draft cannot be checked", "Look at the field “Details”"),
    (404, {}, "The check does not work on this page", "tell the support"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "more", "heading", "text"), MERCHANT_WORDS)
def test_what_the_service_refuses_is_explained_and_never_sent(
    page: Page, fake: str, plan: Plan, status: int, more: dict[str, object], heading: str, text: str
) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    open_compose(page, fake, FINE)
    expect_status(page, "Fine to send")
    set_attributes(page, on_failure="open")
    plan.statuses = [status]
    plan.problem = {"title": "Request Entity Unsuitable", "detail": "pydantic says no", **more}
    contact(page)
    expect(panel_heading(page)).to_have_text(heading)
    expect(page.locator(".panel")).to_contain_text(text)
    assert "pydantic" not in (page.locator(".panel").text_content() or "")
    told = [line for line in said if line.startswith("draft-screen:")]
    assert bool(told) == (status in (401, 404))
    assert all("endpoint" in line and str(status) in line for line in told)
    page.get_by_role("button", name="Try again").click()
    expect(panel_heading(page)).to_have_text("Sent to your customer")


def test_a_page_that_is_no_answer_is_a_broken_proxy(page: Page, fake: str) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.route("**/compose/screen", lambda route: route.fulfill(body="<p>Sign in</p>", content_type="text/html"))
    open_compose(page, fake, FINE)
    expect_status(page, "Not checked: the check does not work on this page.")
    assert [line for line in said if "did not answer with JSON" in line]


def test_what_a_preview_blocked_is_not_released_in_an_outage(page: Page, fake: str) -> None:
    open_compose(page, fake, BLOCKED)
    set_attributes(page, budget="400", on_failure="open")
    expect_status(page, "Cannot be sent")
    page.route("**/compose/screen", lambda route: route.abort())
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.url.endswith("/send") else None)
    contact(page)
    expect(panel_heading(page)).to_have_text("The check cannot be reached")
    details(page).press("End")
    details(page).press_sequentially("!")
    contact(page)
    expect(panel_heading(page)).to_have_text("The check cannot be reached")
    page.reload()
    set_attributes(page, budget="400", on_failure="open")
    page.get_by_role("button", name="Restore").click()
    contact(page)
    expect(panel_heading(page)).to_have_text("The check cannot be reached")
    assert sent == []


def test_typing_goes_on_while_the_answer_arrives(page: Page, fake: str, plan: Plan) -> None:
    open_compose(page, fake, BLOCKED)
    expect_status(page, "Cannot be sent")
    plan.delay = 0.3
    contact(page)
    page.get_by_label("Subject").focus()
    words = " and some more words while the answer is on its way"
    page.keyboard.press("End")
    for letter in words:
        page.keyboard.type(letter)
        page.wait_for_timeout(20)
    expect(page.get_by_label("Subject")).to_have_value("About your order for a lamp" + words)
    expect(page.get_by_label("Subject")).to_be_focused()


@pytest.mark.parametrize("body", [BLOCKED, CHATTY, FINE])
def test_the_focus_stays_on_the_button_and_the_panel_is_announced(page: Page, fake: str, body: str) -> None:
    open_compose(page, fake, body)
    contact(page)
    expect(page.locator(".panel")).to_be_visible()
    expect(page.get_by_role("button", name="Contact Customer")).to_be_focused()
    expect(page.locator(".live")).to_contain_text(panel_heading(page).text_content() or "none")


def test_a_preview_does_not_take_away_a_reason_that_is_being_written(page: Page, fake: str, plan: Plan) -> None:
    open_compose(page, fake, CHATTY)
    contact(page)
    expect(panel_heading(page)).to_have_text("Check before sending")
    plan.delay = 0.8
    details(page).press_sequentially("!")
    reason = page.get_by_label("Reason, if you send it anyway")
    reason.press_sequentially("The customer asked", delay=60)
    page.wait_for_timeout(1500)
    expect(reason).to_have_value("The customer asked")
    expect(reason).to_be_focused()
    page.get_by_label("Subject").focus()
    expect(panel_heading(page)).to_have_text("Still worth checking")


def test_a_pass_that_the_back_end_refuses_leads_to_a_new_screening(page: Page, fake: str, plan: Plan) -> None:
    open_compose(page, fake, FINE)
    page.route("**/compose/send", lambda route: route.fulfill(status=409, json={"detail": "The pass has expired."}))
    contact(page)
    expect(panel_heading(page)).to_have_text("Not sent")
    expect(page.locator(".panel")).to_contain_text("The pass has expired.")
    page.unroute_all()
    contact(page)
    expect(panel_heading(page)).to_have_text("Sent to your customer")
    assert len(plan.sends()) == 2
