"""The compose page as a merchant meets it: fields, status line, panel, underlines."""

from playwright.sync_api import Locator, Page, expect

BLOCKED = "Hello 😀 Sam, the lamp is sold out. We can send the oak one instead. Regards"
FINE = "Hello Sam, your order is late and will arrive on Friday."
CHATTY = "Hello Sam, would you leave us a review?"


def open_compose(page: Page, url: str, body: str = "") -> None:
    page.goto(url + "/compose")
    page.get_by_label("Support ID").fill("GG-8K2P-4L7Q-XY19")
    page.get_by_label("Subject").fill("About your order for a lamp")
    if body:
        page.get_by_label("Details").fill(body)


def details(page: Page) -> Locator:
    return page.get_by_label("Details")


def contact(page: Page) -> None:
    page.get_by_role("button", name="Contact Customer").click()


def status(page: Page) -> Locator:
    return page.locator(".status .word")


def expect_status(page: Page, words: str) -> None:
    expect(status(page)).to_have_text(words)


def panel_heading(page: Page) -> Locator:
    return page.locator(".panel h2")


def underlined(page: Page) -> list[dict[str, float]]:
    """The boxes of the underlines, in the window's pixels."""
    page.wait_for_function("document.querySelector('draft-screen').shadowRoot.querySelector('.line')")
    return [line.bounding_box() or {} for line in page.locator(".line").all()]


def kept(page: Page) -> str:
    return str(page.evaluate("JSON.stringify(Object.values(sessionStorage))"))


def set_attributes(page: Page, **attributes: str) -> None:
    """Attributes of the widget, with `_` for `-`."""
    for name, value in attributes.items():
        page.evaluate(
            "([name, value]) => document.querySelector('draft-screen').setAttribute(name, value)",
            [name.replace("_", "-"), value],
        )


def use_first_text(page: Page) -> None:
    page.get_by_role("button", name="Use this text instead").first.click()
