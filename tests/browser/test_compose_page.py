"""/compose over the real service: be blocked, understand why, fix it in one click, and send."""

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Request, expect

import service.compose
from service.storage.database import Database
from service.storage.encryption import Encryptor
from service.storage.outbox import decide_appeal
from tests.browser.compose_page import (
    contact,
    details,
    expect_status,
    kept,
    panel_heading,
    status,
    underlined,
    use_first_text,
)
from tests.browser.conftest import DEMO_KEY, WINDOWS, RunningService, close, end, service_process

EXAMPLES = tomllib.loads((Path(service.compose.__file__).with_name("examples.toml")).read_text("utf-8"))["example"]
WORDS = {"allow": "Fine to send", "warn": "Check before sending", "block": "Cannot be sent"}


def try_example(page: Page, service: RunningService, name: str) -> None:
    page.goto(service.url + "/compose")
    choose_example(page, name)


def choose_example(page: Page, name: str) -> None:
    if not page.locator(".examples").is_visible():
        page.get_by_text("Drafts to try").click()
    page.locator(".examples").get_by_role("button", name=name).click()


def test_each_example_is_judged_as_announced(page: Page, service: RunningService) -> None:
    page.goto(service.url + "/compose")
    for example in EXAMPLES:
        page.locator(".examples").get_by_role("button", name=example["name"]).click()
        expect(details(page)).to_have_value(example["body"].strip())
        expect_status(page, WORDS[example["expect"]])


def test_blocked_understood_fixed_in_one_click_and_sent(page: Page, service: RunningService) -> None:
    try_example(page, service, "Substitute offer")
    contact(page)
    expect(panel_heading(page)).to_have_text("This cannot be sent as it is")
    panel = page.locator(".panel")
    expect(panel).to_contain_text("cancel the order", ignore_case=True)
    expect(panel).to_contain_text("Arranging a product substitute")
    use_first_text(page)
    expect(panel_heading(page)).to_have_text("Fine to send now")
    expect(page.locator(".changes .cleared").first).to_be_visible()
    contact(page)
    expect(panel_heading(page)).to_have_text("Sent to your customer")
    expect(panel).to_contain_text("reply within 1 business day")
    expect(details(page)).to_have_value("")


def test_the_underline_stands_behind_an_emoji(page: Page, service: RunningService) -> None:
    try_example(page, service, "Substitute offer")
    expect_status(page, "Cannot be sent")
    answer = page.evaluate("JSON.parse(document.querySelector('#json').textContent)")
    finding = next(f for f in answer["findings"] if f["severity"] == "block")
    body = details(page)
    assert body.evaluate("(e, [a, b]) => e.value.slice(a, b)", [finding["start"], finding["end"]]) == finding["text"]
    assert "😀" in body.input_value()[: finding["start"]]
    assert underlined(page)


def test_typed_at_human_speed(page: Page, service: RunningService) -> None:
    page.goto(service.url + "/compose")
    page.get_by_label("Support ID").fill("GG-8K2P-4L7Q-XY19")
    page.get_by_label("Subject").fill("Your lamp")
    details(page).press_sequentially("Blue is sold out, shall we send green?", delay=70)
    expect_status(page, "Cannot be sent")
    expect(details(page)).to_be_focused()


def test_warned_asks_once_then_sends(page: Page, service: RunningService) -> None:
    try_example(page, service, "No approved reason")
    contact(page)
    expect(panel_heading(page)).to_have_text("Check before sending")
    page.get_by_label("Reason, if you send it anyway").fill("The customer asked how to leave one")
    page.get_by_role("button", name="Send anyway").click()
    expect(panel_heading(page)).to_have_text("Sent to your customer")


def test_an_empty_form_is_not_sent(page: Page, service: RunningService) -> None:
    page.goto(service.url + "/compose")
    expect_status(page, "Checked as you type")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for subject in ("", "About your lamp"):
        page.get_by_label("Subject").fill(subject)
        contact(page)
        expect(panel_heading(page)).to_have_text("Not sent")
        expect(page.locator(".panel")).to_contain_text("write the details first")
    assert page.get_by_role("button", name="Send anyway").count() == 0
    assert asked == []


def test_details_that_hold_no_word_are_only_edited(page: Page, service: RunningService) -> None:
    page.goto(service.url + "/compose#GG-8K2P-4L7Q-XY19")
    details(page).fill("\u200b")
    contact(page)
    expect(panel_heading(page)).to_have_text("Check before sending")
    expect(page.locator(".panel")).to_contain_text("The details are empty")
    expect(page.locator(".panel").get_by_role("button")).to_have_text(["Edit"])


def test_an_appeal_is_taken_and_shown_again_after_a_reload(page: Page, service: RunningService) -> None:
    try_example(page, service, "Cancellation probing")
    contact(page)
    page.get_by_role("button", name="Appeal").click()
    page.get_by_label("Why should this draft be allowed?").fill("The customer wrote to us first")
    page.get_by_role("button", name="Send appeal").click()
    expect(panel_heading(page)).to_have_text("Your appeal is with the reviewers")
    page.reload()
    expect(panel_heading(page)).to_have_text("Your appeal is with the reviewers")


def test_a_granted_appeal_lets_the_draft_go(page: Page, service: RunningService) -> None:
    try_example(page, service, "Substitute offer")
    contact(page)
    page.get_by_role("button", name="Appeal").click()
    page.get_by_label("Why should this draft be allowed?").fill("The customer asked for the oak one")
    with page.expect_response("**/appeal") as appealed:
        page.get_by_role("button", name="Send appeal").click()
    expect(panel_heading(page)).to_have_text("Your appeal is with the reviewers")
    overturn(service, appealed.value.json()["screening_id"])
    page.reload()
    expect(panel_heading(page)).to_have_text("Your appeal was granted")
    expect(page.locator(".panel")).to_contain_text("An exchange that the customer wished")
    page.get_by_role("button", name="Use the draft of the appeal").click()
    expect(status(page)).to_have_text("Allowed by a reviewer")
    page.get_by_role("button", name="Send it now").click()
    expect(panel_heading(page)).to_have_text("Sent to your customer")


def overturn(service: RunningService, screening_id: str) -> None:
    """As the reviewers' console does it, the time in which it may be undone being over."""
    database = Database(f"sqlite:///{service.home / 'var' / 'screening.db'}")
    with database.writing() as session:
        note = "An exchange that the customer wished"
        assert decide_appeal(
            session, Encryptor(""), screening_id, "overturned", note, datetime.now(UTC) - timedelta(minutes=1)
        )
    database.close()


def test_a_text_without_its_pass_is_not_sent(page: Page, service: RunningService) -> None:
    page.goto(service.url + "/compose")
    sent = {"support_id": "GG-8K2P-4L7Q-XY19", "subject": "s", "body": "b", "screening_pass": "made up"}
    assert page.request.post(service.url + "/compose/send", data=sent).status == 409


def test_the_key_is_in_no_page_and_no_script(page: Page, service: RunningService) -> None:
    finished: list[Request] = []  # a preview that the send cut short has no end to wait for
    page.on("requestfinished", lambda request: finished.append(request))
    try_example(page, service, "Delay notice")
    contact(page)
    expect(panel_heading(page)).to_have_text("Sent to your customer")
    seen = [answer.text() for request in finished if (answer := request.response())]
    assert len(seen) >= 5
    assert not any(DEMO_KEY in text for text in seen)


def test_a_service_that_dies_costs_no_text(page: Page, tmp_path: Path) -> None:
    with service_process(tmp_path) as mortal:
        try_example(page, mortal, "Delay notice")
        expect_status(page, "Fine to send")
        end(mortal.process)
        page.evaluate("document.querySelector('draft-screen').setAttribute('budget', '1500')")
        details(page).press("Control+End")
        details(page).press_sequentially("!")
        contact(page)
        expect(panel_heading(page)).to_have_text("The check cannot be reached")
        assert details(page).input_value().endswith("!")
        assert "storm" in kept(page)


def serious(page: Page) -> list[Any]:
    found = Axe().run(page).response["violations"]
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]


@pytest.mark.parametrize(("width", "scheme"), WINDOWS)
def test_accessible_and_within_the_window(chromium: Browser, service: RunningService, width: int, scheme: Any) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    page.goto(service.url + "/compose")
    assert serious(page) == []
    choose_example(page, "Cancellation probing")
    expect_status(page, "Cannot be sent")
    page.get_by_text("The answer as JSON").click()
    page.get_by_role("button", name="notes").click()
    assert serious(page) == []
    page.keyboard.press("Escape")
    contact(page)
    page.get_by_role("button", name="Appeal").click()
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    close(context)


def test_with_forced_colours_the_page_one_is_on_stands_out(chromium: Browser, service: RunningService) -> None:
    context = chromium.new_context(forced_colors="active")
    page = context.new_page()
    page.goto(service.url + "/compose")
    colours = page.locator("nav a").evaluate_all("all => all.map((a) => getComputedStyle(a).borderBottomColor)")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert [colour == ground for colour in colours] == [False, True]
    close(context)


def test_the_whole_way_by_keyboard(page: Page, service: RunningService) -> None:
    page.goto(service.url + "/compose")
    page.get_by_label("Support ID").focus()
    page.keyboard.type("GG-8K2P-4L7Q-XY19")
    page.keyboard.press("Tab")
    page.keyboard.type("Your lamp is out of stock")
    page.keyboard.press("Tab")
    page.keyboard.type("Hello Sam, the blue lamp is sold out, so we will send you the green one instead.")
    expect(status(page)).to_have_text("Cannot be sent")
    while page.evaluate("document.activeElement.textContent") != "Contact Customer":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(panel_heading(page)).to_have_text("This cannot be sent as it is")
    expect(page.get_by_role("button", name="Contact Customer")).to_be_focused()
    expect(page.get_by_role("button", name="Use this text instead").first).to_be_visible()
    while page.evaluate("document.activeElement.shadowRoot?.activeElement?.textContent") != "Use this text instead":
        page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(panel_heading(page)).to_have_text("Fine to send now")
    expect(details(page)).to_be_focused()
