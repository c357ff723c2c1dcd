"""What somebody sees in the terminal: key and addresses, again at the second start, and errors in one line."""

import errno
import os
import pty
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from service import __main__ as program
from service.cli.commands import app as commands
from service.cli.listening import listening_fault
from service.demo import prepare
from tests.service.deploy.test_deploy import free_port
from tests.service.running import settings_for

ROOT = Path(__file__).parents[2]


def test_the_second_start_says_where_key_and_people_are(tmp_path: Path) -> None:
    first: list[str] = []
    second: list[str] = []
    key = prepare(settings_for(tmp_path), first.append).demo_key
    assert key
    prepare(settings_for(tmp_path), second.append)
    assert any(key.get_secret_value() in line for line in first)
    assert not any(key.get_secret_value() in line for line in second)
    assert str(tmp_path / "demo-secrets") in second[0]
    assert f"key={key.get_secret_value()}" in (tmp_path / "demo-secrets").read_text("utf-8")
    assert "users password reviewer" in second[1]


def test_in_a_terminal_no_request_buries_key_and_addresses(tmp_path: Path) -> None:
    prepare(settings_for(tmp_path), lambda line: None)
    port, (mine, theirs) = free_port(), pty.openpty()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SCREENING_")}
    environment = {**kept, "SCREENING_HOME": str(tmp_path), "SCREENING_ENCODER": "off"}
    command = [sys.executable, "-m", "service", "run", "--demo", "--port", str(port)]
    running = subprocess.Popen(command, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    said = b""
    try:
        deadline = time.monotonic() + 120
        while True:
            assert time.monotonic() < deadline, said.decode()
            assert running.poll() is None, said.decode()
            try:
                if httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.2)
        for _ in range(5):
            httpx.get(f"http://127.0.0.1:{port}/compose")
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 0
        while select.select([mine], [], [], 0.5)[0]:
            try:
                said += os.read(mine, 65_536)
            except OSError:  # all of it was read
                break
    finally:
        running.kill()
        running.wait()
        os.close(mine)
    words = said.decode()
    assert "demo-secrets" in words
    assert f"http://127.0.0.1:{port}/compose" in words
    assert "Only warnings are logged" in words
    assert '"event"' not in words
    assert len(words.strip().splitlines()) <= 6


@pytest.fixture
def taken() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def test_a_port_that_is_taken_is_one_line_and_nothing_is_made(tmp_path: Path, taken: socket.socket) -> None:
    home, port = tmp_path / "home", taken.getsockname()[1]
    command = [sys.executable, "-m", "service", "run", "--demo", "--port", str(port)]
    environment = {**os.environ, "SCREENING_HOME": str(home)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert f"Port {port} of 127.0.0.1 is taken" in line
    assert "make run PORT=" in line
    assert not done.stdout
    assert not home.exists()


def test_an_address_that_cannot_be_listened_on_says_what_can() -> None:
    assert "This machine has no address 192.0.2.1" in str(listening_fault("192.0.2.1", 8000))
    assert "leads to no address" in str(listening_fault("no such host.invalid", 8000))
    assert listening_fault("127.0.0.1", 0) is None
    assert listening_fault("::1", 0) is None or not socket.has_ipv6


def test_a_port_for_root_alone_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, address: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    class Refusing(socket.socket):
        bind = refuse  # type: ignore[assignment]

    monkeypatch.setattr("service.cli.listening.socket.socket", Refusing)
    assert listening_fault("127.0.0.1", 80) == (
        "Port 80 is not for this user. Use --port 8000 (make run PORT=8000), with a proxy in front."
    )


def refused(monkeypatch: pytest.MonkeyPatch, **settings: str) -> str:
    """The one line of a start that fails with these settings."""
    for name, value in settings.items():
        monkeypatch.setenv(f"SCREENING_{name.upper()}", value)
    done = CliRunner().invoke(commands, ["run", "--demo", "--port", "0"])
    assert done.exit_code == 2, done.output
    (line,) = done.output.splitlines()
    return line


def test_a_home_that_cannot_be_made_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    line = refused(monkeypatch, home=str(tmp_path / "file" / "home"))
    assert line.startswith(f"SCREENING_HOME: {tmp_path}/file")
    assert "a folder that this user may write to" in line


def test_a_home_without_permission_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(self: Path, *args: object, **more: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "mkdir", denied)
    assert "home: Permission denied. It names" in refused(monkeypatch, home=str(tmp_path / "home"))


def test_a_database_that_is_none_or_away_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "screening.db").write_bytes(b"no database at all, but long enough to be read as one " * 40)
    assert refused(monkeypatch, home=str(tmp_path)) == "SCREENING_DATABASE_URL: file is not a database"
    away = refused(monkeypatch, home=str(tmp_path), database_url="postgresql://x@127.0.0.1:9/x")
    assert away.startswith("SCREENING_DATABASE_URL: ")
    assert "refused" in away


def test_an_old_python_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2, "final", 0))
    with pytest.raises(SystemExit, match=r"^This needs Python 3\.11 and runs on 3\.9: .+$"):
        program.main()


@pytest.mark.parametrize("python", ["no-such-python", "false"])
def test_make_without_the_right_python_is_one_line(tmp_path: Path, python: str) -> None:
    make = shutil.which("make")
    if make is None:
        pytest.skip("NOT TESTED: make is not installed")
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    command = [make, "-C", str(tmp_path), "run", f"PYTHON={python}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    first, *more = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert first.startswith(f"Python 3.11 is needed, and {python} is not that: install python3.11")
    assert not more
    assert not (tmp_path / ".venv").exists()
