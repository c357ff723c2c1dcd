"""The integration guide's code, run as it stands in the guide against a running service."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.service.running import Running, running, settings_for

ROOT = Path(__file__).parents[3]
GUIDE = ROOT / "service" / "compose" / "README.md"
DRAFT = {
    "support_id": "GG-8K2P-4L7Q-XY19",
    "subject": "Apartment number needed for your order",
    "body": "Hello Zoë 😀,\nplease reply with your apartment number, so that the carrier can deliver your lamp.",
}


def snippet(name: str) -> str:
    """The code block of the guide that begins with its file's name."""
    text = GUIDE.read_text("utf-8")
    found = re.search(rf"```\w+\n(?:#|//|<!--) {re.escape(name)}(?: -->)?\n(.*?)```", text, re.DOTALL)
    assert found, f"no snippet {name} in the guide"
    return found[1]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(settings_for(tmp_path_factory.mktemp("guide"), time_budget_ms=60_000)) as started:
        yield started


@pytest.fixture
def environment(service: Running, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    key = service.client.headers["authorization"].removeprefix("Bearer ")
    values = {"SCREENING_URL": service.url, "SCREENING_KEY": key}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return values


def module(name: str) -> Any:
    made = ModuleType(name.removesuffix(".py"))
    exec(compile(snippet(name), name, "exec"), made.__dict__)
    return made


@pytest.fixture(scope="module")
def token(service: Running) -> str:
    answer = service.screen(DRAFT)
    assert answer["decision"] == "allow"
    return str(answer["pass"])


def reply_cases(token: str) -> list[tuple[str | None, str, dict[str, str]]]:
    return [(None, token, DRAFT | {"context": "reply"}), ("text-changed", token, DRAFT)]


def cases(token: str) -> list[tuple[str | None, str, dict[str, str]]]:
    head, claims, signature = token.split(".")
    return [
        (None, token, DRAFT),
        ("text-changed", token, DRAFT | {"body": DRAFT["body"] + "!"}),
        ("text-changed", token, DRAFT | {"support_id": "", "subject": DRAFT["support_id"] + DRAFT["subject"]}),
        ("foreign", f"{head}.{claims}.{signature[:-4]}AAAA", DRAFT),
        ("malformed", "no pass", DRAFT),
        ("malformed", "", DRAFT),
        ("malformed", "bnVsbA.bnVsbA.x", DRAFT),  # null.null
        ("malformed", f"{token}.more", DRAFT),
    ]


def test_a_pass_is_good_once(environment: dict[str, str], service: Running) -> None:
    may_send = module("verify_online.py").may_send
    token = str(service.screen(DRAFT)["pass"])
    form = DRAFT | {"screening_pass": token, "body": DRAFT["body"].replace("\n", "\r\n")}
    assert may_send(form) == (True, None)
    for again in (form, form | {"body": "Another text altogether"}):
        allowed, why = may_send(again)
        assert not allowed
        assert why


def test_verify_offline_in_python(service: Running, token: str) -> None:
    keys = service.client.get("/passes/keys").json()
    why_not = module("verify_offline.py").why_not
    assert [why_not(given, keys, **draft) for _, given, draft in cases(token)] == [want for want, _, _ in cases(token)]
    assert why_not(token, {"keys": []}, **DRAFT) == "foreign"


def test_a_pass_for_a_reply_is_no_pass_for_a_ticket_offline(service: Running, tmp_path: Path) -> None:
    keys = service.client.get("/passes/keys").json()
    asked = reply_cases(str(service.screen(DRAFT, context="reply")["pass"]))
    wanted = [want for want, _, _ in asked]
    assert [module("verify_offline.py").why_not(given, keys, **draft) for _, given, draft in asked] == wanted
    given = [(token, draft) for _, token, draft in asked]
    assert in_node(snippet("verify_offline.mjs"), keys, given, tmp_path) == wanted


def test_a_reply_from_a_script(environment: dict[str, str], service: Running) -> None:
    service.screen(DRAFT, context="reply", mode="preview")  # the first of a process takes its time
    command = [sys.executable, "-c", snippet("reply_one.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, cwd=ROOT)
    said = r"allow This reply is late: .* by \d\d:\d\d on \d{4}-\d\d-\d\d \(C[SD]T\)\. Send it now\.\n"
    assert re.fullmatch(said, done.stdout)


def test_an_expired_pass_offline(tmp_path: Path) -> None:
    verify, node = module("verify_offline.py").why_not, snippet("verify_offline.mjs")
    with running(settings_for(tmp_path, pass_minutes=1)) as service:
        given = str(service.screen(DRAFT)["pass"])
        keys = service.client.get("/passes/keys").json()
    later = module("verify_offline.py")
    later.time = type("Later", (), {"time": staticmethod(lambda: 4_000_000_000)})
    assert verify(given, keys, **DRAFT) is None
    assert later.why_not(given, keys, **DRAFT) == "expired"
    later_node = "Date.now = () => 4e12;\n" + node
    assert in_node(later_node, keys, [(given, DRAFT)], tmp_path) == ["expired"]


def in_node(code: str, keys: Any, asked: list[tuple[str, dict[str, str]]], folder: Path) -> list[str | None]:
    if shutil.which("node") is None:
        pytest.skip("NOT TESTED: the guide's JavaScript (node is not installed)")
    lines = code.split("\n")
    imports = [line for line in lines if line.startswith("import ")]
    rest = [line for line in lines if not line.startswith("import ")]
    say = f"console.log(JSON.stringify({json.dumps(asked)}.map(([t, d]) => whyNot(t, {json.dumps(keys)}, d))));"
    (folder / "run.mjs").write_text("\n".join([*imports, *rest, say]), "utf-8")
    done = subprocess.run(["node", str(folder / "run.mjs")], capture_output=True, text=True, check=True, timeout=60)
    answers: list[str | None] = json.loads(done.stdout)
    return answers


def test_verify_offline_in_javascript(service: Running, token: str, tmp_path: Path) -> None:
    keys = service.client.get("/passes/keys").json()
    asked = [(given, draft) for _, given, draft in cases(token)]
    answers = in_node(snippet("verify_offline.mjs"), keys, asked, tmp_path)
    assert answers == [want for want, _, _ in cases(token)]


def test_the_proxy_adds_the_key_and_passes_on_no_other_path(environment: dict[str, str]) -> None:
    app = FastAPI()
    app.include_router(module("proxy.py").router)
    with TestClient(app) as page:
        answer = page.post("/screening/screen", json=DRAFT, headers={"idempotency-key": "proxy-1"})
        assert answer.json()["decision"] == "allow"
        again = page.post("/screening/screen", json=DRAFT, headers={"idempotency-key": "proxy-1"})
        assert again.json()["screening_id"] == answer.json()["screening_id"]
        seen = page.get(f"/screening/screenings/{answer.json()['screening_id']}")
        assert seen.json()["decision"] == "allow"
        german = page.post("/screening/screen", json=DRAFT | {"subject": "Hi"}, headers={"accept-language": "de"})
        assert "Der Betreff sagt nicht, warum Sie schreiben." in german.text
        refused = page.post("/screening/screen", json={"subject": "x"})
        assert (refused.status_code, refused.headers["content-type"]) == (422, "application/problem+json")
        assert page.post(f"/screening/screenings/{seen.json()['screening_id']}/withdraw").status_code == 404


def test_screen_one_from_a_script(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", snippet("screen_one.py")],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=ROOT,
    )
    assert done.stdout.startswith("block ")


def test_a_batch_from_the_shell(environment: dict[str, str]) -> None:
    if shutil.which("curl") is None:
        pytest.skip("NOT TESTED: the guide's shell command (curl is not installed)")
    done = subprocess.run(["sh", "-c", snippet("batch.sh")], capture_output=True, text=True, check=True, timeout=60)
    first, second = json.loads(done.stdout)["answers"]
    assert first["decision"] in ("allow", "warn")
    assert second["status"] == 422
    assert first["reminders"][0]["message"].startswith("Sobald das Ticket offen ist")
