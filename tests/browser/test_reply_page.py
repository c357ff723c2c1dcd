"""/compose/reply over the real service: a thread, its reply, the hour that is due; and the attributes of the widget."""

import json
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Request, expect

import service.compose
from tests.browser.compose_page import expect_status, open_compose, panel_heading, set_attributes
from tests.browser.conftest import WINDOWS, RunningService, close
from tests.browser.test_compose_page import serious

THREADS = tomllib.loads((Path(service.compose.__file__).with_name("examples.toml")).read_text("utf-8"))["thread"]
WORDS = {"allow": "Fine to send", "warn": "Check before sending", "block": "Cannot be sent"}


SAID = """() => {
  const said = document.createElement("div");
  said.id = "said";
  for (const line of ["Hello,", "why?"]) said.append(Object.assign(document.createElement("p"), { textContent: line }));
  document.querySelector("h1").after(said);
}"""
"""Puts what a customer wrote onto the page."""


def choose(page: Page, name: str) -> None:
    if not page.locator(".examples").is_visible():
        page.get_by_text("Threads to try").click()
    page.locator(".examples").get_by_role("button", name=name).click()


def test_each_thread_is_judged_as_announced(page: Page, service: RunningService) -> None:
    page.goto(service.url + "/compose/reply")
    for thread in THREADS:
        choose(page, thread["name"])
        expect(page.locator("#customer_message")).to_have_text(thread["customer_message"].strip())
        expect(page.get_by_label("Your reply")).to_have_value(thread["body"].strip())
        expect_status(page, WORDS[thread["expect"]])
        late = page.locator(".advice").filter(has_text="This reply is late")
        expect(late).to_have_count(int(thread["hours"] > 100))


def test_an_exchange_is_sent_once_and_the_thread_stays(page: Page, service: RunningService) -> None:
    page.goto(service.url + "/compose/reply")
    choose(page, "An exchange they asked for")
    expect_status(page, "Fine to send")
    page.get_by_role("button", name="Reply", exact=True).click()
    expect(panel_heading(page)).to_have_text("Sent to your customer")
    expect(page.locator(".panel")).not_to_contain_text("must be answered")
    expect(page.get_by_label("Your reply")).to_have_value("")
    expect(page.locator("#customer_message")).to_contain_text("Could I exchange it")


def test_the_pages_lead_to_each_other(page: Page, service: RunningService) -> None:
    page.goto(service.url + "/compose")
    page.get_by_role("link", name="Reply", exact=True).click()
    expect(page).to_have_title("Reply to a customer")
    page.get_by_role("link", name="New ticket").click()
    expect(page).to_have_title("Contact Customer")


def test_without_the_attributes_a_request_is_as_ever(page: Page, service: RunningService) -> None:
    with page.expect_request("**/compose/screen") as asked:
        open_compose(page, service.url, "Hello Sam, your order is late and will arrive on Friday.")
    assert json.loads(asked.value.post_data or "").keys() == {
        "support_id",
        "subject",
        "body",
        "mode",
        "offset_encoding",
    }


def test_the_widget_sends_what_the_customer_wrote_and_when(page: Page, service: RunningService) -> None:
    page.goto(service.url + "/compose")
    page.evaluate(SAID)
    received = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    set_attributes(page, context="reply", customer_message="#said", received_at=received)
    bodies: list[dict[str, str]] = []

    def note(request: Request) -> None:
        if request.url.endswith("/screen"):
            bodies.append(json.loads(request.post_data or ""))

    page.on("request", note)
    page.get_by_label("Support ID").fill("GG-8K2P-4L7Q-XY19")
    page.get_by_label("Details").fill("The lamp takes an E27 bulb.")
    expect_status(page, "Fine to send")
    assert bodies[-1]["context"] == "reply"
    assert bodies[-1]["customer_message"].split("\n\n") == ["Hello,", "why?"]
    assert bodies[-1]["received_at"] == received
    assert bodies[-1]["subject"] == ""


def test_a_moment_that_is_none_is_said_to_the_integrator(page: Page, service: RunningService) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(service.url + "/compose")
    set_attributes(page, context="reply", received_at="yesterday")
    page.get_by_label("Support ID").fill("GG-8K2P-4L7Q-XY19")
    page.get_by_label("Details").fill("The lamp takes an E27 bulb.")
    expect_status(page, "Not checked: the check does not work on this page.")
    assert [line for line in said if line.startswith("draft-screen:") and "received_at" in line]


@pytest.mark.parametrize(("width", "scheme"), WINDOWS)
def test_accessible_and_within_the_window(chromium: Browser, service: RunningService, width: int, scheme: Any) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    page.goto(service.url + "/compose/reply")
    assert serious(page) == []
    choose(page, "A substitute they did not ask for")
    expect_status(page, "Cannot be sent")
    page.get_by_role("button", name="Reply", exact=True).click()
    expect(panel_heading(page)).to_be_visible()
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    close(context)
