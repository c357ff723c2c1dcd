"""What all tests share: a screener with the promoted model, loaded once; and how they are parted over two processes."""

from pathlib import Path

import pytest

from classifier import Screener

LONGEST_FIRST = ("training", "browser", "review", "service")
"""Folders in the order in which they begin, so that short files fill what is left of the time at the end."""

DEAR = ("desk", "service")
"""Session fixtures of several kinds that take longer than most tests: who needs the same one runs in one process, so
that it is made once. So it is with `trained_home`."""

ROOT = Path(__file__).parent
CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="session")
def screener() -> Screener:
    return Screener.load()


@pytest.hookimpl(tryfirst=True)  # the runner reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Part the tests into groups that run in one process each: by the dear fixture that they share, else by file."""
    groups = {item: _group(item) for item in items}
    begun = list(dict.fromkeys(groups[item] for item in sorted(items, key=_place)))
    items.sort(key=lambda item: begun.index(groups[item]))
    for item in items:
        item.add_marker(pytest.mark.xdist_group(groups[item]))


def _place(item: pytest.Item) -> int:
    folder = item.path.parent.name
    return LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else len(LONGEST_FIRST)


def _group(item: pytest.Item) -> str:
    """The dear fixture and its kind; else the file."""
    params = getattr(getattr(item, "callspec", None), "params", {})
    if "trained_home" in getattr(item, "fixturenames", ()):
        return "trained_home"
    kinds = [f"{name}-{params[name]}" for name in DEAR if name in params]
    return kinds[0] if kinds else "-".join(item.path.relative_to(ROOT).with_suffix("").parts)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not CHROMIUM.exists():
        terminalreporter.section("NOT TESTED: the pages in a browser", red=True, bold=True)
        terminalreporter.line(f"{CHROMIUM} is missing; install Debian's package chromium to run tests/browser.")
