"""What all tests share: a screener with the promoted model, loaded once; and how they are parted over two processes."""

from pathlib import Path
from typing import Any

import pytest

from classifier import Screener
from tests.parting import Parting, place

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="session")
def screener() -> Screener:
    return Screener.load()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: place(item.path.parent.name))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Parting:
    return Parting(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not CHROMIUM.exists():
        terminalreporter.section("NOT TESTED: the pages in a browser", red=True, bold=True)
        terminalreporter.line(f"{CHROMIUM} is missing; install Debian's package chromium to run tests/browser.")
