"""A PostgreSQL server of the tests' own, on a free port, run by a user that is not root."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RUNS_AS = "postgres"


class NoPostgresError(Exception):
    """PostgreSQL cannot be started here; the text says why."""


def binaries() -> Path:
    """The folder of initdb and pg_ctl. Raises NoPostgresError."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    if not found and not on_path:
        raise NoPostgresError("PostgreSQL's binaries are not on this machine (Debian: apt-get install postgresql)")
    return found[-1].parent if found else Path(str(on_path)).parent


class PostgresServer:
    """A server with its data in `folder`, on a port that stays the same however often it is stopped and started."""

    def __init__(self, folder: str) -> None:
        self._bin = binaries()
        self._folder = folder
        self._port = _free_port()
        self.url = f"postgresql://screening@127.0.0.1:{self._port}/postgres"
        _give_to_user(folder)
        self.data = f"{folder}/data"
        _run(str(self._bin / "initdb"), "-D", self.data, "-U", "screening", "--auth=trust", "--no-sync", "-E", "UTF8")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-p {self._port} -k {self._folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        self._control("-w", "-l", f"{self._folder}/log", "-o", options, "start")

    def stop(self) -> None:
        """End it as a power cut would: connections break, nothing is tidied up."""
        self._control("-m", "immediate", "stop")

    def _control(self, *command: str) -> None:
        _run(str(self._bin / "pg_ctl"), "-D", self.data, *command)


@contextmanager
def started_postgres() -> Iterator[PostgresServer]:
    """A running server, until the block ends. Raises NoPostgresError."""
    binaries()
    with tempfile.TemporaryDirectory(prefix="screening-pg-") as folder:
        try:
            server = PostgresServer(folder)
            server.start()
        except subprocess.CalledProcessError as error:
            raise NoPostgresError(f"PostgreSQL did not start: {error.stderr.decode()[-300:]}") from error
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def postgres_server() -> Iterator[str]:
    """The URL of a running server's database `postgres`, until the block ends. Raises NoPostgresError."""
    with started_postgres() as server:
        yield server.url


def _give_to_user(folder: str) -> None:
    if os.getuid() != 0:
        return
    try:
        user = pwd.getpwnam(RUNS_AS)
    except KeyError as error:
        raise NoPostgresError(f"PostgreSQL refuses to run as root, and there is no user {RUNS_AS!r}") from error
    os.chown(folder, user.pw_uid, user.pw_gid)


def _run(*command: str) -> None:
    as_user = ("runuser", "-u", RUNS_AS, "--") if os.getuid() == 0 else ()
    # pg_ctl hands its output on to the server, so a pipe would never end: a file does
    with tempfile.TemporaryFile() as said:
        done = subprocess.run((*as_user, *command), stdout=said, stderr=said, cwd="/", check=False)
        said.seek(0)
        if done.returncode:
            raise subprocess.CalledProcessError(done.returncode, command[0], stderr=said.read())


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port
