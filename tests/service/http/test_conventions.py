"""What holds for every answer: who sees what, what is kept on the way, which encodings are read."""

import gzip
import json
from collections.abc import Iterator

import httpx
import pytest
import uvicorn
from typer.testing import CliRunner

from service import demo
from service.cli.commands import app as commands
from service.http.loopback import is_loopback
from tests.service.drafts import ALLOWED
from tests.service.running import Running, running, settings_for
from tests.service.screening.test_contract import assert_problem


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("plain")
    with running(settings_for(home, rate_per_minute=0, details_for="keys")) as service:
        yield service


@pytest.fixture
def nobody(plain: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=plain.url, timeout=60) as client:
        yield client


def test_what_carries_text_or_a_pass_is_kept_nowhere(plain: Running) -> None:
    sent = plain.client.post("/screen", json=ALLOWED)
    text = {name: ALLOWED[name] for name in ("support_id", "subject", "body")}
    answers = [
        sent,
        plain.client.post("/screen/batch", json={"drafts": [ALLOWED]}),
        plain.client.get(f"/screenings/{sent.json()['screening_id']}"),
        plain.client.post("/passes/verify", json={"token": sent.json()["pass"], **text}),
        plain.client.post("/screen", json={}),
        plain.client.get("/nowhere"),
        plain.client.get("/review/login"),
        plain.client.get("/compose"),
    ]
    assert [answer.headers.get_list("cache-control") for answer in answers] == [["no-store"]] * len(answers)


def test_what_may_be_kept_says_so(plain: Running) -> None:
    assert "max-age" in plain.client.get("/passes/keys").headers["cache-control"]
    assert plain.client.get("/compose/draft-screen.js").headers["cache-control"] == "no-cache"


def test_metrics_are_for_a_key(plain: Running, nobody: httpx.Client) -> None:
    assert_problem(nobody.get("/metrics"), 401)
    for headers in (plain.key("screen"), plain.key("review-export")):
        assert "screening_model" in nobody.get("/metrics", headers=headers).text
    assert_problem(nobody.get("/metrics", headers={"authorization": "Bearer gs_00000000_x"}), 401)


def test_the_policys_details_are_for_a_key(plain: Running, nobody: httpx.Client) -> None:
    public, whole = nobody.get("/policy").json(), plain.client.get("/policy").json()
    assert whole.keys() - public.keys() == {"findings", "rules_version", "model_version"}
    assert public["labels"] == whole["labels"]


def test_readiness_tells_no_paths_to_strangers(plain: Running, nobody: httpx.Client) -> None:
    plain.services.screeners.rules_refused("/srv/secret/rules/own.toml: not TOML")
    try:
        assert "/srv/secret" not in nobody.get("/readyz").text
        assert nobody.get("/readyz").json()["model_refused"]
        assert "/srv/secret" in plain.client.get("/readyz").text
    finally:
        plain.services.screeners.rules_refused("")


def test_this_machine_needs_no_key_unless_the_setting_says_so(service: Running) -> None:
    with httpx.Client(base_url=service.url) as client:
        assert client.get("/metrics").status_code == 200
        assert "findings" in client.get("/policy").json()


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/policy"])
def test_watchers_may_ask_by_head(plain: Running, path: str) -> None:
    answer = plain.client.head(path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == plain.client.get(path).headers["content-type"]


@pytest.mark.parametrize("path", ["/screen", "/screen/batch", "/passes/verify", "/unscreened"])
def test_a_compressed_body_is_a_415(plain: Running, path: str) -> None:
    body = gzip.compress(json.dumps(ALLOWED).encode())
    headers = {"content-encoding": "gzip", "content-type": "application/json"}
    assert "Content-Encoding" in assert_problem(plain.client.post(path, content=body, headers=headers), 415)["detail"]


def test_a_body_as_it_is_may_say_so(plain: Running) -> None:
    assert plain.client.post("/screen", json=ALLOWED, headers={"content-encoding": "identity"}).status_code == 200


@pytest.mark.parametrize(
    ("host", "here"),
    [("127.0.0.1", True), ("127.8.0.1", True), ("::1", True), ("[::1]", True), ("localhost", True),
     ("::ffff:127.0.0.1", True), ("0.0.0.0", False), ("::", False), ("192.0.2.1", False), ("example.test", False)],
)  # fmt: skip
def test_which_addresses_are_this_machine(host: str, here: bool) -> None:
    assert is_loopback(host) == here


@pytest.mark.parametrize(("arguments", "starts"), [([], False), (["--yes"], True)])
def test_the_demonstration_is_shown_to_other_machines_only_on_purpose(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch, arguments: list[str], starts: bool
) -> None:
    monkeypatch.setenv("SCREENING_HOME", str(tmp_path))
    monkeypatch.setenv("SCREENING_DEMO", "false")
    started: list[object] = []
    monkeypatch.setattr(uvicorn, "run", lambda *args, **options: started.append(options["host"]))
    monkeypatch.setattr(demo, "prepare", lambda settings, tell: settings)
    result = CliRunner().invoke(commands, ["run", "--demo", "--host", "0.0.0.0", *arguments])
    assert (result.exit_code, started) == ((0, ["0.0.0.0"]) if starts else (2, []))
    assert ("--yes" in result.output) != starts
