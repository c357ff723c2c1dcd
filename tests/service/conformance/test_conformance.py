"""`conformance`: holds for our service, and names the lines that a broken one does not keep."""

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner

from service.cli.commands import app as commands
from service.conformance.deployment import Deployment
from service.conformance.lines import LINES
from service.conformance.report import check_lines
from service.storage.tables.screenings import ScreeningRow
from tests.service.running import Running, running, settings_for

NOT_CHECKED = {
    "error.429", "error.503", "decision.possible", "decision.unjudged", "form.unknown_id", "order.source",
}  # fmt: skip
Change = Callable[[httpx.Request, Any], Any]


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(settings_for(tmp_path_factory.mktemp("conforming"), rate_per_minute=0, encoder="off")) as started:
        yield started


def call(service: Running, *more: str) -> Any:
    key = service.client.headers["authorization"].removeprefix("Bearer ")
    return CliRunner().invoke(commands, ["conformance", service.url, *more], env={"SCREENING_KEY": key})


def test_every_line_holds_for_the_service(at: Running) -> None:
    limited = at.key("review-export")["Authorization"].removeprefix("Bearer ")
    done = call(at, "--json", "--limited-key", limited)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["conforms"] is True
    assert {one["id"] for one in found["lines"] if one["state"] == "not checked"} == NOT_CHECKED
    assert len(found["lines"]) == len(LINES) > 40
    assert all(one["line"] for one in found["lines"])


def test_without_sends_nothing_is_stored(at: Running) -> None:
    def stored() -> int:
        with at.services.database.reading() as session:
            return session.scalar(select(func.count()).select_from(ScreeningRow)) or 0

    before = stored()
    done = call(at, "--no-sends")
    assert done.exit_code == 0
    assert stored() == before
    assert "not checked    acknowledge: stores screenings; left out by --no-sends" in done.output
    assert "0 do not" in done.output


def test_each_line_has_its_own_name() -> None:
    assert len({one.id for one in LINES}) == len(LINES)


class Broken(httpx.BaseTransport):
    """The service with one fault: `change` gets each JSON answer and returns another one, or a whole response."""

    def __init__(self, change: Change) -> None:
        self._change = change
        self._there = httpx.HTTPTransport()

    def close(self) -> None:
        self._there.close()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._there.handle_request(request)
        answer.read()
        try:
            found = json.loads(answer.content)
        except ValueError:
            return answer
        changed = self._change(request, found)
        if isinstance(changed, httpx.Response):
            return changed
        kind = {"content-type": answer.headers["content-type"]}
        return httpx.Response(answer.status_code, content=json.dumps(changed).encode(), headers=kind)


def broken_lines(service: Running, change: Change) -> set[str]:
    headers = {"authorization": service.client.headers["authorization"]}
    with httpx.Client(base_url=service.url, transport=Broken(change), headers=headers, timeout=60) as client:
        return {result.id for result in check_lines(Deployment(client)) if result.state == "broken"}


def of_screen(change: Callable[[dict[str, Any]], object]) -> Change:
    """A change of the answers of POST /screen alone."""

    def changed(request: httpx.Request, answer: Any) -> Any:
        if request.url.path == "/screen" and "decision" in answer:
            change(answer)
        return answer

    return changed


def drop_a_label(answer: dict[str, Any]) -> None:
    answer["labels"].pop()


def one_off(answer: dict[str, Any]) -> None:
    for finding in answer["findings"]:
        if finding["start"] is not None:
            finding["start"] += 1


def always_a_pass(answer: dict[str, Any]) -> None:
    answer["pass"] = answer["pass"] or ("a" * 100 if answer["screening_id"] else None)


def allow_asserts_nothing(answer: dict[str, Any]) -> None:
    if answer["decision"] == "allow":
        for entry in answer["labels"]:
            entry["asserted"] = False


def preview_with_an_id(answer: dict[str, Any]) -> None:
    answer["screening_id"] = answer["screening_id"] or "0"


def no_reminder(answer: dict[str, Any]) -> None:
    answer["reminders"] = []


def info_is_a_warning(answer: dict[str, Any]) -> None:
    answer["findings"].append({**(answer["findings"] or [{"id": "x", "label": None}])[0], "severity": "warn"})


def every_pass_is_valid(request: httpx.Request, answer: Any) -> Any:
    return {**answer, "valid": True} if request.url.path == "/passes/verify" else answer


def plain_errors(request: httpx.Request, answer: Any) -> Any:
    return httpx.Response(answer["status"], json={"error": "no"}) if "title" in answer else answer


def unordered(request: httpx.Request, answer: Any) -> Any:
    if "answers" in answer:
        answer["answers"].reverse()
    return answer


FAULTS: dict[str, tuple[Change, set[str]]] = {
    "five labels": (of_screen(drop_a_label), {"labels.six", "screenings"}),
    "spans one letter off": (of_screen(one_off), {"offset_encoding"}),
    "a pass for everybody": (of_screen(always_a_pass), {"pass.allowed"}),
    "an allow that asserts nothing": (of_screen(allow_asserts_nothing), {"decision.allow", "screenings"}),
    "previews with an id": (of_screen(preview_with_an_id), {"mode.preview"}),
    "no reminder": (of_screen(no_reminder), {"reminders"}),
    "each pass is valid": (every_pass_is_valid, {"pass.binds", "pass.signed"}),
    "errors of another kind": (
        plain_errors, {"order", "idempotency.conflict", "batch", "error.401", "error.413", "error.422"},
    ),
    "a batch in another order": (unordered, {"batch"}),
    "no version": (of_screen(lambda answer: answer.pop("policy_version")), {"answer.fields"}),
    "findings without guidance": (
        of_screen(lambda answer: [finding.pop("guidance") for finding in answer["findings"]]), {"findings.fields"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "wanted"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_breaks_its_lines_and_no_other(at: Running, change: Change, wanted: set[str]) -> None:
    assert broken_lines(at, change) == wanted


def test_an_answer_of_another_shape_breaks_lines_and_stops_nothing(at: Running) -> None:
    found = broken_lines(at, lambda request, answer: {"hello": 1} if request.url.path == "/screen" else answer)
    assert found >= {"decision.status", "labels.six", "form.body", "pass.binds", "error.401"}
    assert not found & {"policy", "healthz", "readyz", "openapi", "batch", "metrics", "compose", "review"}


def test_a_broken_deployment_ends_with_1_and_says_what_came_instead(at: Running) -> None:
    done = CliRunner().invoke(commands, ["conformance", at.url, "--key", "gs_00000000_unknown", "--no-sends"])
    assert done.exit_code == 1
    assert "DOES NOT HOLD  decision.status" in done.output
    assert "POST /screen: 401" in done.output


def test_where_nothing_answers_it_ends_with_2_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    done = CliRunner().invoke(commands, ["conformance", f"http://127.0.0.1:{port}", "--key", "x"])
    assert done.exit_code == 2
    assert done.output.count("\n") == 1
    assert "nothing answers" in done.output


def test_every_request_field_and_error_of_the_contract_has_a_line() -> None:
    """The list is the project's own; what the schema of the request and the answers name must be on it."""
    document = json.loads((Path(__file__).parents[3] / "service" / "openapi.json").read_text("utf-8"))
    words = " ".join(f"{one.id} {one.words}" for one in LINES)
    for path in ("/screen/batch", "/passes/verify", "/policy", "/healthz", "/readyz", "/metrics"):
        assert path in document["paths"]
        assert path in words
    for status in (401, 403, 409, 413, 422, 429, 503):
        assert str(status) in words
