"""A real browser over real services. Where Debian's chromium is missing, these tests are skipped, and said so."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Locator, Page, expect, sync_playwright

from tests.browser.fake_service import Plan, running
from tests.conftest import CHROMIUM

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
ROOT = Path(__file__).parent.parent.parent
START_WITHIN = 120
WINDOWS = [
    (1280, "light"), (390, "dark"),
    pytest.param(1280, "dark", marks=pytest.mark.long), pytest.param(390, "light", marks=pytest.mark.long),
]  # fmt: skip
"""Each width and each scheme once; the other two pairs, which meet the same rules again, in the long run."""
expect.set_options(timeout=40_000)  # a busy machine is slow, not wrong


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("browser")
            if not CHROMIUM.exists():
                item.add_marker(pytest.mark.skip(reason=f"{CHROMIUM} is not installed (Debian's package chromium)"))


@dataclass
class RunningService:
    """A `python -m service run --demo` process."""

    url: str
    home: Path
    process: "subprocess.Popen[bytes]"
    said: str = ""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def service_process(home: Path, **settings: str) -> Iterator[RunningService]:
    """The real service on a free port with its state under `home`; ends it with SIGTERM."""
    port, log = free_port(), home / "service.log"
    command = [sys.executable, "-m", "service", "run", "--demo", "--host", "127.0.0.1", "--port", str(port)]
    environment = os.environ | {"SCREENING_HOME": str(home / "var")} | settings
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT)
        service = RunningService(f"http://127.0.0.1:{port}", home, process)
        try:
            wait_until_ready(service, log)
            service.said = log.read_text("utf-8", "replace")
            yield service
        finally:
            end(process)


def wait_until_ready(service: RunningService, log: Path) -> None:
    deadline = time.monotonic() + START_WITHIN
    while time.monotonic() < deadline:
        assert service.process.poll() is None, log.read_text("utf-8", "replace")
        try:
            with urllib.request.urlopen(service.url + "/readyz", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    pytest.fail(f"not ready: {log.read_text('utf-8', 'replace')}")


def end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """One real service for all the browser tests."""
    with service_process(tmp_path_factory.mktemp("service"), SCREENING_DEMO_KEY=DEMO_KEY) as running_service:
        yield running_service


DEMO_KEY = "demo-key-of-the-browser-tests-0123456789"


@pytest.fixture(scope="package")  # ends before other tests: while it lives, the thread's event loop counts as running
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A fresh profile, 1280 pixels wide. Fails the test on any script error or breach of the page's policy."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(60_000)
    faults: list[str] = []
    context.on("weberror", lambda error: faults.append(str(error.error)))
    context.on("console", lambda message: faults.append(message.text) if is_fault(message.text) else None)
    yield context
    close(context)
    assert not faults


def close(context: BrowserContext) -> None:
    """Close a context whose pages are at rest: a close while a page is being left may never return."""
    for page in context.pages:
        with suppress(Error):
            page.goto("about:blank")
    context.close()


def hover(page: Page, element: Locator) -> None:
    """Point at the first line of an element: the middle of one that runs over lines may lie outside it."""
    element.scroll_into_view_if_needed()
    left, top = element.evaluate(
        "e => { const at = e.getClientRects()[0]; return [at.left + 2, at.top + at.height / 2]; }"
    )
    page.mouse.move(left, top)


def is_fault(text: str) -> bool:
    return bool(re.search(r"Content Security Policy|Refused to|TrustedHTML", text))


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture(scope="session")
def fake_service() -> Iterator[tuple[str, Plan]]:
    """One fake service for all tests."""
    plan = Plan()
    with running(plan) as url:
        yield url, plan


@pytest.fixture
def plan(fake_service: tuple[str, Plan]) -> Plan:
    """What the fake service does in this test, and what it was asked."""
    fake_service[1].reset()
    return fake_service[1]


@pytest.fixture
def fake(fake_service: tuple[str, Plan], plan: Plan) -> str:
    """The fake service's base URL."""
    return fake_service[0]
