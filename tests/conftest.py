"""What all tests share: a screener with the promoted model, loaded once; and how they are parted over two processes."""

from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from classifier import Screener
from service.storage import users
from tests.parting import Parting, place

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="session")
def screener() -> Screener:
    return Screener.load()


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> None:
    """A real hash takes up to a second of a busy machine, and the tests' people sign in hundreds of times."""
    users._HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


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
