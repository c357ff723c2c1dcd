"""A store that hangs or is slow, not gone: previews go on, sends end in time, readiness says it, nothing is lost."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import event, func, select

from service import status_routes
from service.http import store_deadline
from service.screening import pipeline
from service.storage.tables.screenings import ScreeningRow
from tests.service.drafts import ALLOWED, BLOCKED
from tests.service.postgres import NoPostgresError, PostgresServer, started_postgres
from tests.service.review.desk import Seat, add_people
from tests.service.running import Running, running, settings_for
from tests.service.test_outages import assert_kept, assert_unavailable

PREVIEWS = 12


def processes(server: PostgresServer) -> list[int]:
    """The server's own processes: the one that listens, and its children."""
    first = int(Path(server.data, "postmaster.pid").read_text("ascii").split("\n", 1)[0])
    children = Path(f"/proc/{first}/task/{first}/children").read_text("ascii")
    return [first, *map(int, children.split())]


@contextmanager
def hanging(server: PostgresServer) -> Iterator[None]:
    """The server stopped in the midst of things: connections stand, and nobody answers."""
    stopped = processes(server)
    for process in stopped:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in stopped:
            os.kill(process, signal.SIGCONT)


def preview(service: Running) -> None:
    answer = service.screen(BLOCKED, mode="preview")
    assert (answer["decision"], answer["complete"]) == ("block", True)


@contextmanager
def a_reviewer(service: Running) -> Iterator[Seat]:
    """Somebody who sits at the desk."""
    add_people(service.services.database)
    with httpx.Client(base_url=service.url, timeout=120, headers={"accept": "text/html"}) as browser:
        seat = Seat(browser)
        seat.sign_in("mira")
        yield seat


def until_ready(service: Running) -> None:
    deadline = time.monotonic() + 120
    while service.client.get("/readyz").status_code != 200 and time.monotonic() < deadline:
        time.sleep(0.5)
    assert service.client.get("/readyz").json()["status"] == "ready"


@pytest.mark.long
@pytest.mark.postgres
def test_postgresql_that_hangs_holds_up_no_preview_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_deadline, "LONGEST", 8.0)
    monkeypatch.setattr(pipeline, "LONGEST_STORE", 8.0)
    try:
        with (
            started_postgres() as server,
            running(settings_for(tmp_path, database_url=server.url)) as service,
            a_reviewer(service) as reviewer,
        ):
            kept = [service.screen(ALLOWED) for _ in range(3)]
            preview(service)
            ring: Any = service.services.keys
            ring._clock = lambda: time.monotonic() + 6  # the key is to be asked for again, and again
            refused: list[httpx.Response] = []

            def send(number: int) -> None:
                headers = {"Idempotency-Key": f"hung-{number}"}
                with httpx.Client(base_url=service.url, headers=service.client.headers, timeout=120) as mine:
                    refused.append(mine.post("/screen", json=ALLOWED, headers=headers))

            with hanging(server):
                senders = [threading.Thread(target=send, args=(number,)) for number in range(4)]
                for sender in senders:
                    sender.start()
                for _ in range(PREVIEWS):
                    preview(service)
                told = service.client.get("/readyz")
                assert_unavailable(told)
                assert status_routes.SILENT in told.json()["detail"]
                assert "screening_store_up 0.0" in service.client.get("/metrics").text
                assert_unavailable(service.client.get(f"/screenings/{kept[0]['screening_id']}"))
                token = {
                    "token": kept[0]["pass"],
                    **{name: ALLOWED[name] for name in ("support_id", "subject", "body")},
                }
                assert_unavailable(service.client.post("/passes/redeem", json=token))
                edited = {**ALLOWED, "mode": "preview", "previous_screening_id": kept[0]["screening_id"]}
                assert_unavailable(service.client.post("/screen", json=edited))
                for path in ("", "/numbers"):
                    away = reviewer.get(path)
                    assert (away.status_code, away.headers["content-type"]) == (503, "text/html; charset=utf-8")
                    assert "The store cannot be reached" in away.text
                for sender in senders:
                    sender.join(120)
                preview(service)
            assert len(refused) == 4
            for answer in refused:
                assert_unavailable(answer)
            until_ready(service)
            assert reviewer.get("/numbers").status_code == 200
            assert_kept(service, kept)
            again = [service.screen(ALLOWED, {"Idempotency-Key": f"hung-{number}"}) for number in range(4)]
            assert_kept(service, again)
            with service.services.database.reading() as session:  # none twice: sent, refused, sent again is one
                assert session.scalar(select(func.count()).select_from(ScreeningRow)) == 7
            assert "screening_store_up 1.0" in service.client.get("/metrics").text
    except NoPostgresError as error:
        pytest.skip(f"NOT TESTED ON POSTGRESQL: {error}")


@pytest.mark.long
def test_a_disk_on_which_a_commit_takes_seconds_holds_up_no_preview(tmp_path: Path) -> None:
    """Sends wait for their commit, or are refused once too many wait; each answered one is kept."""
    with running(settings_for(tmp_path, max_pending=8)) as service:
        kept = [service.screen(ALLOWED)]
        slow, committed = threading.Event(), list[float]()

        def wait(connection: Any) -> None:
            if slow.is_set() and not connection.get_execution_options().get("reading"):
                time.sleep(2)
                committed.append(time.monotonic())

        event.listen(service.services.database.engine, "commit", wait)
        slow.set()
        answers: list[httpx.Response] = []

        def send(number: int) -> None:
            with httpx.Client(base_url=service.url, headers=service.client.headers, timeout=120) as mine:
                answers.append(mine.post("/screen", json={**BLOCKED, "body": f"{BLOCKED['body']} {number}"}))

        senders = [threading.Thread(target=send, args=(number,)) for number in range(24)]
        for sender in senders:
            sender.start()
        seen = set[str]()
        while any(sender.is_alive() for sender in senders):
            answer = service.client.post("/screen", json={**ALLOWED, "mode": "preview"})
            assert answer.status_code in (200, 503), answer.text  # 503: eight requests wait inside
            seen.update(service.client.get("/readyz").json().get("shedding", []))
            time.sleep(0.1)
        assert committed
        assert {answer.status_code for answer in answers} == {200, 503}
        assert all(answer.headers["retry-after"] for answer in answers if answer.status_code == 503)
        assert "requests" in seen
        preview(service)
        slow.clear()
        assert_kept(service, [*kept, *(answer.json() for answer in answers if answer.status_code == 200)])


def test_while_a_commit_takes_its_time_previews_are_answered(tmp_path: Path) -> None:
    with running(settings_for(tmp_path)) as service:
        begun, go = threading.Event(), threading.Event()

        def wait(connection: Any) -> None:
            if not connection.get_execution_options().get("reading"):
                begun.set()
                go.wait(120)

        preview(service)
        event.listen(service.services.database.engine, "commit", wait)
        answers: list[dict[str, Any]] = []
        sender = threading.Thread(target=lambda: answers.append(service.screen(ALLOWED)))
        sender.start()
        assert begun.wait(60)
        for _ in range(20):
            preview(service)
        assert answers == []  # the send waits: it is not answered before it is kept
        assert service.services.writer.depth == 1
        assert "screening_writes_waiting 1.0" in service.client.get("/metrics").text
        go.set()
        sender.join(60)
        event.remove(service.services.database.engine, "commit", wait)
        assert_kept(service, answers)
        assert len(answers) == 1


def test_a_route_that_waits_for_a_silent_store_is_a_503_and_the_metrics_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_deadline, "LONGEST", 0.2)
    monkeypatch.setattr(status_routes, "LONGEST_SCRAPE", 0.2)
    with running(settings_for(tmp_path)) as service:
        kept = service.screen(ALLOWED)
        go = threading.Event()

        @event.listens_for(service.services.database.engine, "begin")
        def hang(connection: Any) -> None:
            go.wait(60)

        at = f"/screenings/{kept['screening_id']}"
        try:
            assert_unavailable(service.client.get(at))
            assert service.services.health.failing
            monkeypatch.setattr(store_deadline, "LONGEST", 60)  # from here on nobody waits at all
            assert_unavailable(service.client.get(at))
            assert_unavailable(service.client.post(f"{at}/withdraw"))
            told = service.client.get("/metrics").text
            assert "screening_store_up 0.0" in told
            assert "screening_rules_loaded" in told
            preview(service)
        finally:
            go.set()
        event.remove(service.services.database.engine, "begin", hang)
        until_ready(service)
        assert service.client.get(at).status_code == 200
