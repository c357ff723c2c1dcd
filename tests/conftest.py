"""What all tests share: a screener with the promoted model, loaded once; and which tests one process runs together."""

import re
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from classifier import Screener
from service.storage import users

TESTS = Path(__file__).parent
CHROMIUM = Path("/usr/bin/chromium")
LONGEST_FIRST = ("training", "browser", "review", "service")
"""Rooms in the order in which they begin, so that short files fill what is left of the time at the end."""


@pytest.fixture(scope="session")
def screener() -> Screener:
    return Screener.load()


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> None:
    """A real hash takes up to a second of a busy machine, and the tests' people sign in hundreds of times."""
    users._HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share something dear to start carry the runner's mark of a group, which one process runs."""
    items.sort(key=lambda item: _begins(_room(item)))
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.timeout(3600))


def _room(item: pytest.Item) -> str:
    """The folder of `tests/` that holds a test; the desk is a room of its own."""
    first, second, *_ = (*item.path.relative_to(TESTS).parts, "")
    return "review" if (first, second) == ("service", "review") else first


def _begins(room: str) -> int:
    return LONGEST_FIRST.index(room) if room in LONGEST_FIRST else len(LONGEST_FIRST)


def _group(item: pytest.Item) -> str:
    """A running service on one kind of database is started once, and one model is trained for all that need one; other
    tests stay with their file."""
    room = _room(item)
    kind = re.search(r"\b(sqlite|postgresql)\b", item.name)
    if kind and room in ("review", "service"):
        return f"{room} {kind[1]}"
    if room == "training" and "notebooks" not in item.path.name:
        return room
    return item.path.relative_to(TESTS).with_suffix("").as_posix().replace("/", " ")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not CHROMIUM.exists():
        terminalreporter.section("NOT TESTED: the pages in a browser", red=True, bold=True)
        terminalreporter.line(f"{CHROMIUM} is missing; install Debian's package chromium to run tests/browser.")
