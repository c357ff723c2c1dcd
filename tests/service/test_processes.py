"""The service as processes: killed, started twice, shared, started from nothing, and what it says of itself."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.passes import new_key
from tests.service.conftest import fresh_url
from tests.service.drafts import ALLOWED, BLOCKED

KEY = "a-key-that-the-test-brings"
WORD = "Zanzibarweg"  # a word of a draft that must never be seen outside the store


@contextmanager
def process(home: Path, *flags: str, **settings: str) -> Iterator[tuple["subprocess.Popen[bytes]", httpx.Client, Path]]:
    """A service in its own process: the process, a client, and the file of all that it said."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    said = home / f"said-{port}.txt"
    environment = {**os.environ, "SCREENING_HOME": str(home), "SCREENING_DEMO_KEY": KEY,
                   **{f"SCREENING_{name.upper()}": value for name, value in settings.items()}}  # fmt: skip
    command = [sys.executable, "-m", "service", "run", "--demo", "--port", str(port), *flags]
    with said.open("wb") as output:
        running = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    headers = {"Authorization": f"Bearer {KEY}"}
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60) as client:
            _wait_until_ready(running, client, said)
            yield running, client, said
    finally:
        if running.poll() is None:
            running.terminate()
        running.wait(40)


def _wait_until_ready(running: "subprocess.Popen[bytes]", client: httpx.Client, said: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        assert running.poll() is None, said.read_text()
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(said.read_text())


def screen(client: httpx.Client, draft: dict[str, Any], **headers: str) -> dict[str, Any]:
    response = client.post("/screen", json=draft, headers=headers)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def test_what_was_answered_survives_a_kill_and_a_pass_outlives_a_restart(tmp_path: Path) -> None:
    answered: list[dict[str, Any]] = []
    with process(tmp_path) as (running, client, said):
        assert KEY in said.read_text()

        def send_until_killed() -> None:
            with httpx.Client(base_url=client.base_url, headers=client.headers, timeout=60) as mine:
                try:
                    while True:
                        answered.append(screen(mine, {**ALLOWED, "body": f"{ALLOWED['body']} {len(answered)} {WORD}"}))
                except httpx.TransportError:
                    pass

        threads = [threading.Thread(target=send_until_killed) for _ in range(3)]
        for thread in threads:
            thread.start()
        while len(answered) < 30 and any(thread.is_alive() for thread in threads):
            time.sleep(0.01)
        running.send_signal(signal.SIGKILL)
        for thread in threads:
            thread.join(30)
    with process(tmp_path, log_level="debug") as (running, client, said):
        assert KEY not in said.read_text()  # printed once
        assert len(answered) >= 30
        for answer in answered:
            stored = client.get(f"/screenings/{answer['screening_id']}").json()
            assert (stored["decision"], stored["pass"]) == (answer["decision"], answer["pass"])
        _assert_nothing_of_a_draft_is_said(client, said)
        running.send_signal(signal.SIGINT)
        assert running.wait(30) == 0
        assert '"event":"stopped"' in said.read_text()


def _assert_nothing_of_a_draft_is_said(client: httpx.Client, said: Path) -> None:
    draft = {**BLOCKED, "support_id": f"GG-{WORD}", "subject": WORD, "body": f"{BLOCKED['body']} {WORD}"}
    screening_id = screen(client, draft)["screening_id"]
    client.post(f"/screenings/{screening_id}/appeal", json={"message": WORD})
    client.post(f"/screenings/{screening_id}/acknowledge", json={"reason": WORD * 1000})
    client.post("/screen", json={**draft, "mode": WORD})
    client.post("/screen", content=json.dumps(draft)[:-5])
    client.get(f"/screenings/{WORD}")
    client.get("/reply-deadline", params={"received_at": WORD})
    client.post("/unscreened", json={**draft, "reason": 5})
    for path in ("/metrics", "/readyz", "/openapi.json"):
        assert WORD not in client.get(path).text
    log = said.read_text()
    assert '"route":"/screen"' in log
    assert '"request_id":' in log
    assert WORD not in log


def test_it_finishes_what_it_took_before_it_stops(tmp_path: Path) -> None:
    answers: list[int] = []
    with process(tmp_path) as (running, client, _):
        batch = {"drafts": [{**ALLOWED, "body": ALLOWED["body"] * 10}] * 100}
        thread = threading.Thread(target=lambda: answers.append(client.post("/screen/batch", json=batch).status_code))
        thread.start()
        time.sleep(0.2)
        running.terminate()
        assert running.wait(40) == 0
        thread.join(10)
    assert answers == [200]


def _all_at_once(asked: list[tuple[httpx.Client, str]]) -> list[tuple[str, dict[str, Any]]]:
    """Each client sends the same draft with its Idempotency-Key, all at the same moment: keys and answers."""
    answers: list[tuple[str, dict[str, Any]]] = []
    start = threading.Barrier(len(asked))

    def send(client: httpx.Client, key: str) -> None:
        start.wait(60)
        answers.append((key, screen(client, ALLOWED, **{"Idempotency-Key": key})))

    threads = [threading.Thread(target=send, args=pair) for pair in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return answers


@pytest.mark.postgres
def test_two_processes_on_one_postgresql_behave_as_one(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    shared = {"database_url": fresh_url("postgresql", tmp_path, request), "pass_keys": new_key()}
    with process(tmp_path, **shared) as (_, one, _), process(tmp_path, **shared) as (_, other, _):
        answers = _all_at_once([(client, f"same-{n % 5}") for n in range(20) for client in (one, other)])
        assert len(answers) == 40
        assert len({(key, json.dumps(answer)) for key, answer in answers}) == 5
        blocked = screen(one, BLOCKED)
        path = f"/screenings/{blocked['screening_id']}"
        assert other.post(f"{path}/appeal", json={"message": "Please look."}).status_code == 200
        assert one.get(path).json()["appeal"]["state"] == "open"
        verified = other.post("/passes/verify", json={"token": answers[0][1]["pass"], **ALLOWED}).json()
        assert verified["valid"]


def test_several_workers_share_their_metrics(tmp_path: Path) -> None:
    with process(tmp_path, workers="2") as (_, client, _):
        for _ in range(20):
            with httpx.Client(base_url=client.base_url, headers=client.headers, timeout=60) as fresh:
                screen(fresh, ALLOWED)
        lines = client.get("/metrics").text.splitlines()
        counted = [line for line in lines if line.startswith('screening_decisions_total{decision="allow",mode="send"}')]
        assert float(counted[0].split()[-1]) == 20


def run_command(home: Path, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "SCREENING_HOME": str(home),
                   **{f"SCREENING_{name.upper()}": value for name, value in settings.items()}}  # fmt: skip
    command = [sys.executable, "-m", "service", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "SCREENING_PASS_KEYS holds no key"),
        ({"pass_keys": "a:b"}, "SCREENING_PASS_KEYS"),
        ({"pass_keys": "", "workers": "many"}, "SCREENING_WORKERS"),
        ({"webhook_url": "http://x"}, "SCREENING_WEBHOOK_SECRET"),
    ],
)
def test_it_refuses_to_start_half_configured(tmp_path: Path, settings: dict[str, str], words: str) -> None:
    done = run_command(tmp_path, "run", "--port", "0", **settings)
    assert done.returncode != 0
    assert words in done.stderr
    assert "Traceback" not in done.stderr
