"""A running service with a hundred and more real cases, and people signed in at its desk."""

from collections.abc import Callable, Iterator

import pytest

from tests.review.desk import Desk, Seat, a_desk


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """No case goes to a second reader here, unless a test makes one that does."""
    with a_desk(tmp_path_factory.mktemp("desk"), second_review_share=0) as opened:
        yield opened


@pytest.fixture
def seat(desk: Desk) -> Iterator[Callable[[str], Seat]]:
    """Somebody at the desk; all claims are given back when the test ends."""
    yield desk.seat
    desk.free()
