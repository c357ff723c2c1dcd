"""The second factor in a real browser, by keyboard, and its pages for everybody's eyes."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pyotp
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from service.storage.users import Users
from tests.browser.conftest import close, is_fault
from tests.service.review.auth.oidc_provider import CLIENT, SECRET, Provider, a_provider
from tests.service.review.desk import PASSWORD
from tests.service.running import Running, running, settings_for

LOOKS = [(1280, "light"), (390, "dark")]


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with a_provider() as started:
        started.person |= {"groups": ["lead"]}
        yield started


@pytest.fixture(scope="module")
def house(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    known = {"oidc_issuer": provider.issuer, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET}
    with running(settings_for(tmp_path_factory.mktemp("seen"), encoder="off", **known)) as service:
        with service.services.database.writing() as session:
            for width, _ in LOOKS:
                Users(session).add(f"mira-{width}", "reviewer", PASSWORD, datetime.now(UTC))
        yield service


def look(page: Page) -> None:
    """Nothing that shuts people out, nothing wider than the window."""
    serious = [v for v in Axe().run(page).response["violations"] if v["impact"] in ("serious", "critical")]
    assert not serious, (page.url, [(v["id"], [n["html"] for n in v["nodes"]][:3]) for v in serious])
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), page.url


def sign_in(page: Page, house: Running, name: str) -> None:
    page.goto(f"{house.url}/review/login")
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_it_is_set_up_and_asked_for_by_keyboard(chromium: Browser, house: Running, width: int, scheme: str) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    faults: list[str] = []
    context.on("console", lambda m: faults.append(m.text) if is_fault(m.text) else None)
    page = context.new_page()
    try:
        sign_in(page, house, f"mira-{width}")
        page.wait_for_url(re.compile(r"/review$"))
        page.goto(f"{house.url}/review/account")
        page.get_by_role("link", name="See and change it").press("Enter")
        look(page)
        page.get_by_label("Your password").fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Set up your second factor")).to_be_visible()
        assert (page.locator(".qr svg").bounding_box() or {})["width"] > 150
        look(page)
        secret = page.locator("form code").first.inner_text().replace(" ", "")
        page.get_by_label("Code", exact=True).fill(pyotp.TOTP(secret).now())
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
        look(page)
        recovery = page.locator(".codes code").first.inner_text()
        page.get_by_role("link", name="I have kept them").press("Enter")
        look(page)
        context.clear_cookies()
        sign_in(page, house, f"mira-{width}")
        page.wait_for_url(re.compile(r"/login/code"))
        expect(page.get_by_label("Code from your authenticator app")).to_be_focused()
        look(page)
        page.keyboard.type("000000")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("not right")
        expect(page.get_by_label("Code from your authenticator app")).to_be_focused()  # a key before that is lost
        page.keyboard.type(recovery)
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile(r"/review$"))
        assert not faults
    finally:
        close(context)


@pytest.mark.browser
def test_the_way_through_the_provider_is_one_key_and_keeps_the_page(chromium: Browser, house: Running) -> None:
    context = chromium.new_context()
    page = context.new_page()
    try:
        page.goto(f"{house.url}/review/numbers")
        look(page)
        page.get_by_role("link", name="Sign in with your organisation").press("Enter")
        page.wait_for_url(re.compile(r"/review/numbers$"))
        expect(page.get_by_text("nora")).to_be_visible()
    finally:
        close(context)
