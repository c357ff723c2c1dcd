"""What an installation is: every package with its own extra alone, and the wheel without a checkout in sight."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path
from typing import Any

import httpx
import pytest

from classifier import __version__
from tests.service.drafts import ALLOWED

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
OWN_EXTRA = {"classifier": None, "service": "service", "training": "training"}
OTHER_EXTRAS = (
    "training.encoder.fine_tuning", "training.encoder.network", "training.tickets.word_list",
    "service.review.auth.oidc.id_tokens",
)  # fmt: skip
"""Modules of the extras `encoder`, `words` and `oidc`, imported where they are asked for."""
NOT_PYTHON = (".toml", ".txt", ".npz", ".json", ".onnx", ".html", ".css", ".js", ".ts", ".j2", ".mako")

BLOCKED = """
import importlib, pkgutil, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r} (not in this extra)", name=name)

sys.meta_path.insert(0, Blocked())
package = importlib.import_module(PACKAGE)
for found in pkgutil.walk_packages(package.__path__, PACKAGE + "."):
    if not found.name.startswith(LEFT_OUT) and ".migrations" not in found.name:
        importlib.import_module(found.name)
"""
SCREENS = """
from classifier import Draft, Screener
print(Screener.load().screen(Draft(support_id="GG-8K2P-4L7Q-XY19", subject="Swap", body=BODY)).decision)
"""


def name_of(requirement: str) -> str:
    found = re.match(r"[\w.-]+", requirement)
    assert found
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def brought(requirements: list[str]) -> set[str]:
    """The distributions that these requirements bring, theirs included, as they are installed here."""
    waiting, known = [name_of(one) for one in requirements if not one.startswith("draft-screening")], set[str]()
    while waiting:
        name = waiting.pop()
        if name in known:
            continue
        known.add(name)
        try:
            waiting += [name_of(one) for one in requires(name) or () if "extra ==" not in one]
        except PackageNotFoundError:  # an extra of another machine, or torch
            continue
    return known


def modules_beyond(extra: str | None) -> set[str]:
    """The top-level modules that an installation with this extra lacks, and one with all extras has."""
    own = brought(PROJECT["dependencies"] + (EXTRAS[extra] if extra else []))
    others = brought([one for name in EXTRAS for one in EXTRAS[name]]) - own
    given = packages_distributions()
    return {module for module, names in given.items() if {name_of(name) for name in names} <= others}


@pytest.mark.parametrize(("package", "extra"), OWN_EXTRA.items())
def test_a_package_needs_nothing_but_its_own_extra(package: str, extra: str | None) -> None:
    blocked = modules_beyond(extra)
    assert {"classifier": "fastapi", "service": "sklearn", "training": "fastapi"}[package] in blocked
    head = f"BLOCKED, PACKAGE, LEFT_OUT = {blocked!r}, {package!r}, {OTHER_EXTRAS!r}\n"
    done = subprocess.run([sys.executable, "-c", head + BLOCKED], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_core_judges_by_itself() -> None:
    blocked = modules_beyond(None)
    assert {"sqlalchemy", "pandas", "dask", "sklearn", "fastapi"} <= blocked
    body = "The blue jacket is out of stock. Would you like the green one instead? Just reply yes."
    code = f"BLOCKED, PACKAGE, LEFT_OUT, BODY = {blocked!r}, 'classifier', ('none',), {body!r}\n" + BLOCKED + SCREENS
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "block", done.stderr[-2000:]


def test_each_dependency_has_its_reason() -> None:
    lines = (ROOT / "pyproject.toml").read_text("utf-8").split("[dependency-groups]")[0].splitlines()
    asked = [line for line in lines if re.match(r'    "[a-z]', line) and "draft-screening[" not in line]
    assert len(asked) > 40
    assert not [line for line in asked if "  # " not in line]


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_every_locked_version_has_hashes(lock: str) -> None:
    blocks = re.split(r"\n(?=[a-z0-9])", (ROOT / lock).read_text("utf-8"))
    pinned = [block for block in blocks if re.match(r"[a-z0-9._-]+==", block)]
    assert len(pinned) > 50
    assert not [block.split()[0] for block in pinned if "--hash=sha256:" not in block]


def test_what_runs_is_locked_alike_for_tests() -> None:
    def versions(lock: str) -> dict[str, str]:
        return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / lock).read_text("utf-8"), re.MULTILINE))

    serving, tests = versions("requirements.lock"), versions("requirements-dev.lock")
    assert {name: tests.get(name) for name in serving} == serving
    assert not {"dask", "cleanlab", "pandas", "scikit-learn"} & set(serving)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling", reason="NOT TESTED: the wheel (hatchling is not installed; `make setup`)")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_every_file_of_the_packages(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    assert wheel.name.startswith(f"draft_screening-{__version__}-")
    wanted = {
        str(path.relative_to(ROOT))
        for package in OWN_EXTRA
        for path in (ROOT / package).rglob("*")
        if path.is_file() and (path.suffix == ".py" or path.suffix in NOT_PYTHON) and "__pycache__" not in path.parts
    }
    drafts = {f"training/repository/{path.relative_to(ROOT)}" for path in (ROOT / "data" / "drafts").glob("*.jsonl")}
    assert len(drafts) > 50
    assert not (wanted | drafts) - held
    assert {"training/repository/data/splits.toml", "training/repository/tests/golden/plain.jsonl"} <= held
    assert {name.rpartition("/")[2] for name in held} >= {"LICENSE", "NOTICE", "entry_points.txt"}


class Installed:
    """An environment of its own, outside of the checkout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        venv.create(folder / "env", with_pip=True)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the environment in an empty folder. Raises where it fails."""
        return subprocess.run(self.command(*command), **self._where(), capture_output=True, text=True, check=True)

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start one that goes on."""
        return subprocess.Popen(self.command(*command), **self._where(), stdout=subprocess.PIPE, text=True)

    def command(self, program: str, *arguments: str) -> list[str]:
        return [str(self.folder / "env" / "bin" / program), *arguments]

    def _where(self) -> dict[str, Any]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SCREENING_", "PYTHON"))}
        return {"cwd": self.folder, "env": kept}


def installed(folder: Path, lock: str, wanted: str, wheel: Path) -> Installed:
    """The wheel with what an extra asks for, in the locked versions."""
    made = Installed(folder)
    lines = (ROOT / lock).read_text("utf-8")
    pins = folder / "pins.txt"
    pins.write_text("\n".join(re.findall(r"^[a-z0-9._-]+==[^\s;]+", lines, re.MULTILINE)), "utf-8")
    try:
        made.run("pip", "download", "-q", "--no-deps", "-d", str(folder), "editables")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"NOT TESTED: the installed wheel (no package index: {error.stderr.strip().splitlines()[-1]})")
    made.run("pip", "install", "-q", "-c", str(pins), f"{wheel}[{wanted}]")
    made.run("pip", "check")
    return made


@contextmanager
def demonstration(made: Installed) -> Iterator[tuple[str, str]]:
    """The address and the key of `draft-screening run --demo`."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    process = made.start("draft-screening", "run", "--demo", "--port", port)
    try:
        assert process.stdout is not None
        key = next(line.split()[-1] for line in process.stdout if line.startswith("Demonstration key"))
        url = f"http://127.0.0.1:{port}"
        while process.poll() is None:
            try:
                httpx.get(url + "/readyz")
                break
            except httpx.TransportError:
                time.sleep(0.2)
        yield url, key
    finally:
        process.terminate()
        process.communicate(timeout=60)


@pytest.mark.long
def test_an_installation_serves_without_a_checkout(wheel: Path, tmp_path: Path) -> None:
    made = installed(tmp_path, "requirements.lock", "service", wheel)
    where = made.run("python", "-c", "import service; print(service.__file__)").stdout.strip()
    assert where.startswith(str(tmp_path))
    assert made.run("draft-screening", "--version").stdout.strip() == __version__
    with demonstration(made) as (url, key):
        answer = httpx.post(url + "/screen", json=ALLOWED, headers={"Authorization": f"Bearer {key}"}, timeout=60)
        assert (answer.status_code, answer.json()["decision"]) == (200, "allow"), answer.text
        for page, words in (("/compose", "draft-screen"), ("/review", "Sign in"), ("/", __version__)):
            shown = httpx.get(url + page, headers={"accept": "text/html"}, follow_redirects=True, timeout=60)
            assert shown.status_code == 200
            assert words in shown.text
        for script in ("/compose/draft-screen.js", "/metrics", "/policy"):
            assert httpx.get(url + script, timeout=60).status_code == 200


@pytest.mark.long
def test_an_installation_trains_without_a_checkout(wheel: Path, tmp_path: Path) -> None:
    made = installed(tmp_path, "requirements-dev.lock", "training", wheel)
    assert "retrain" in made.run("draft-training", "--help").stdout
    count = "from training.tickets.loading import DRAFTS, load; print(len(load(DRAFTS)))"
    assert int(made.run("python", "-c", count).stdout) > 10_000
    figures = made.run("draft-training", "versions", "--json")
    assert isinstance(json.loads(figures.stdout), (dict, list))
