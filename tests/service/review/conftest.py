"""A running service with a hundred and more real cases, on either database, and people signed in at its desk."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import create_engine, text

from tests.service.conftest import KINDS, fresh_url
from tests.service.conftest import postgres as postgres  # the server, as this folder's fixture too
from tests.service.review.desk import Desk, Seat, a_desk


@pytest.fixture(scope="session", params=KINDS)
def desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """No case goes to a second reader here, unless a test makes one that does."""
    home = tmp_path_factory.mktemp("desk")
    url = fresh_url(request.param, home, request)
    if request.param == "postgresql":
        far_from_utc(url)
    with a_desk(home, second_review_share=0, database_url=url) as opened:
        yield opened


def far_from_utc(url: str) -> None:
    """A server whose own clock shows another day than UTC for most of the day: days are UTC all the same."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        name = engine.url.database
        connection.execute(text(f"ALTER DATABASE {name} SET timezone TO 'Pacific/Kiritimati'"))
    engine.dispose()


@pytest.fixture
def seat(desk: Desk) -> Iterator[Callable[[str], Seat]]:
    """Somebody at the desk; all claims are given back when the test ends."""
    yield desk.seat
    desk.free()
