"""The widget in other people's pages: strict policy, no globals, contenteditable, several forms, plain posts."""

import gzip
import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from service.compose.bundling import MODULES, STATIC, TRANSLATED, bundled_widget, language_module
from tests.browser.compose_page import use_first_text
from tests.browser.fake_service import REPLACEMENT, Plan

TYPES = Path(STATIC / "draft-screen.d.ts").read_text("utf-8")

TWO_FORMS = """<!doctype html><html lang="en"><title>Two</title>
<script type="module" src="/compose/draft-screen.js"></script>
<form id="one"><input name="support_id" value="GG-1AAA-2BBB-3CCC" aria-label="ID one">
<input name="subject" value="Lamp" aria-label="Subject one">
<textarea name="body" rows="6" aria-label="Body one"></textarea>
<button>Send one</button><draft-screen endpoint="/compose"></draft-screen></form>
<form id="two" action="/pages/sent" method="get"><input id="order" value="GG-9ZZZ-8YYY-7XXX" aria-label="ID two">
<input name="subject" value="Lamp" aria-label="Subject two">
<div contenteditable="true" data-name="body" role="textbox" aria-multiline="true" aria-label="Body two"></div>
<button>Send two</button></form>
<draft-screen for="two" support-id="#order" endpoint="/compose"></draft-screen></html>"""


@pytest.fixture
def two(page: Page, fake: str, plan: Plan) -> Page:
    plan.pages = {"two": TWO_FORMS, "sent": "<!doctype html><title>Sent</title>"}
    page.goto(fake + "/pages/two")
    return page


def test_at_most_seventeen_kilobytes_gzipped() -> None:
    assert len(gzip.compress(bundled_widget().encode(), 9)) <= 17_000
    assert all(len(gzip.compress(language_module(language).encode(), 9)) <= 4_000 for language in TRANSLATED)


def test_every_part_is_packed() -> None:
    parts = {path.stem for path in STATIC.glob("*.js")} - {"compose"}
    assert parts == set(MODULES)
    assert not re.search(r"^import ", bundled_widget(), re.MULTILINE)


def test_the_module_is_served_compressed_and_revalidated(fake: str) -> None:
    first = httpx.get(fake + "/compose/draft-screen.js")
    assert first.headers["content-type"].startswith("text/javascript")
    assert first.headers["content-encoding"] == "gzip"
    assert first.text == bundled_widget()
    again = httpx.get(fake + "/compose/draft-screen.js", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert httpx.get(fake + "/compose/draft-screen.d.ts").text == TYPES
    assert httpx.get(fake + "/compose/routes.py").status_code == 404


def test_no_global_names_are_leaked(page: Page, fake: str, plan: Plan) -> None:
    plan.pages = {"empty": "<!doctype html><title>Empty</title>", "two": TWO_FORMS}
    page.goto(fake + "/pages/empty")
    before = set(page.evaluate("Object.getOwnPropertyNames(globalThis)"))
    page.evaluate("import('/compose/draft-screen.js')")
    assert set(page.evaluate("Object.getOwnPropertyNames(globalThis)")) <= before


def test_the_types_name_what_there_is(two: Page) -> None:
    body = TYPES.split("export class DraftScreen")[1].split("\n}")[0]
    members = set(re.findall(r"^  (?:readonly )?(\w+)[(:]", body, re.MULTILINE)) - {"addEventListener"}
    assert members >= {"order", "draft", "attach", "sent", "refuse"}
    missing = two.evaluate("names => names.filter(n => !(n in document.querySelector('draft-screen')))", list(members))
    assert missing == []


def test_two_forms_on_a_page_do_not_mix(two: Page, plan: Plan) -> None:
    two.get_by_label("Body one").fill("We send green instead.")
    two.get_by_label("Body two").fill("All is well.")
    words = two.locator(".status .word")
    expect(words.nth(0)).to_have_text("Cannot be sent")
    expect(words.nth(1)).to_have_text("Fine to send")
    assert {request["support_id"] for request in plan.previews()} == {"GG-1AAA-2BBB-3CCC", "GG-9ZZZ-8YYY-7XXX"}


def test_contenteditable_is_read_underlined_and_replaced(two: Page, plan: Plan) -> None:
    body = two.get_by_label("Body two")
    body.evaluate(
        "e => { e.innerText = ''; e.append('Hi 😀', document.createElement('div'), document.createElement('div'));"
        "e.children[0].append(document.createElement('br'));"
        "e.children[1].append('We send ', Object.assign(document.createElement('b'), {textContent: 'green'}),"
        "' instead. Bye'); e.dispatchEvent(new InputEvent('input', {bubbles: true})) }"
    )
    expect(two.locator(".status .word").nth(1)).to_have_text("Cannot be sent")
    assert plan.previews()[-1]["body"] == "Hi 😀\n\nWe send green instead. Bye"
    bold = body.locator("b").bounding_box() or {}
    lines = [line.bounding_box() or {} for line in two.locator(".line").all()]
    assert any(line["x"] <= bold["x"] + 1 and abs(line["y"] - bold["y"]) < 3 for line in lines)
    two.get_by_role("button", name="1 note").click()
    use_first_text(two)
    expect(body).to_contain_text(REPLACEMENT)
    expect(two.locator(".status .word").nth(1)).to_have_text("Fine to send")
    two.keyboard.press("Control+z")
    expect(body).to_contain_text("We send green instead. Bye")


def test_an_ordinary_form_post_carries_the_pass_and_the_edited_text(two: Page) -> None:
    two.get_by_label("Body two").fill("All is well.")
    two.get_by_role("button", name="Send two").click()
    two.wait_for_url("**/pages/sent?**")
    assert "screening_pass=pass-1" in two.url
    assert "body=All+is+well." in two.url


def test_removed_from_the_page_it_lets_go_of_the_form(two: Page, plan: Plan) -> None:
    two.evaluate("document.querySelectorAll('draft-screen').forEach((element) => element.remove())")
    two.get_by_label("Body one").fill("We send green instead.")
    two.wait_for_timeout(600)
    assert plan.requests == []


def test_half_surrogates_are_sent_as_the_form_would_send_them(two: Page, plan: Plan) -> None:
    two.get_by_label("Body one").evaluate(
        "e => { e.value = 'a\\ud83d b instead.'; e.dispatchEvent(new InputEvent('input')) }"
    )
    expect(two.locator(".status .word").nth(0)).to_have_text("Cannot be sent")
    assert plan.previews()[-1]["body"] == "a\ufffd b instead."
