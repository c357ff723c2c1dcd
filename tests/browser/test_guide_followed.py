"""A newcomer embeds the box from the guide alone: its files, as they stand there, make a page that works."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.compose_page import contact, expect_status, panel_heading
from tests.browser.conftest import DEMO_KEY, ROOT, RunningService, end, free_port
from tests.service.compose.test_guide import snippet

FILES = ("form.html", "reply.html", "proxy.py", "verify_online.py", "app.py")


@pytest.fixture
def followed(service: RunningService, tmp_path: Path) -> Iterator[str]:
    """The guide's app, running in a folder of its own; its address."""
    for name in FILES:
        (tmp_path / name).write_text(snippet(name), "utf-8")
    environment = os.environ | {"SCREENING_URL": service.url, "SCREENING_KEY": DEMO_KEY, "PYTHONPATH": str(ROOT)}
    subprocess.run(["sh", "-ec", snippet("get_widget.sh")], cwd=tmp_path, env=environment, check=True, timeout=60)
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "app:app", "--port", str(port)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            wait(f"http://127.0.0.1:{port}/", process, tmp_path / "log")
            yield f"http://127.0.0.1:{port}"
        finally:
            end(process)


def wait(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(600):
        assert process.poll() is None, log.read_text("utf-8", "replace")
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    pytest.fail(log.read_text("utf-8", "replace"))


def test_screened_blocked_mended_and_opened(page: Page, followed: str) -> None:
    page.goto(followed)
    page.get_by_label("Support ID").fill("GG-2H4W-61MS-RT35")
    page.get_by_label("Subject").fill("Your lamp is out of stock")
    page.get_by_label("Details").fill("Hello Sam,\n\nblue is sold out, so we will send you the green one instead.")
    expect_status(page, "Cannot be sent")
    contact(page)
    expect(panel_heading(page)).to_have_text("This cannot be sent as it is")
    page.get_by_label("Details").fill(
        "Hello Sam,\n\nyour lamp is out of stock, so we had to cancel your order and have refunded you in full."
    )
    expect(panel_heading(page)).to_have_text("Fine to send now")
    with page.expect_request("**/tickets") as posted:
        contact(page)
    expect(page).to_have_title("Ticket opened")
    again = page.request.post(
        followed + "/tickets",
        headers={"content-type": "application/x-www-form-urlencoded"},
        data=posted.value.post_data,
    )
    assert again.status == 409  # the pass is spent


def test_a_reply_is_screened_with_what_the_customer_wrote(page: Page, followed: str) -> None:
    page.goto(followed + "/reply")
    reply = page.get_by_label("Your reply")
    reply.fill("Hello Sam, please call us on 555 0142 to settle it.")
    expect_status(page, "Check before sending")
    reply.fill("Hello Sam, of course, we will send you the green lamp instead of the blue one.")
    expect_status(page, "Fine to send")
    expect(page.locator(".advice")).to_contain_text("Your customer asked for this exchange")
    expect(page.locator(".advice")).to_contain_text("by 15:00 on 2026-11-27 (CST)")
    with page.expect_request("**/replies") as posted:
        page.get_by_role("button", name="Reply").click()
    expect(page).to_have_title("Reply sent")
    form = {"content-type": "application/x-www-form-urlencoded"}
    as_ticket = page.request.post(followed + "/tickets", headers=form, data=posted.value.post_data)
    assert as_ticket.status == 409
    assert "not the one that was screened" in as_ticket.text()
