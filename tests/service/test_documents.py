"""What is written down is true: every setting is documented, the OpenAPI document is the service's."""

import json
import re
from pathlib import Path

import pytest

from service.cli.commands import app
from service.settings import Settings
from tests.service.running import Running

ROOT = Path(__file__).parents[2]
OPENAPI = ROOT / "service" / "openapi.json"
CONTRACT = [
    ("post", "/screen"), ("post", "/screen/batch"), ("post", "/screenings/{screening_id}/acknowledge"),
    ("post", "/screenings/{screening_id}/appeal"), ("post", "/screenings/{screening_id}/withdraw"),
    ("get", "/screenings/{screening_id}"), ("post", "/passes/verify"), ("get", "/passes/keys"), ("get", "/policy"),
    ("get", "/reply-deadline"), ("get", "/healthz"), ("get", "/readyz"), ("get", "/metrics"), ("post", "/unscreened"),
]  # fmt: skip


def guide() -> str:
    """The operators' guide."""
    return (ROOT / "service" / "README.md").read_text("utf-8")


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_documented_with_its_default(name: str) -> None:
    rows = [line for line in guide().splitlines() if line.startswith(f"| `SCREENING_{name.upper()}` |")]
    assert len(rows) == 1
    default = Settings.model_fields[name].default
    if isinstance(default, str | int | float | Path) and not isinstance(default, bool) and str(default):
        assert f"`{default}`" in rows[0]


def test_no_setting_is_documented_that_there_is_not() -> None:
    named = set(re.findall(r"^\| `SCREENING_([A-Z_]+)` \|", guide(), re.MULTILINE))
    assert named == {name.upper() for name in Settings.model_fields}


def test_the_checked_in_openapi_document_is_that_of_the_service(service: Running) -> None:
    served = service.client.get("/openapi.json").json()
    assert json.loads(OPENAPI.read_text("utf-8")) == served, "run: python -m service openapi > service/openapi.json"


@pytest.mark.parametrize(("method", "path"), CONTRACT)
def test_each_way_of_the_contract_is_described(method: str, path: str) -> None:
    operation = json.loads(OPENAPI.read_text("utf-8"))["paths"][path][method]
    assert operation["summary"]
    assert operation["description"]
    keyed = path not in ("/healthz", "/readyz", "/policy", "/passes/keys")
    assert ("401" in operation["responses"]) is keyed


def test_the_examples_are_answers_that_the_service_could_give(service: Running) -> None:
    document = json.loads(OPENAPI.read_text("utf-8"))["paths"]["/screen"]["post"]
    asked = document["requestBody"]["content"]["application/json"]["example"]
    shown = document["responses"]["200"]["content"]["application/json"]["example"]
    answer = service.screen(asked)
    assert answer.keys() == shown.keys()
    assert answer["findings"][0].keys() == shown["findings"][0].keys()
    assert answer["decision"] == shown["decision"]


def test_every_command_of_the_operators_guide_is_there() -> None:
    called = set(re.findall(r"^(?:export \w+=\$\()?draft-screening ([a-z-]+)", guide(), re.MULTILINE))
    table = guide().partition("## Commands")[2].partition("##")[0]
    called |= {name for line in table.splitlines() for name in re.findall(r"^\| `([a-z-]+)", line)}
    known = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    known |= {group.name for group in app.registered_groups}
    assert len(called) > 10
    assert not called - known
