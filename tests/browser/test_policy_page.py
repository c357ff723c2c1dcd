"""A person who follows the `policy_url` of a finding reads the section that it names."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.browser.conftest import DEMO_KEY, WINDOWS, RunningService, close

OFFER = {
    "support_id": "GG-8K2P-4L7Q-XY19", "subject": "Your lamp", "mode": "preview",
    "body": "Hello Sam, the blue lamp is sold out, so we will send you the green one instead.",
}  # fmt: skip


@pytest.mark.parametrize(("width", "scheme"), WINDOWS)
def test_the_section_of_a_finding_is_in_sight_and_marked(
    chromium: Browser, service: RunningService, width: int, scheme: Any
) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 700}, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    key = {"authorization": f"Bearer {DEMO_KEY}"}
    answer = page.request.post(service.url + "/screen", data=OFFER, headers=key).json()
    finding = next(one for one in answer["findings"] if one["severity"] == "block")
    page.goto(service.url + finding["policy_url"])
    section = page.locator("section:target")
    expect(section.get_by_role("heading")).to_have_text(finding["policy_ref"])
    expect(section).to_contain_text("you must cancel the order")
    expect(section).to_be_in_viewport()
    others = page.locator("section:not(:target)").first
    ground = "e => getComputedStyle(e).backgroundColor"
    assert section.evaluate(ground) != others.evaluate(ground)
    assert not Axe().run(page).response["violations"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("link", name="Opening a Ticket with Your Customer").click()
    expect(section.get_by_role("heading")).to_have_text("Opening a Ticket with Your Customer")
    close(context)
