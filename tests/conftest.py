"""What all tests share: one screener with the promoted model, loaded once."""

import pytest

from classifier import Screener


@pytest.fixture(scope="session")
def screener() -> Screener:
    return Screener.load()
