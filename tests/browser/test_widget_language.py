"""The box in the merchant's language: its own words by the page's `lang`, the service's by Accept-Language."""

import pytest
from playwright.sync_api import Page, expect

from classifier.policy.translations import LANGUAGES, catalogue
from tests.browser.compose_page import BLOCKED, expect_status, status
from tests.browser.fake_service import Plan

FORM = """<!doctype html><html lang="{lang}"><title>Order</title>
<script type="module" src="/compose/draft-screen.js"></script>
<form><input name="support_id" value="GG-AAAA-1111" aria-label="Support ID"><input name="subject" aria-label="Subject">
<textarea name="body" aria-label="Details"></textarea><draft-screen endpoint="/compose"></draft-screen>
<button>Contact Customer</button></form></html>"""


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_box_speaks_the_language_of_the_page(page: Page, fake: str, plan: Plan, language: str) -> None:
    words = catalogue(language).box
    plan.pages["form"] = FORM.format(lang=language)
    page.goto(fake + "/pages/form")
    expect_status(page, words["idle"])
    page.get_by_label("Details").fill(BLOCKED)
    expect_status(page, words["block"])
    assert plan.languages[-1] == language
    page.get_by_role("button", name=words["note"]).click()
    expect(page.get_by_role("dialog", name=words["notes_title"])).to_contain_text(words["tag_block"])
    expect(page.get_by_role("button", name=words["use_text"]).first).to_be_visible()
    page.get_by_role("button", name=words["close"]).click()
    page.get_by_role("button", name="Contact Customer").click()
    expect(page.locator(".panel h2")).to_have_text(words["blocked"])
    page.get_by_role("button", name=words["appeal"]).click()
    expect(page.get_by_label(words["why"])).to_be_visible()


@pytest.mark.parametrize(("lang", "words"), [("de-AT", "de"), ("pt", "en"), ("", "en")])
def test_other_languages_and_regions(page: Page, fake: str, plan: Plan, lang: str, words: str) -> None:
    plan.pages["form"] = FORM.format(lang=lang)
    page.goto(fake + "/pages/form")
    expect_status(page, catalogue(words).box["idle"])


def test_without_its_words_the_box_is_english_and_works(page: Page, fake: str, plan: Plan) -> None:
    plan.pages["form"] = FORM.format(lang="fr")
    page.route("**/draft-screen.fr.js", lambda route: route.fulfill(status=404))
    page.goto(fake + "/pages/form")
    page.get_by_label("Details").fill(BLOCKED)
    expect(status(page)).to_have_text("Cannot be sent")
