"""How findings are shown: one card a sentence, in reading order; advice in a quiet line; a popover that keeps clear."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.compose_page import BLOCKED, FINE, contact, details, expect_status, open_compose, underlined
from tests.browser.conftest import close
from tests.browser.fake_service import Plan
from tests.browser.test_widget_typing import words_box


def found(text: str, body: str, severity: str = "warn", **more: Any) -> dict[str, Any]:
    start = body.index(text)
    return {
        "id": f"x.{text}", "label": None, "severity": severity, "field": "body", "start": start,
        "end": start + len(text), "text": text, "message": f"About {text}.", "guidance": "", "policy_ref": "", **more,
    }  # fmt: skip


SLA = {
    "id": "delay-keeps-sla", "label": "delay_notice", "severity": "info", "field": "body", "start": 0, "end": 5,
    "text": "Hello", "message": "You may inform the customer of the delay; it does not excuse you from the usual SLA.",
    "guidance": "Ship on time.", "policy_ref": "",
}  # fmt: skip


def test_two_findings_in_one_sentence_are_one_card_and_cards_follow_the_text(page: Page, fake: str, plan: Plan) -> None:
    body = "First bad thing. Second damn silly thing. Third odd thing."
    plan.extra = [found("odd", body), found("silly", body), found("damn", body, "block"), found("bad", body)]
    open_compose(page, fake, body)
    contact(page)
    cards = page.locator(".panel .card")
    expect(cards).to_have_count(3)
    assert [card.locator("q").all_text_contents() for card in cards.all()] == [["bad"], ["damn", "silly"], ["odd"]]
    expect(cards.nth(1).locator(".tag")).to_have_text("Not permitted")
    expect(cards.nth(1)).to_contain_text("About damn.")
    expect(cards.nth(1)).to_contain_text("About silly.")


def test_advice_is_a_quiet_line_and_no_underline(page: Page, fake: str, plan: Plan) -> None:
    plan.extra = [SLA]
    open_compose(page, fake)
    button = page.get_by_role("button", name="Contact Customer")
    before = button.bounding_box()
    details(page).fill(FINE)
    expect_status(page, "Fine to send")
    expect(page.locator(".advice")).to_have_text(SLA["message"])
    assert page.locator(".line").count() == 0
    expect(page.locator(".status button")).to_be_hidden()
    assert button.bounding_box() == before


def within(inner: dict[str, float], width: float, height: float) -> bool:
    right, bottom = inner["x"] + inner["width"], inner["y"] + inner["height"]
    return inner["x"] >= 0 and inner["y"] >= 0 and right <= width and bottom <= height


def apart(a: dict[str, float], b: dict[str, float]) -> bool:
    return (
        a["x"] + a["width"] <= b["x"] or b["x"] + b["width"] <= a["x"]
        or a["y"] + a["height"] <= b["y"] or b["y"] + b["height"] <= a["y"]
    )  # fmt: skip


def boxes(page: Page) -> list[dict[str, float]]:
    """Popover and send button at one moment, two frames after the last change."""
    found: list[dict[str, float]] = page.evaluate(
        """async () => {
          for (let i = 0; i < 2; i++) await new Promise(requestAnimationFrame);
          const pop = document.querySelector("draft-screen").shadowRoot.querySelector(".pop");
          return [pop, document.querySelector(".send button")].map((one) => {
            const {x, y, width, height} = one.getBoundingClientRect();
            return {x, y, width, height};
          });
        }"""
    )
    return found


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 700), (320, 568)])
def test_the_popover_stays_on_the_screen_and_off_the_send_button(
    chromium: Browser, fake: str, width: int, height: int
) -> None:
    context = chromium.new_context(viewport={"width": width, "height": height})
    page = context.new_page()
    open_compose(page, fake, "\n".join(["Hello Sam, a line."] * 7) + "\nWe send the oak one instead.")
    expect_status(page, "Cannot be sent")
    button = page.get_by_role("button", name="Contact Customer")
    button.scroll_into_view_if_needed()
    popover = page.get_by_role("dialog")
    box = underlined(page)[-1]
    page.mouse.click(box["x"] + 20, box["y"] + 8)
    for opened_by in ("words", "notes"):
        if opened_by == "notes":
            page.keyboard.press("Escape")
            page.get_by_role("button", name="1 note").click()
        expect(popover.get_by_role("button", name="Use this text instead").first).to_be_attached()
        shown, send = boxes(page)
        assert within(shown, width, height), (opened_by, shown)
        assert apart(shown, send), (opened_by, shown, send)
    close(context)


def test_the_popover_closes_on_tab(page: Page, fake: str) -> None:
    open_compose(page, fake, BLOCKED)
    expect_status(page, "Cannot be sent")
    box = underlined(page)[0]
    page.mouse.click(box["x"] + 30, box["y"] + 8)
    popover = page.get_by_role("dialog")
    expect(popover).to_be_visible()
    page.keyboard.press("Tab")
    expect(popover).to_be_hidden()
    page.get_by_role("button", name="1 note").press("Enter")
    expect(popover).to_be_focused()
    for _ in range(8):
        page.keyboard.press("Tab")
    expect(popover).to_be_hidden()


@pytest.mark.parametrize(("zoom", "scale"), [("1.5", 1), ("0.8", 1), ("1", 1.1), ("1", 1.5), ("1.25", 0.67)])
def test_marks_fit_under_zoom(chromium: Browser, fake: str, zoom: str, scale: float) -> None:
    """`zoom` as a page may set it, `scale` as the browser's own zoom changes the size of a pixel."""
    context = chromium.new_context(viewport={"width": 1100, "height": 900}, device_scale_factor=scale)
    page = context.new_page()
    words = "We send green instead."
    open_compose(page, fake)
    page.evaluate("zoom => { document.body.style.zoom = zoom }", zoom)
    details(page).fill("A line that is long enough to be broken somewhere near its end. " * 5 + f"{words} Bye")
    expect_status(page, "Cannot be sent")
    page.wait_for_timeout(200)
    lines = underlined(page)
    want = words_box(page, words)
    assert min(line["x"] for line in lines) == pytest.approx(want["x"], abs=3)
    assert lines[0]["y"] == pytest.approx(want["y"], abs=3)
    close(context)


def test_shapes_remain_in_forced_colours(chromium: Browser, fake: str) -> None:
    context = chromium.new_context(forced_colors="active")
    page = context.new_page()
    open_compose(page, fake, BLOCKED)
    expect_status(page, "Cannot be sent")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    sign = page.locator(".status .sign").evaluate("e => getComputedStyle(e).backgroundColor")
    assert sign not in (ground, "rgba(0, 0, 0, 0)")
    assert page.locator(".line").first.evaluate("e => getComputedStyle(e).borderBottomColor") != ground
    close(context)


def test_on_a_phone_the_text_comes_before_the_examples(chromium: Browser, fake: str) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(fake + "/compose")
    expect(page.locator(".examples")).to_be_hidden()
    button = page.get_by_role("button", name="Contact Customer").bounding_box() or {}
    assert button["y"] + button["height"] <= 844
    page.get_by_text("Drafts to try").click()
    page.locator(".examples").get_by_role("button", name="Substitute offer").click()
    expect_status(page, "Cannot be sent")
    expect(details(page)).to_be_in_viewport()
    expect(page.locator(".examples")).to_be_hidden()
    close(context)
