"""Fixtures: a database of each kind, and a running service on each."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from service.storage.database import Database
from tests.service.postgres import NoPostgresError, postgres_server
from tests.service.running import Running, running, settings_for

KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    try:
        with postgres_server() as url:
            yield url
    except NoPostgresError as error:
        pytest.skip(f"NOT TESTED ON POSTGRESQL: {error}")


def fresh_url(kind: str, folder: Path, request: pytest.FixtureRequest) -> str:
    """The URL of an empty database."""
    if kind == "sqlite":
        return f"sqlite:///{folder / f'{next(_numbers)}.db'}"
    server: str = request.getfixturevalue("postgres")
    name = f"t{next(_numbers)}"
    engine = create_engine(server.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return server.removesuffix("postgres") + name


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return fresh_url(request.param, tmp_path, request)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    opened.migrate()
    yield opened
    opened.close()


@pytest.fixture(scope="session", params=KINDS)
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp(request.param)
    url = fresh_url(request.param, folder, request)
    with running(settings_for(folder, database_url=url, rate_per_minute=0)) as started:
        yield started
