"""A day at the desk in a real browser, by keyboard: over the real service, with real cases."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from service.storage.database import Database
from tests.browser.conftest import DEMO_KEY, WINDOWS, RunningService, close, hover, is_fault, service_process
from tests.service.review.desk import PASSWORD, RULE, SWAP, add_people, drafts, send_all

SHOTS = Path(__file__).parent / "shots"
HOSTILE = (
    '<script>window.broken = true</script><img src=x onerror="window.broken = true">\n'
    '</dd></dl><h1 id="planted">Hello</h1> We can send you the green one instead. {{ 7 * 7 }} \u202e evil'
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service with some hundred cases and short locks; nothing goes to a second reader."""
    home = tmp_path_factory.mktemp("desk")
    settings = {"SCREENING_DEMO_KEY": DEMO_KEY, "SCREENING_LOCK_SECONDS": "15", "SCREENING_SECOND_REVIEW_SHARE": "0"}
    with service_process(home, **settings) as service:
        database = Database(f"sqlite:///{home / 'var' / 'screening.db'}")
        add_people(database)
        database.close()
        with client(service) as caller:
            rows = drafts("substitute-pairs", "probing-pairs", "swaps-plain", "winback-plain", every=3)
            answers = send_all(caller, rows)
            blocked = [a["screening_id"] for a in answers if a["decision"] == "block"]
            caller.post(f"/screenings/{blocked[0]}/appeal", json={"message": "The customer asked us for it by phone."})
        yield service


def client(service: RunningService) -> httpx.Client:
    return httpx.Client(base_url=service.url, headers={"authorization": f"Bearer {DEMO_KEY}"}, timeout=60)


def screened(service: RunningService, body: str, subject: str) -> str:
    with client(service) as caller:
        answer = caller.post("/screen", json={**SWAP, "body": body, "subject": subject, "merchant_id": "M-9"}).json()
    assert answer["decision"] == "block", answer
    found: str = answer["screening_id"]
    return found


@pytest.fixture
def sit(chromium: Browser, desk: RunningService) -> Iterator[Callable[..., Page]]:
    """Signs somebody in, in a browser of their own. Fails the test on any script error or breach of the policy."""
    open_ones: list[BrowserContext] = []
    faults: list[str] = []

    def signed_in(name: str, **options: object) -> Page:
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})  # type: ignore[arg-type]
        context.set_default_timeout(60_000)
        context.on("weberror", lambda error: faults.append(str(error.error)))
        context.on("console", lambda m: faults.append(m.text) if is_fault(m.text) else None)
        open_ones.append(context)
        page = context.new_page()
        page.goto(f"{desk.url}/review/login")
        expect(page.get_by_label("Name")).to_be_focused()
        page.keyboard.type(name)
        page.keyboard.press("Tab")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile(r"/review$"))
        listens(page)
        return page

    yield signed_in
    for context in open_ones:
        close(context)
    assert not faults


def press(page: Page, key: str) -> None:
    """Press a key that leads to another page, and wait for it; as a person does, once the case is there to be read."""
    before = page.url
    listens(page)
    if page.locator("#decide").count():
        expect(page.locator("#decide")).to_have_attribute("data-ready", "1")
    page.keyboard.press(key)
    page.wait_for_url(lambda url: url != before)
    listens(page)


def listens(page: Page) -> None:
    """Wait until the page's keys work. A new address does not say so: the load of the page before still counts."""
    expect(page.locator("body[data-listens]")).to_be_attached()


def go_home(page: Page) -> None:
    page.locator(".home").click()
    page.wait_for_url(re.compile(r"/review$"))
    listens(page)


def test_twenty_cases_are_cleared_by_keyboard_alone(sit: Callable[..., Page]) -> None:
    page = sit("mira")
    before = int(page.locator(".side .number").first.inner_text())
    press(page, "g")
    keys = 0
    for number in range(20):
        expect(page.locator("#lock")).to_contain_text("Yours for")
        keys += 1
        if number == 4:
            page.keyboard.press("n")
            page.keyboard.type("Seen twice today.")
            page.keyboard.press("Escape")
            keys += 2  # the words themselves are no key of the desk
        press(page, "o" if number % 4 == 3 else "u")
        expect(page.locator("#undo")).to_contain_text("Overturned" if number % 4 == 3 else "Upheld")
    go_home(page)
    left = int(page.locator(".side .number").first.inner_text())
    assert before - left == 20
    assert keys <= 20 * 1.2


def test_the_keys_are_on_the_buttons_and_in_the_help(sit: Callable[..., Page], desk: RunningService) -> None:
    page = sit("mira")
    open_case(page, desk.url)
    for name, key in (
        ("Keep blocked", "u"),
        ("The block was wrong", "o"),
        ("Save these labels", "s"),
        ("Next", "j"),
        ("Previous", "k"),
    ):
        assert key in page.locator(f'[data-key="{key}"]', has_text=name).locator("kbd").all_inner_texts()
    page.keyboard.press("?")
    expect(page.locator("dialog#keys dl")).to_contain_text("Keep blocked")
    keys = page.locator("dialog#keys kbd").all_inner_texts()
    assert {"1", "2", "3", "4", "5", "6", "u", "o", "s", "n", "j", "k", "h", "r", "e", "?"} <= set(keys)
    page.keyboard.press("Escape")
    expect(page.locator("dialog#keys")).to_be_hidden()


def test_the_list_is_walked_selected_and_searched_by_keyboard(sit: Callable[..., Page]) -> None:
    page = sit("mira")
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("#bulk")).to_contain_text("2 selected")
    expect(page.locator(".rows > li.here")).to_have_count(1)
    second = page.locator(".rows > li .what a").nth(1).inner_text()
    press(page, "Enter")
    assert second in page.locator("h1").inner_text()
    go_home(page)
    page.keyboard.press("/")
    page.keyboard.type("instead")
    press(page, "Enter")
    assert "words=instead" in page.url
    page.get_by_text("Filters").click()
    page.get_by_label("Merchant").fill("M-1041")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator(".rows .due").first).to_contain_text("M-1041")


def test_labels_decide_what_the_buttons_mean_and_undo_brings_it_back(sit: Callable[..., Page]) -> None:
    page = sit("mira")
    press(page, "g")
    case = page.locator("#case").get_attribute("data-id")
    ticked = page.locator("input[name=label]:checked").evaluate_all("boxes => boxes.map(b => b.dataset.key)")
    for key in ticked:
        page.keyboard.press(key)
    page.keyboard.press("2")
    expect(page.locator("[data-then=overturn]")).to_have_text("as: Delay notice")
    expect(page.locator("#decide")).to_have_attribute("data-ready", "1")
    page.keyboard.press("u")
    expect(page.locator("#refusal")).to_contain_text("speak against it")
    page.keyboard.press("n")
    page.keyboard.type("Only late.")
    page.keyboard.press("Escape")
    press(page, "o")
    expect(page.locator("#note")).to_have_value("")
    press(page, "z")
    assert page.locator("#case").get_attribute("data-id") == case
    expect(page.locator("#kept")).to_be_visible()
    expect(page.locator("#note")).to_have_value("Only late.")
    expect(page.locator("[data-then=overturn]")).to_have_text("as: Delay notice")
    expect(page.locator("#earlier")).to_contain_text("took back")


def test_evidence_is_marked_by_selecting_words_and_by_keys(sit: Callable[..., Page], desk: RunningService) -> None:
    screened(desk, "Hello 🙂, the blue kettle is gone. We can send you the green one instead.", "Kettle 🙂 evidence")
    page = sit("mira")
    page.goto(f"{desk.url}/review?queue=all&merchant=M-9&words=kettle+evidence")
    page.keyboard.press("j")
    press(page, "Enter")
    page.evaluate(
        """() => { const walker = document.createTreeWalker(document.querySelector('[data-field=body]'), 4);
        for (let node = walker.nextNode(); node; node = walker.nextNode()) {
          const at = node.data.indexOf('green');
          if (at >= 0) { getSelection().setBaseAndExtent(node, at, node, at + 5); return; } } }"""
    )
    expect(page.locator("#marking")).to_contain_text("green")
    page.keyboard.press("5")
    expect(page.locator("#marks")).to_contain_text("green")
    page.keyboard.press("e")
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator("#marking")).to_be_visible()
    page.keyboard.press("5")
    expect(page.locator("#marks li")).to_have_count(2)
    marks = page.evaluate("() => JSON.parse(document.querySelector('[name=evidence]').value)")
    body = "Hello 🙂, the blue kettle is gone. We can send you the green one instead."
    assert body[marks[0]["start"] : marks[0]["end"]] == "green"
    url = page.url.split("?")[0]
    press(page, "u")
    page.goto(url)
    expect(page.locator("mark.person").first).to_be_visible()


def test_the_policy_stands_beside_the_finding_and_a_key_calls_the_rule_wrong(
    sit: Callable[..., Page], desk: RunningService
) -> None:
    screened(desk, SWAP["body"], "Kettle policy beside")
    page = sit("mira")
    page.goto(f"{desk.url}/review?queue=all&merchant=M-9&words=policy+beside")
    page.keyboard.press("j")
    press(page, "Enter")
    expect(page.locator(".findings blockquote").first).to_contain_text("ARRANGING A PRODUCT SUBSTITUTE")
    wrong = page.locator("input[name=wrong_rule][data-key=f]")
    page.keyboard.press("f")
    expect(wrong).to_be_checked()
    case = page.url
    press(page, "j")  # a look elsewhere loses nothing
    page.goto(case)
    expect(wrong).to_be_checked()


def test_a_session_that_ended_leads_back_to_the_case_and_what_was_typed(sit: Callable[..., Page]) -> None:
    page = sit("mira")
    press(page, "g")
    case = page.url
    page.keyboard.press("n")
    page.keyboard.type("Half a thought")
    page.keyboard.press("Escape")
    page.context.clear_cookies()
    press(page, "u")
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type("mira")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    press(page, "Enter")
    assert page.url == case
    expect(page.locator("#note")).to_have_value("Half a thought")


def test_hover_and_focus_say_why_words_are_marked(sit: Callable[..., Page]) -> None:
    page = sit("mira")
    press(page, "g")
    mark = page.locator("#draft mark").first
    hover(page, mark)
    expect(page.locator("#tip")).to_be_visible()
    page.mouse.move(0, 0)
    expect(page.locator("#tip")).to_be_hidden()
    run = page.locator("#draft [data-run]").first
    run.focus()
    expect(page.locator("#tip")).to_have_text(run.get_attribute("data-run") or "none")
    expect(mark).to_have_class(re.compile("lit"))


def test_two_reviewers_never_get_the_same_case(sit: Callable[..., Page]) -> None:
    mira, jonas = sit("mira"), sit("jonas")
    press(mira, "g")
    press(jonas, "g")
    hers, his = (page.locator("#case").get_attribute("data-id") for page in (mira, jonas))
    assert hers != his
    jonas.goto(mira.url)
    expect(jonas.locator("#lock")).to_contain_text("mira is working on this case")
    expect(jonas.locator("#decide")).to_have_count(0)


def test_the_lock_is_renewed_while_the_page_is_open_and_runs_out_when_it_is_not_reached(
    sit: Callable[..., Page], desk: RunningService
) -> None:
    mira, jonas = sit("mira"), sit("jonas")
    press(mira, "g")
    case = mira.url
    with mira.expect_response(re.compile("/renew$")) as renewed:
        pass
    assert renewed.value.json() == {"left": 15}
    mira.context.set_offline(True)
    expect(mira.locator("#lock")).to_contain_text("Your claim has run out", timeout=60_000)
    expect(mira.locator("[data-key=u]")).to_be_disabled()
    jonas.goto(case)
    expect(jonas.locator("#lock")).to_contain_text("Yours for")
    mira.context.set_offline(False)
    mira.goto(case)
    expect(mira.locator("#lock")).to_contain_text("jonas is working")


def test_a_hostile_draft_is_shown_as_text(sit: Callable[..., Page], desk: RunningService) -> None:
    screened(desk, HOSTILE, '<b>Bold</b> hostile"><svg onload=alert(1)>')
    page = sit("mira")
    page.goto(f"{desk.url}/review?queue=all&merchant=M-9&words=hostile")
    assert "<b>Bold</b> hostile" in page.locator(".rows .what a").first.inner_text()
    page.keyboard.press("j")
    press(page, "Enter")
    text = page.evaluate(
        "() => { const c = document.querySelector('[data-field=body]').cloneNode(true);"
        " c.querySelectorAll('[data-aside]').forEach(e => e.remove()); return c.textContent; }"
    )
    assert text == HOSTILE
    assert page.locator("#planted").count() == 0
    assert page.evaluate("() => window.broken") is None


PAGES = [
    "", "/mine", "/keys", "/rules", "/rules/new", "/numbers", "/agreement", "/audit", "/out", "/people",
    "?queue=decided", "?queue=mine",
]  # fmt: skip


def open_case(page: Page, url: str) -> None:
    page.goto(f"{url}/review?queue=blocked")
    page.locator(".rows .what a").first.click()
    page.wait_for_selector("#case")


def open_rule(page: Page, url: str) -> None:
    page.goto(f"{url}/review/rules?find=substitute")
    page.locator("tbody a").first.click()
    page.wait_for_url(re.compile("/rules/of/"))


def check_a_rule(page: Page, url: str) -> None:
    page.goto(f"{url}/review/rules/new")
    page.get_by_role("tab", name="TOML").click()
    page.get_by_label("The rule as TOML").fill(RULE)
    page.get_by_role("button", name="Check and back-test").click()
    expect(page.get_by_text("every example comes out as it says")).to_be_visible()


def keep_a_rule(page: Page, url: str) -> None:
    check_a_rule(page, url)
    page.get_by_role("button", name="Save as a draft").click()
    page.wait_for_url(re.compile("/rules/of/"))


def publish_a_rule(page: Page, url: str) -> None:
    page.get_by_role("button", name="Back-test and publish").click()
    expect(page.locator("h1")).to_contain_text("Publish")


def open_template(page: Page, url: str) -> None:
    page.goto(f"{url}/review/merchant?id=M-1041")
    page.locator(".pair a").first.click()
    expect(page.locator("h1")).to_have_text("A template")


def count_a_selection(page: Page, url: str) -> None:
    page.goto(f"{url}/review?queue=blocked")
    free = page.locator(".rows > li:has(input[name=case])")
    free = free.filter(has_not_text=re.compile(r"with \w+"))  # nobody works on these
    for number in range(3):
        free.nth(number).locator("input[name=case]").check()
    page.locator("#bulk button[value=uphold]").click()
    expect(page.locator("h1")).to_contain_text("Keep blocked: 3 cases?")


def be_refused(page: Page, url: str) -> None:
    page.goto(f"{url}/review/rules/of/no.such-rule")


def leave(page: Page, url: str) -> None:
    page.goto(f"{url}/review")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(re.compile("/login"))


REACHED: dict[str, Callable[[Page, str], None]] = {
    "case": open_case, "rule": open_rule, "rule-checked": check_a_rule, "rule-drafted": keep_a_rule,
    "publish": publish_a_rule, "template": open_template, "bulk": count_a_selection, "refusal": be_refused,
    "login": leave,
}  # fmt: skip
"""Pages that are reached by doing something; signing out comes last."""


@pytest.mark.parametrize(("width", "scheme"), WINDOWS)
def test_every_page_is_accessible_and_fits(
    sit: Callable[..., Page], desk: RunningService, width: int, scheme: str
) -> None:
    page = sit("ada", viewport={"width": width, "height": 844}, color_scheme=scheme)
    SHOTS.mkdir(exist_ok=True)
    for path in [*PAGES, *REACHED]:
        if path in REACHED:
            REACHED[path](page, desk.url)
        else:
            page.goto(f"{desk.url}/review{path}")
        name = re.sub(r"\W+", "-", path).strip("-") or "queue"
        page.screenshot(path=SHOTS / f"review-{name}-{width}-{scheme}.png", full_page=True)
        serious = [v for v in Axe().run(page).response["violations"] if v["impact"] in ("serious", "critical")]
        assert not serious, (path, [(v["id"], [n["html"] for n in v["nodes"]][:3]) for v in serious])
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), f"{path} is too wide"
