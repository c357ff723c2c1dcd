"""Nothing is decided by accident at the desk, and a case is left, found again and put right by keys."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import RunningService, hover
from tests.browser.test_review_work import client, go_home, listens, press, screened
from tests.browser.test_review_work import desk as desk  # their desk, as this module's fixture too
from tests.browser.test_review_work import sit as sit
from tests.service.review.desk import SWAP

Sit = Callable[..., Page]


def waiting(page: Page) -> int:
    go_home(page)
    return int(page.locator(".side .number").first.inner_text())


def ready(page: Page) -> None:
    expect(page.locator("#decide")).to_have_attribute("data-ready", "1")


def start(page: Page) -> str:
    press(page, "g")
    ready(page)
    return case_of(page)


def case_of(page: Page) -> str:
    return page.locator("#case").get_attribute("data-id") or ""


def another_case(page: Page, before: str) -> None:
    expect(page.locator(f'#case:not([data-id="{before}"])')).to_be_visible()
    listens(page)


def test_a_key_that_is_held_down_decides_one_case(sit: Sit) -> None:
    page = sit("mira")
    before = waiting(page)
    case = start(page)
    page.keyboard.down("u")
    another_case(page, case)
    ready(page)
    second = case_of(page)
    for _ in range(6):
        page.keyboard.down("u")  # what a held key sends
    page.keyboard.up("u")
    assert case_of(page) == second
    assert before - waiting(page) == 1


def test_a_doubled_key_does_not_decide_the_case_that_has_just_appeared(sit: Sit) -> None:
    page = sit("mira")
    before = waiting(page)
    case = start(page)
    page.clock.install()
    page.clock.pause_at(datetime.now(UTC) + timedelta(seconds=5))  # from here on half a second does not pass by itself
    page.keyboard.press("u")
    another_case(page, case)
    second = case_of(page)
    page.keyboard.press("u")
    expect(page.locator("#refusal")).to_contain_text("Press again")
    assert case_of(page) == second
    page.clock.fast_forward(600)
    ready(page)
    page.keyboard.press("u")
    another_case(page, second)
    page.clock.resume()
    assert before - waiting(page) == 2


def test_no_key_works_before_what_guards_the_decision_is_there(sit: Sit) -> None:
    page = sit("mira")
    before = waiting(page)
    late: list[Route] = []
    page.route("**/static/deciding.js", lambda route: late.append(route))
    with page.expect_request("**/static/deciding.js"):
        page.keyboard.press("g")
    page.wait_for_timeout(1000)  # time for the other scripts, which come at once
    case = case_of(page)
    page.keyboard.press("u")
    page.wait_for_timeout(500)
    assert case_of(page) == case
    late[0].continue_()
    ready(page)
    page.unroute("**/static/deciding.js")
    assert waiting(page) == before


def test_enter_on_a_label_decides_nothing(sit: Sit) -> None:
    page = sit("mira")
    before = waiting(page)
    case = start(page)
    page.evaluate("() => { window.sends = 0; document.addEventListener('submit', () => { window.sends += 1; }); }")
    page.locator("#why").evaluate("why => { why.open = true; }")
    for box in page.locator("input[name=label], input[name=wrong_rule]").all():
        box.focus()
        page.keyboard.press("Enter")
    assert page.evaluate("window.sends") == 0  # the press of j below would overtake a decision on its way
    assert case_of(page) == case
    page.keyboard.press("j")
    another_case(page, case)
    assert waiting(page) == before


def test_a_double_click_decides_once_and_no_page_says_that_it_was_not_done(sit: Sit) -> None:
    page = sit("mira")
    before = waiting(page)
    case = start(page)
    page.locator("[data-key=u]").dblclick()
    another_case(page, case)
    expect(page.locator("#undo")).to_contain_text("Upheld")
    assert before - waiting(page) == 1


def test_letters_can_be_changed_and_switched_off(sit: Sit, desk: RunningService) -> None:
    page = sit("jonas")
    page.goto(f"{desk.url}/review/keys")
    page.get_by_label("The decision was right").fill("y")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(re.compile("said=saved"))
    go_home(page)
    case = start(page)
    assert page.locator("button[value=uphold] kbd").inner_text() == "y"
    page.keyboard.press("u")
    assert case_of(page) == case
    page.keyboard.press("y")
    another_case(page, case)
    page.goto(f"{desk.url}/review/keys")
    page.get_by_label("Single letters and digits do nothing").check()
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(re.compile("said=saved"))
    go_home(page)
    page.keyboard.press("g")
    assert page.url.endswith("/review")
    page.goto(f"{desk.url}/review/keys")
    page.get_by_role("button", name="The usual keys").click()
    page.wait_for_url(re.compile("said=saved"))


def test_the_buttons_say_what_will_happen(sit: Sit, desk: RunningService) -> None:
    screening = screened(desk, SWAP["body"], "Kettle in dispute")
    with client(desk) as caller:
        caller.post(f"/screenings/{screening}/appeal", json={"message": "The customer asked for it."})
    page = sit("mira")
    page.goto(f"{desk.url}/review?queue=appealed&merchant=M-9")
    press(page, "g")
    expect(page.locator("button[value=uphold]")).to_contain_text("Keep blocked, tell the merchant")
    expect(page.locator("button[value=overturn]")).to_contain_text("Let it through, tell the merchant")
    expect(page.locator(".tag", has_text="Appealed")).to_be_visible()
    page.keyboard.press("Escape")
    page.wait_for_url(re.compile(r"/review\?"))


def test_a_mark_lights_only_what_belongs_to_it_and_a_run_of_marks_is_one_stop(sit: Sit, desk: RunningService) -> None:
    screened(desk, SWAP["body"], "Kettle marks and stops")
    page = sit("mira")
    page.goto(f"{desk.url}/review?queue=all&merchant=M-9&words=marks+stops")
    press(page, "g")
    runs = page.evaluate(
        "() => [...document.querySelectorAll('#draft mark')]"
        ".filter(m => m.previousElementSibling?.tagName !== 'MARK').length"
    )
    assert page.locator("#draft [data-run][tabindex]").count() == runs
    assert page.locator("#draft mark[tabindex]").count() == 0
    for mark in page.locator("#draft mark").all():
        place = mark.bounding_box()
        hover(page, mark)
        expect(mark).to_have_class(re.compile("lit"))
        assert mark.bounding_box() == place  # nothing jumps under the pointer
        numbers = set((mark.get_attribute("data-numbers") or "").split())
        for lit in page.locator("#draft mark.lit").all():
            own = set((lit.get_attribute("data-numbers") or "").split())
            assert own & numbers or lit.inner_text() == mark.inner_text()
    page.mouse.move(0, 0)


def test_escape_leads_back_to_the_place_in_the_list_and_nothing_stays_locked(sit: Sit, desk: RunningService) -> None:
    page, other = sit("mira"), sit("jonas")
    for _ in range(3):
        page.keyboard.press("j")
    press(page, "Enter")
    case = case_of(page)
    page.keyboard.press("Escape")
    page.wait_for_url(re.compile("at="))
    here = page.locator(".rows > li.here .what a")
    expect(here).to_be_focused()
    assert case in (here.get_attribute("href") or "")
    other.goto(f"{desk.url}/review/cases/{case}")
    expect(other.locator("#lock")).to_contain_text("Yours for")
    other.keyboard.press("Escape")


def test_a_colleague_who_waits_is_told_when_the_case_is_free(sit: Sit) -> None:
    page, other = sit("mira"), sit("jonas")
    start(page)
    other.goto(page.url)
    expect(other.locator("#lock")).to_contain_text("mira is working")
    page.keyboard.press("r")
    expect(other.locator("#lock")).to_contain_text("The case is free.", timeout=60_000)
    other.get_by_role("link", name="Claim it").click()
    expect(other.locator("#lock")).to_contain_text("Yours for")


def test_ctrl_enter_decides_while_one_writes(sit: Sit) -> None:
    page = sit("mira")
    case = start(page)
    page.keyboard.press("n")
    page.keyboard.type("Plain.")
    expect(page.locator("#chord")).to_have_text("Keep blocked")
    page.keyboard.press("Control+Enter")
    another_case(page, case)
    expect(page.locator("#undo")).to_contain_text("Upheld")


def test_a_decided_case_is_reopened_from_my_decisions(sit: Sit, desk: RunningService) -> None:
    page = sit("mira")
    case = start(page)
    page.keyboard.press("u")
    another_case(page, case)
    page.goto(f"{desk.url}/review/mine")
    row = page.locator(".rows > li").first
    expect(row).to_contain_text("Take back")
    row.get_by_role("link").first.click()
    page.get_by_label("Was this wrong? Say why").fill("It was a delay.")
    page.get_by_role("button", name="Reopen").click()
    expect(page.locator("#lock")).to_contain_text("Yours for")
    expect(page.locator("#earlier")).to_contain_text("It was a delay.")


def test_an_ordinary_case_fits_one_screen_and_the_notice_covers_nothing(sit: Sit, desk: RunningService) -> None:
    screened(desk, SWAP["body"], "Kettle on one screen")
    page = sit("mira", viewport={"width": 1280, "height": 800})
    start(page)
    page.keyboard.press("u")
    expect(page.locator("#undo")).to_be_visible()
    page.goto(f"{desk.url}/review?queue=all&merchant=M-9&words=one+screen")
    press(page, "g")
    expect(page.locator(".topline .number")).to_have_text("1 of 1")
    fits = "s => document.querySelector(s).getBoundingClientRect().bottom <= innerHeight"
    for part in (".strip", "#draft", ".decide .acts", "#note"):
        assert page.evaluate(fits, part), part
    undo = page.locator("#undo").bounding_box()
    work = page.locator("main").bounding_box()
    assert undo
    assert work
    assert undo["y"] + undo["height"] <= work["y"]
