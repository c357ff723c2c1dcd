"""The database: one engine per process, SQLite (WAL) or PostgreSQL by URL, brought to today's schema by Alembic."""

import fcntl
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

if TYPE_CHECKING:
    from alembic.config import Config

UNAVAILABLE_ERRORS = (OperationalError, InterfaceError, PoolTimeout)
"""What SQLAlchemy raises where the database cannot be reached or gives no connection."""
_MIGRATIONS = files("service.storage") / "migrations"
BUSY_SECONDS = 15
"""How long a transaction on SQLite waits for another writer."""
MIGRATION_SECONDS = 600
"""How long a migration of SQLite waits for a writer that does not migrate: longer than any migration takes."""


class DatabaseError(ValueError):
    """The URL names no database that can be used; the text says why, without credentials."""


class Database:
    """Connections of one process. Writing transactions on SQLite take the write lock at once (BEGIN IMMEDIATE)."""

    def __init__(self, url: str, *, pool: int = 10) -> None:
        parsed = make_url(url.replace("postgresql://", "postgresql+psycopg://", 1))
        self.kind = parsed.get_backend_name()
        if self.kind not in ("sqlite", "postgresql"):
            raise DatabaseError(f"{self.kind}: the store is SQLite or PostgreSQL")
        self.file = Path(parsed.database) if self.kind == "sqlite" and parsed.database else None
        if self.file:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            if parsed.database != ":memory:":
                self.file.touch(mode=0o600)  # drafts hold addresses: the owner's alone, and so SQLite's files beside it
        arguments: dict[str, Any] = {"pool_size": pool, "max_overflow": pool, "pool_timeout": 5}
        if self.kind == "postgresql":
            arguments |= {"pool_pre_ping": True, "connect_args": {"connect_timeout": 5}}
        else:
            arguments |= {"connect_args": {"timeout": BUSY_SECONDS, "check_same_thread": False}}
        self.engine = self._engine(parsed, arguments)
        self._reading = self.engine.execution_options(reading=True)
        self._looking_up = self._engine(parsed, {**arguments, "pool_size": 4, "max_overflow": 0, "pool_timeout": 1})

    def _engine(self, url: URL, arguments: dict[str, Any]) -> Engine:
        engine = create_engine(url, **arguments)
        if self.kind == "sqlite":
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
        return engine

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session that commits at the end, or rolls back where an error leaves it."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that never waits for a writer and changes nothing."""
        with Session(self._reading, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def looking_up(self) -> Iterator[Session]:
        """A reading session for what every request waits for. Its connections are its own: those who wait for the
        write lock fill the others."""
        with Session(self._looking_up.execution_options(reading=True), expire_on_commit=False) as session:
            yield session

    def try_to_write(self) -> None:
        """Write some pages and remove them again. Raises what the database raises where it takes no writes."""
        name = f"trial_{secrets.token_hex(8)}"
        kind = "BLOB" if self.kind == "sqlite" else "BYTEA"
        with self.engine.begin() as connection:
            connection.execute(text(f"CREATE TABLE {name} (content {kind})"))
            connection.execute(text(f"INSERT INTO {name} VALUES (:content)"), {"content": secrets.token_bytes(65_536)})
            connection.execute(text(f"DROP TABLE {name}"))

    def migrate(self) -> None:
        """Bring the schema to this version. Several processes may call it at once: one does it, the others wait."""
        with self.migrating_alone():
            at, wanted = self.schema()
            if at == wanted:
                return
            with self._patient().begin() as connection:
                if self.kind == "postgresql":
                    connection.execute(text("SELECT pg_advisory_xact_lock(727274)"))
                upgrade(connection)

    @contextmanager
    def migrating_alone(self) -> Iterator[None]:
        """On SQLite, hold a lock file beside the database: of several processes that open a new file at once, SQLite
        itself refuses some with "database is locked" however long they would wait."""
        if self.file is None or str(self.file) == ":memory:":
            yield
            return
        with self.file.with_name(self.file.name + ".migration-lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # ends with the process, so a killed one leaves nothing locked
            yield

    def _patient(self) -> Engine:
        """The engine whose next connection waits as long as a migration may take."""
        return self.engine.execution_options(busy_seconds=MIGRATION_SECONDS)

    def schema(self) -> tuple[str | None, str | None]:
        """The revision that the database is at, and the one that this version wants."""
        with self._reading.connect() as connection:
            return _revision(connection), _newest()

    def answers(self) -> bool:
        """True if the database answers a trivial question now."""
        try:
            with self._reading.connect() as connection:
                connection.execute(text("SELECT 1"))
        except Exception:
            return False
        return True

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()
        self._looking_up.dispose()


def upgrade(connection: Connection) -> None:
    """Bring the schema to this version, in the connection's transaction."""
    from alembic import command  # a start whose schema stands does without it

    command.upgrade(_config(connection), "head")


def downgrade(connection: Connection, revision: str) -> None:
    """Bring this version's schema back to an older revision, in the connection's transaction. Raises DatabaseError."""
    from alembic import command
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    config = _config(connection)
    try:
        ScriptDirectory.from_config(config).get_revision(revision)
    except CommandError as error:
        raise DatabaseError(f"schema {revision!r} is not known to this version") from error
    command.downgrade(config, revision)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def _newest() -> str | None:
    """The newest revision. The revisions are in one line, and each file's name begins with its own."""
    names = [path.name for path in (_MIGRATIONS / "versions").iterdir()]
    return max((name.partition("_")[0] for name in names if name[0].isdigit()), default=None)


def _config(connection: Connection) -> "Config":
    from alembic.config import Config

    config = Config()
    config.attributes["connection"] = connection
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config


def _prepare_sqlite(connection: Any, record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves: the driver's own begins too late
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON", "cache_size=-16000"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    busy = options.get("busy_seconds")
    if busy:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={busy * 1000}")
    connection.exec_driver_sql("BEGIN" if options.get("reading") else "BEGIN IMMEDIATE")
    if busy:  # the connection goes back to the pool: only this transaction waits for so long
        connection.exec_driver_sql(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
