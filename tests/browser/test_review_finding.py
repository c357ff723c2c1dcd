"""What leads through the desk in a browser: folds, search, palette, the list beside a case, a rule as one types."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import RunningService
from tests.browser.test_review_work import client, go_home, listens, press, screened
from tests.browser.test_review_work import desk as desk  # their desk, as this module's fixture too
from tests.browser.test_review_work import sit as sit
from tests.service.review.desk import SWAP

Sit = Callable[..., Page]


@pytest.fixture(scope="module")
def template(desk: RunningService) -> str:
    """Seven drafts that differ in a number; the words to find them by."""
    for number in range(7):
        body = f"Hello, kettle 4{number} is sold out. We can send you the green one instead, numbat."
        screened(desk, body, "Kettle fold")
    return "numbat"


def test_a_fold_is_one_row_and_decided_together(sit: Sit, desk: RunningService, template: str) -> None:
    page = sit("mira")
    page.goto(f"{desk.url}/review?queue=blocked&words={template}")
    listens(page)
    row = page.locator(".rows > li")
    expect(row).to_have_count(1)
    expect(row.locator(".times")).to_have_text("7 times")
    expect(row.locator(".snippet b")).to_contain_text("green one")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("#bulk [data-count]")).to_have_text("7")
    page.get_by_role("button", name="They were right").click()
    expect(page.locator("h1")).to_contain_text("7 cases")
    page.get_by_label("Note").fill("One template.")
    page.get_by_role("button", name="Decide 7").click()
    expect(page.locator("#undo")).to_contain_text("Upheld 7")
    page.locator("#undo button").click()
    page.wait_for_url(re.compile("said=undone"))


def test_one_search_from_the_home_page_finds_waiting_and_decided(sit: Sit, desk: RunningService) -> None:
    screened(desk, f"{SWAP['body']} Wombat size: groß.", "Kettle found")
    page = sit("mira")
    page.keyboard.press("/")
    page.keyboard.type('"wombat size" gross')
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("queue=any"))
    listens(page)
    expect(page.locator(".rows > li")).to_have_count(1)
    press(page, "g")
    press(page, "u")
    page.goto(f"{desk.url}/review?queue=any&words=wombat*")
    expect(page.locator(".rows > li")).to_contain_text("Upheld by mira")


def test_the_palette_finds_a_page_a_key_and_drafts(sit: Sit) -> None:
    page = sit("lena")
    page.keyboard.press("Control+k")
    page.keyboard.type("agree")
    expect(page.locator(".palette [aria-selected=true]")).to_have_text("Agreement")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/agreement$"))
    listens(page)
    page.keyboard.press("Control+k")
    page.keyboard.type("kettle")
    expect(page.locator(".palette li")).to_have_count(2)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("queue=any&words=kettle"))
    page.keyboard.press("Control+k")
    page.keyboard.press("Escape")
    expect(page.locator(".palette")).to_be_hidden()


def test_the_list_stands_beside_the_case_on_a_wide_screen(sit: Sit) -> None:
    page = sit("mira", viewport={"width": 1720, "height": 900})
    press(page, "g")
    beside = page.locator(".list a")
    expect(page.locator(".list a[aria-current]")).to_have_count(1)
    other = beside.nth(3)
    href = other.get_attribute("href") or ""
    other.click()
    page.wait_for_url(lambda url: href in url)
    expect(page.locator(".list a[aria-current]")).to_have_attribute("href", href)
    page.set_viewport_size({"width": 1280, "height": 900})
    expect(page.locator(".list")).to_be_hidden()


def test_a_rule_lights_its_examples_as_one_types_and_turns_into_toml(sit: Sit, desk: RunningService) -> None:
    page = sit("lena")
    page.goto(f"{desk.url}/review/rules/new")
    flagged = page.locator("[data-lit=must_flag] li")
    expect(flagged).to_have_class("good")
    page.get_by_label("It must flag, one sentence a line").fill("Would you like the green one instead?\nTake the goat.")
    expect(flagged.nth(1)).to_have_class("bad")
    page.get_by_label("It looks for").fill("would {you} like ..4 {instead}\ngoat ..99 lamp")
    expect(page.locator("[data-faults=patterns]")).to_contain_text("Line 2")
    page.get_by_label("It looks for").fill("would {you} like ..4 {instead}\ntake the goat")
    expect(flagged.nth(1)).to_have_class("good")
    page.get_by_label("Id", exact=True).fill("substitute.goat")
    page.get_by_role("tab", name="TOML").click()
    source = page.get_by_label("The rule as TOML")
    expect(source).to_have_value(re.compile('id = "substitute.goat"'))
    source.fill(source.input_value().replace('strength = "weak"', 'strength = "strong"').replace("take the", "eat the"))
    page.get_by_role("tab", name="Form").click()
    expect(page.get_by_label("Strength")).to_have_value("strong")
    expect(flagged.nth(1)).to_have_class("bad")
    page.get_by_label("Why the change").fill("Goats.")
    page.get_by_role("button", name="Save as a draft").click()
    expect(page.get_by_label("Why the change")).to_have_value("Goats.")  # refused, and nothing of it is lost
    expect(page.get_by_label("It looks for")).to_have_value(re.compile("eat the goat"))


def test_the_rules_are_folded_and_filtered_by_keyboard(sit: Sit, desk: RunningService) -> None:
    page = sit("lena", viewport={"width": 390, "height": 844})
    page.goto(f"{desk.url}/review/rules")
    listens(page)
    folds, rows = page.locator("details.rules"), page.locator("details.rules tbody tr")
    assert page.evaluate("document.documentElement.scrollHeight") < 2000
    whole = rows.count()
    assert whole > 100
    page.keyboard.press("/")
    page.keyboard.type("probing weak")
    expect(page.locator("#count")).not_to_have_text(f"{whole} of {whole} rules")
    shown = rows.filter(visible=True)
    expect(page.locator("#count")).to_have_text(f"{shown.count()} of {whole} rules")
    assert 0 < shown.count() < whole
    expect(folds.filter(visible=True)).to_have_count(1)
    expect(folds.filter(visible=True).locator("summary")).to_contain_text(f"{shown.count()} of ")
    page.keyboard.press("ArrowDown")
    expect(shown.first.locator("a")).to_be_focused()
    page.keyboard.press("/")
    page.keyboard.press("Backspace")
    expect(page.locator("#count")).to_have_text(f"{whole} of {whole} rules")
    expect(page.locator("details.rules[open]")).to_have_count(0)


def test_what_is_unfolded_stays_so_and_all_rules_are_printed(sit: Sit, desk: RunningService) -> None:
    page = sit("lena")
    page.goto(f"{desk.url}/review/rules")
    listens(page)
    folds = page.locator("details.rules")
    page.keyboard.press("a")
    expect(page.locator("details.rules[open]")).to_have_count(folds.count())
    page.keyboard.press("a")
    expect(page.locator("details.rules[open]")).to_have_count(0)
    folds.nth(1).locator("summary").press("Enter")
    folds.nth(1).locator("a").nth(5).press("Enter")
    page.wait_for_url(re.compile("/rules/of/"))
    page.go_back()
    expect(folds.nth(1)).to_have_attribute("open", "")
    expect(page.locator("details.rules[open]")).to_have_count(1)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(page.locator("details.rules[open]")).to_have_count(folds.count())
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(page.locator("details.rules[open]")).to_have_count(1)


def test_a_screen_reader_reads_a_marked_phrase_whole_with_its_label_once(sit: Sit, desk: RunningService) -> None:
    body = "Hello, the blue kettle is sold out. We can send you the green one instead. Yours, Potoroo"
    screened(desk, body, "Kettle spoken")
    page = sit("mira")
    page.goto(f"{desk.url}/review?queue=blocked&words=potoroo")
    listens(page)
    press(page, "g")
    run = page.locator("#draft [data-run]")
    expect(run).to_have_count(1)
    assert run.locator("mark").count() > 1  # overlapping marks, which look apart
    tree = page.locator("#draft .body").aria_snapshot()
    spoken = re.findall(r"- mark: (.*)", tree)
    assert len(spoken) == 1
    assert re.fullmatch(r'"?[^()]*the green one instead\.? \(Substitute offer, findings? 1(, \d)*\)"?', spoken[0]), tree
    assert "".join(run.locator("mark").all_text_contents()) in body


def test_with_forced_colours_nothing_that_counts_is_invisible(sit: Sit, desk: RunningService) -> None:
    page = sit("mira", viewport={"width": 390, "height": 844}, forced_colors="active")
    page.goto(f"{desk.url}/review?queue=blocked")
    listens(page)

    def look(selector: str, what: str, of: str = "") -> str:
        given = f"[e, name, of] = [document.querySelector({selector!r}), {what!r}, {of!r} || null]"
        return str(page.evaluate(f"() => {{ const {given}; return getComputedStyle(e, of)[name]; }}"))

    assert look(".bar nav a[aria-current]", "textDecorationLine") == "underline"
    assert look(".side a[aria-current]", "textDecorationLine") == "underline"
    page.keyboard.press("j")
    expect(page.locator(".rows > li.here")).to_have_count(1)
    assert look(".rows > li.here", "outlineStyle") == "solid"
    assert look(".rows > li:not(.here)", "outlineStyle") == "none"
    press(page, "Enter")
    page.locator("#draft [data-run]").first.focus()
    expect(page.locator("#tip")).to_be_visible()
    assert look("#tip", "borderTopStyle") == "solid"
    assert look("#draft mark.lit", "outlineStyle") == "solid"
    page.set_viewport_size({"width": 1720, "height": 900})
    expect(page.locator(".beside a[aria-current]")).to_be_visible()
    assert look(".beside a[aria-current]", "outlineStyle") == "solid"
    assert look(".beside a:not([aria-current])", "outlineStyle") == "none"


def test_publishing_shows_what_a_rule_would_do_and_asks_why(sit: Sit, desk: RunningService) -> None:
    page = sit("ada")
    page.goto(f"{desk.url}/review/rules/new")
    page.get_by_label("Id", exact=True).fill("substitute.everybody")
    page.get_by_label("It looks for").fill("you|your|we|the")
    page.get_by_label("It must flag, one sentence a line").fill("Hello to you.")
    page.get_by_label("It must not flag").fill("Hello.")
    page.get_by_role("button", name="Save as a draft").click()
    page.get_by_role("button", name="Back-test and publish").click()
    expect(page.locator(".apart")).to_contain_text("of all drafts")
    page.get_by_label("Why it goes live").fill("A mistake.")
    page.get_by_role("button", name="Publish", exact=True).click()
    assert page.url.endswith("/test")  # the tick is missing
    page.get_by_role("link", name="Back", exact=True).click()
    expect(page.locator("h1")).to_contain_text("substitute.everybody")


def test_a_merchants_page_is_one_click_from_the_list_and_from_the_case(sit: Sit, desk: RunningService) -> None:
    screened(desk, f"{SWAP['body']} Quoll.", "Kettle merchant")
    page = sit("mira")
    page.goto(f"{desk.url}/review?queue=blocked&words=quoll")
    page.locator(".sender").click()
    expect(page.locator("h1")).to_have_text("Merchant M-9")
    expect(page.locator(".figures")).to_contain_text("Overturned by people")
    go_home(page)


def test_enter_on_a_tick_box_of_the_count_page_decides_nothing(sit: Sit, desk: RunningService) -> None:
    screening = screened(desk, f"{SWAP['body']} Bilby.", "Kettle appeal")
    with client(desk) as caller:
        caller.post(f"/screenings/{screening}/appeal", json={"message": "Why?"})
    page = sit("mira")
    page.goto(f"{desk.url}/review?queue=appealed&words=bilby")
    page.locator(".rows input[type=checkbox]").check()
    page.get_by_role("button", name="They were right").click()
    page.evaluate("() => { window.sends = 0; document.addEventListener('submit', () => { window.sends += 1; }); }")
    page.locator("input[name=appeals]").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("window.sends") == 0
