"""A client that openapi-python-client makes of the OpenAPI document: made without a warning, compiled, and used.

The generator wants an older typer than we do, so it gets an environment of its own.
"""

import compileall
import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.service.compose.test_guide import DRAFT, ROOT
from tests.service.running import Running, running, settings_for

REQUIREMENT = "openapi-python-client>=0.26,<1"
CALLS = """
import json, os, sys
from generated import AuthenticatedClient
from generated.api.passes import redeem_pass
from generated.api.screening import get_screening, screen, screen_batch
from generated.models import BatchIn, DraftIn, PassIn

draft = json.loads(sys.argv[1])
client = AuthenticatedClient(os.environ["SCREENING_URL"], os.environ["SCREENING_KEY"], timeout=60)
with client:
    sent = screen.sync(client=client, body=DraftIn.from_dict(draft), idempotency_key="generated-1")
    again = screen.sync(client=client, body=DraftIn.from_dict(draft), idempotency_key="generated-1")
    reply = screen.sync(
        client=client, accept_language="de",
        body=DraftIn.from_dict({**draft, "mode": "preview", "context": "reply", "received_at": "2026-11-20T15:00:00Z"}),
    )
    stored = get_screening.sync(sent.screening_id, client=client)
    batch = BatchIn.from_dict({"drafts": [draft, {**draft, "customer_message": "Hello"}]})
    answers = screen_batch.sync(client=client, body=batch).answers
    spent = redeem_pass.sync(client=client, body=PassIn.from_dict({"token": sent.pass_, **draft}))
    refused = screen.sync(client=client, body=DraftIn.from_dict({**draft, "customer_message": "Hello"}))
    print(json.dumps({
        "decision": sent.decision, "same": again.screening_id == sent.screening_id,
        "labels": [one.label for one in sent.labels], "stored": stored.draft.body,
        "late": reply.reminders[0].late, "message": reply.reminders[0].message,
        "kinds": [type(one).__name__ for one in answers], "spent": spent.valid,
        "refused": [type(refused).__name__, refused.type_, refused.errors[0].field],
    }))
"""


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The program: the one on the PATH, or one in an environment of its own."""
    if found := shutil.which("openapi-python-client"):
        return found
    environment = tmp_path_factory.mktemp("generator")
    venv.create(environment, with_pip=True)
    install = [environment / "bin" / "python", "-m", "pip", "install", "-q", REQUIREMENT]
    done = subprocess.run(install, capture_output=True, text=True, timeout=600)
    if done.returncode:
        pytest.skip(f"NOT TESTED: a generated client ({REQUIREMENT} does not install)")
    return str(environment / "bin" / "openapi-python-client")


@pytest.fixture(scope="module")
def generated(generator: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("client")
    document = ROOT / "service" / "openapi.json"
    command = [generator, "generate", "--path", str(document), "--meta", "none", "--output-path", "generated",
               "--fail-on-warning"]  # fmt: skip
    path = os.pathsep.join((str(Path(generator).parent), os.environ["PATH"]))  # it calls ruff
    done = subprocess.run(
        command, cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(settings_for(tmp_path_factory.mktemp("generated"), time_budget_ms=60_000)) as started:
        yield started


def test_a_generated_client_compiles_and_calls_the_service(generated: Path, service: Running) -> None:
    assert compileall.compile_dir(generated, quiet=1)
    key = service.client.headers["authorization"].removeprefix("Bearer ")
    environment = os.environ | {"SCREENING_URL": service.url, "SCREENING_KEY": key, "PYTHONPATH": str(generated)}
    done = subprocess.run(
        [sys.executable, "-c", CALLS, json.dumps(DRAFT)], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    assert (said["decision"], said["same"], said["spent"]) == ("allow", True, True)
    assert len(said["labels"]) == 6
    assert said["stored"] == DRAFT["body"]
    assert said["late"] is True
    assert said["message"].startswith("Diese Antwort kommt zu spät")
    assert said["kinds"] == ["Screening", "Problem"]
    assert said["refused"] == ["Problem", "urn:draft-screening:problem:invalid", "customer_message"]
