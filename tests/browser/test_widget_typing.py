"""While the merchant types: few requests, fresh answers, underlines where the words are, and no jumping about."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.compose_page import (
    BLOCKED,
    FINE,
    contact,
    details,
    expect_status,
    open_compose,
    underlined,
    use_first_text,
)
from tests.browser.fake_service import REPLACEMENT, Plan


def test_typing_at_human_speed_asks_once_after_the_pause(page: Page, fake: str, plan: Plan) -> None:
    open_compose(page, fake)
    # a busy machine may hold a key longer than the usual pause
    page.evaluate("document.querySelector('draft-screen').setAttribute('pause', '2000')")
    details(page).press_sequentially("Hello Sam, your order is late.", delay=60)
    expect_status(page, "Fine to send")
    assert [request["body"] for request in plan.previews()] == ["Hello Sam, your order is late."]


def test_unchanged_text_is_not_sent_again(page: Page, fake: str, plan: Plan) -> None:
    open_compose(page, fake, BLOCKED)
    expect_status(page, "Cannot be sent")
    details(page).press("End")
    details(page).press("x")
    details(page).press("Backspace")
    page.evaluate("document.querySelector('draft-screen').check()")
    page.wait_for_timeout(600)
    assert len(plan.previews()) == 1
    assert underlined(page)


def test_one_request_in_flight_and_the_stale_answer_is_discarded(page: Page, fake: str, plan: Plan) -> None:
    plan.delay = 1.0
    open_compose(page, fake, BLOCKED)
    page.wait_for_timeout(600)
    details(page).fill(FINE)
    expect_status(page, "Fine to send")
    verdicts = page.evaluate("document.querySelector('#json').textContent")
    assert [request["body"] for request in plan.previews()] == [BLOCKED, FINE]
    assert plan.most_together == 1
    assert '"allow"' in verdicts
    assert page.locator(".line").count() == 0


def test_a_slow_answer_is_announced_as_checking(page: Page, fake: str, plan: Plan) -> None:
    plan.delay = 1.5
    open_compose(page, fake, FINE)
    expect_status(page, "Checking…")
    expect_status(page, "Fine to send")


def words_box(page: Page, words: str) -> dict[str, float]:
    """Where the browser itself puts the words of the textarea, measured by a selection in an equal element."""
    return page.evaluate(
        """(words) => {
          const field = document.querySelector("#body");
          const twin = document.createElement("div");
          const style = getComputedStyle(field);
          for (const name of style) twin.style.setProperty(name, style.getPropertyValue(name));
          Object.assign(twin.style, {position: "absolute", whiteSpace: "pre-wrap", overflow: "auto"});
          const box = field.getBoundingClientRect();
          const zoom = field.currentCSSZoom ?? 1;
          const place = {left: (box.left + scrollX) / zoom + "px", top: (box.top + scrollY) / zoom + "px"};
          Object.assign(twin.style, {...place, margin: 0});
          twin.textContent = field.value;
          document.body.append(twin);
          twin.scrollTop = field.scrollTop;
          const range = document.createRange();
          const start = field.value.indexOf(words);
          range.setStart(twin.firstChild, start);
          range.setEnd(twin.firstChild, start + words.length);
          const {x, y, width, height} = range.getBoundingClientRect();
          twin.remove();
          return {x, y, width, height};
        }""",
        words,
    )


@pytest.mark.parametrize(
    "before",
    ["", "😀👩‍👩‍👧 ", "é́ ñ ", "line one\r\nline two\r\n\r\n", "שלום לך סם ", "x" * 300 + " "],
    ids=["plain", "emoji", "combining marks", "CRLF", "right to left", "a long word"],
)
def test_the_underline_lies_on_the_words(page: Page, fake: str, before: str) -> None:
    words = "We send green instead."
    open_compose(page, fake)
    page.evaluate(
        "text => { const f = document.querySelector('#body'); f.value = text; f.dispatchEvent(new Event('input')) }",
        f"{before}Sold out. {words} Bye",
    )
    expect_status(page, "Cannot be sent")
    box, expected = underlined(page)[0], words_box(page, words)
    assert box == pytest.approx(expected, abs=2)


def test_the_underline_follows_scrolling_resizing_and_typing(page: Page, fake: str) -> None:
    words = "We send green instead."
    open_compose(page, fake, "one line\n" * 20 + f"Sold out. {words} Bye\n" + "last line\n" * 10)
    expect_status(page, "Cannot be sent")
    details(page).evaluate("field => { field.scrollTop = 300 }")
    page.wait_for_timeout(100)
    assert underlined(page)[0] == pytest.approx(words_box(page, words), abs=2)
    details(page).evaluate("field => { field.style.width = '320px' }")
    page.wait_for_timeout(100)
    assert underlined(page)[0]["x"] == pytest.approx(words_box(page, words)["x"], abs=2)
    details(page).evaluate("field => { field.style.width = '600px'; field.setSelectionRange(0, 0) }")
    details(page).press_sequentially("Dear Sam,\n", delay=5)
    page.wait_for_timeout(100)
    assert underlined(page)[0] == pytest.approx(words_box(page, words), abs=2)


def test_popover_explains_and_one_click_replaces_and_ctrl_z_takes_it_back(page: Page, fake: str) -> None:
    open_compose(page, fake, BLOCKED)
    expect_status(page, "Cannot be sent")
    box = underlined(page)[0]
    page.mouse.click(box["x"] + 30, box["y"] + 8)
    popover = page.get_by_role("dialog", name="Notes on your draft")
    expect(popover).to_contain_text("This offers something other than what was ordered.")
    expect(popover).to_contain_text("Cancel the order.")
    expect(popover).to_contain_text("Arranging a product substitute")
    popover.get_by_role("button", name="Use this text instead").first.click()
    expect(details(page)).to_have_value(BLOCKED.replace("We can send the oak one instead.", REPLACEMENT))
    expect(details(page)).to_be_focused()
    expect_status(page, "Fine to send")
    page.keyboard.press("Control+z")
    expect(details(page)).to_have_value(BLOCKED)


def test_one_click_clears_every_place_and_one_undo_brings_all_back(page: Page, fake: str) -> None:
    text = "Hi. The oak one instead? It is nice.\n\nOr pine instead?\n\nRegards"
    open_compose(page, fake, text)
    page.get_by_role("button", name="2 notes").click()
    use_first_text(page)
    expect(details(page)).to_have_value(f"Hi. {REPLACEMENT} It is nice.\n\nRegards")
    expect_status(page, "Fine to send")
    page.keyboard.press("Control+z")
    expect(details(page)).to_have_value(text)


def test_focus_and_layout_stay_while_verdicts_come_and_go(page: Page, fake: str) -> None:
    open_compose(page, fake)
    button = page.get_by_role("button", name="Contact Customer")
    before = button.bounding_box()
    details(page).press_sequentially("We send green instead.", delay=20)
    expect_status(page, "Cannot be sent")
    assert button.bounding_box() == before
    expect(details(page)).to_be_focused()
    expect(page.locator(".live")).to_have_text("Cannot be sent. 1 note.")
    expect(page.locator(".live")).to_have_attribute("aria-live", "polite")


def test_notes_by_keyboard_alone(page: Page, fake: str) -> None:
    open_compose(page, fake, BLOCKED)
    expect_status(page, "Cannot be sent")
    details(page).press("Tab")
    notes = page.get_by_role("button", name="1 note")
    expect(notes).to_be_focused()
    notes.press("Enter")
    popover = page.get_by_role("dialog")
    expect(popover).to_be_focused()
    page.keyboard.press("Escape")
    expect(popover).to_be_hidden()
    expect(notes).to_be_focused()


def test_hostile_text_of_the_server_is_shown_as_text(page: Page, fake: str, plan: Plan) -> None:
    plan.message = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    open_compose(page, fake, BLOCKED)
    expect_status(page, "Cannot be sent")
    contact(page)
    expect(page.locator(".panel .card")).to_contain_text(plan.message)
    assert page.title() == "Contact Customer"


def test_a_draft_of_5000_characters_is_typed_without_a_long_task(page: Page, fake: str) -> None:
    """Three rounds, for the machine may be busy: a widget that janks does so in each."""
    text = ("Hello Sam, the lamp is late. " * 180)[:4950] + " We send green instead. "
    open_compose(page, fake, text)
    expect_status(page, "Cannot be sent")
    page.evaluate(
        """() => {
          globalThis.longTasks = [];
          new PerformanceObserver((list) => longTasks.push(...list.getEntries().map((entry) => entry.duration)))
            .observe({entryTypes: ["longtask"]});
        }"""
    )
    rounds = []
    for _ in range(3):
        page.evaluate("longTasks.length = 0")
        details(page).press("End")
        details(page).press_sequentially("and some more words ", delay=20)
        page.wait_for_timeout(700)
        rounds.append(page.evaluate("longTasks.slice()"))
        if not rounds[-1]:
            break
    assert [] in rounds, rounds
