"""What happens when something beside the service fails: the disk full, PostgreSQL gone and back, the clock jumping."""

import asyncio
import sqlite3
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from classifier import Draft
from service.cli.maintenance import write_faults
from service.http.api_keys import Caller, RateLimit
from service.http.back_pressure import BackPressure, Shedding
from service.http.errors import ServiceError
from service.http.middleware import RequestMiddleware
from service.passes import Passes, PassTerms, new_key
from service.screening.pipeline import stored_id
from service.storage.health import StoreHealth
from service.storage.screenings.records import NewScreening, WriteResult, new_id
from service.telemetry.metrics import Metrics
from tests.service.drafts import ALLOWED, BLOCKED
from tests.service.postgres import NoPostgresError, started_postgres
from tests.service.running import Running, running, settings_for


def assert_unavailable(response: httpx.Response) -> None:
    assert response.status_code == 503, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["retry-after"]


def assert_kept(service: Running, answers: list[dict[str, Any]]) -> None:
    for answer in answers:
        stored = service.client.get(f"/screenings/{answer['screening_id']}").json()
        assert (stored["decision"], stored["pass"]) == (answer["decision"], answer["pass"])


def send_until_refused(service: Running) -> tuple[list[dict[str, Any]], httpx.Response]:
    """What was answered before the first answer that was not 200, and that one."""
    answered = []
    for number in range(2000):
        response = service.client.post("/screen", json={**BLOCKED, "body": f"{BLOCKED['body']} {number} {'x ' * 2900}"})
        if response.status_code != 200:
            return answered, response
        answered.append(response.json())
    raise AssertionError("the disk never became full")


def kept_decisions(service: Running) -> float:
    lines = service.client.get("/metrics").text.splitlines()
    found = [line for line in lines if line.startswith("screening_decisions_total") and 'mode="send"' in line]
    return sum(float(line.split()[-1]) for line in found)


def test_on_a_full_disk_sends_are_503_previews_go_on_and_nothing_answered_is_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    limit = {"pages": 0}

    def limited(connection: Any, _: Any) -> None:
        connection.execute(f"PRAGMA max_page_count={limit['pages']}")

    with running(settings_for(tmp_path)) as service:
        first = service.screen(ALLOWED)
        engine = service.services.database.engine
        with engine.connect() as connection:
            limit["pages"] = (connection.scalar(text("PRAGMA page_count")) or 0) + 12
        event.listen(engine, "connect", limited)
        engine.dispose()
        answered, refused = send_until_refused(service)
        assert_unavailable(refused)
        before = kept_decisions(service)
        with caplog.at_level("ERROR", "screening"):
            for _ in range(3):
                long = {**ALLOWED, "body": ALLOWED["body"] + " x" * 20_000}
                assert_unavailable(service.client.post("/screen", json=long))
        assert kept_decisions(service) == before
        assert [r.msg for r in caplog.records if r.msg == "store-failing"] in ([], ["store-failing"])  # once, not each
        told = service.client.get("/readyz")
        assert (told.status_code, "disk is full" in told.json()["detail"]) == (503, True)
        assert "screening_store_up 0.0" in service.client.get("/metrics").text
        assert "disk is full" in " ".join(write_faults(service.services.database))
        assert service.screen(BLOCKED, mode="preview")["decision"] == "block"
        assert_kept(service, [first, *answered])
        limit["pages"] += 100_000
        engine.dispose()
        assert service.client.get("/readyz").status_code == 200
        assert "screening_store_up 1.0" in service.client.get("/metrics").text
        assert write_faults(service.services.database) == []
        assert_kept(service, [service.screen(BLOCKED), *answered])


def test_while_writers_hold_every_connection_and_the_lock_previews_go_on(tmp_path: Path) -> None:
    with running(settings_for(tmp_path)) as service:
        database = service.services.database
        new = service.key("screen")  # never seen by this process: the store must be asked for it
        with database.writing() as session:
            session.execute(text("SELECT 1"))
            pool: Any = database.engine.pool
            held: list[Any] = []
            try:
                with suppress(PoolTimeout):
                    while True:
                        held.append(pool.connect())
                assert service.screen(BLOCKED, new, mode="preview")["decision"] == "block"
            finally:
                for connection in held:
                    connection.close()


def test_a_store_that_hangs_holds_up_no_preview_of_a_known_key(tmp_path: Path) -> None:
    go = threading.Event()
    with running(settings_for(tmp_path, key_timeout_ms=50)) as service:
        service.screen(ALLOWED, mode="preview")
        ring = service.services.keys
        ring._look_up = lambda prefix: go.wait(60) and None
        ring._clock = lambda: time.monotonic() + 6  # what was remembered is to be asked for again
        try:
            for _ in range(5):
                assert service.screen(ALLOWED, mode="preview")["decision"] == "allow"
            assert not go.is_set()
        finally:
            go.set()


def test_a_store_that_fails_is_logged_once_then_by_count(caplog: pytest.LogCaptureFixture) -> None:
    now, counted = [0.0], list[int]()
    health = StoreHealth(counted=lambda: counted.append(1), clock=lambda: now[0])
    with caplog.at_level("INFO", "screening"):
        for _ in range(100):
            health.failed(sqlite3.OperationalError("database or disk is full"))
        now[0] = 61
        health.failed(sqlite3.OperationalError("database or disk is full"))
        assert (health.failing, health.kind) == (True, "database or disk is full")
        health.worked()
        health.worked()
    said = [(r.msg, r.fields["failures"]) for r in caplog.records]  # type: ignore[attr-defined]
    assert said == [("store-failing", 1), ("store-failing", 101), ("store-works-again", 101)]
    assert (len(counted), health.failing) == (101, False)


def test_what_a_driver_says_of_hosts_and_users_is_for_the_log_alone() -> None:
    health = StoreHealth()
    health.failed(ConnectionError("no route to db.internal for user ann"))
    assert (health.cause, health.kind) == ("no route to db.internal for user ann", "ConnectionError")


@pytest.mark.postgres
def test_postgresql_goes_and_comes_back(tmp_path: Path) -> None:
    try:
        with started_postgres() as server, running(settings_for(tmp_path, database_url=server.url)) as service:
            answered = [service.screen(ALLOWED) for _ in range(3)]
            server.stop()
            try:
                assert_unavailable(service.client.post("/screen", json=ALLOWED))
                assert_unavailable(service.client.get("/readyz"))
                assert_unavailable(service.client.get(f"/screenings/{answered[0]['screening_id']}"))
                assert service.screen(ALLOWED, mode="preview")["decision"] == "allow"
                assert "screening_store_up 0.0" in service.client.get("/metrics").text
            finally:
                server.start()
            assert_kept(service, [*answered, service.screen(ALLOWED)])
            assert service.client.get("/readyz").status_code == 200
    except NoPostgresError as error:
        pytest.skip(f"NOT TESTED ON POSTGRESQL: {error}")


def test_a_store_that_says_nothing_is_not_waited_for_without_end() -> None:
    async def ask() -> None:
        written: asyncio.Future[WriteResult] = asyncio.get_running_loop().create_future()
        new = NewScreening("1", datetime.now(UTC), "gateway", None, Draft(**ALLOWED), "hash", {}, b"{}", {})
        await stored_id(written, new, longest=0.01)

    with pytest.raises(ServiceError) as refused:
        asyncio.run(ask())
    assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "5"})


def test_a_pass_is_judged_by_the_wall_clock_wherever_it_jumps() -> None:
    passes = Passes.from_setting(new_key(), issuer="x", minutes=60)
    now = datetime.now(UTC)
    token = passes.issue(PassTerms("s", "t", "allow", now))
    for jump, reason in ((timedelta(0), None), (timedelta(days=-400), None), (timedelta(minutes=60), "expired")):
        assert passes.check(token, "t", now + jump).reason == reason


def test_ids_stay_apart_when_the_clock_jumps_back() -> None:
    moments = [1_700_000_000.0, 1_600_000_000.0, 1_700_000_000.0] * 1000
    assert len({new_id(moment) for moment in moments}) == len(moments)


def test_a_rate_limit_forgives_a_clock_that_goes_back() -> None:
    moments = iter([1000.0, 1000.0, 10.0, 10.0, 11.0])
    limit = RateLimit(600, clock=lambda: next(moments))
    caller = Caller("gateway", "p", frozenset())
    limit.take(caller, 100)
    with pytest.raises(ServiceError):
        limit.take(caller, 60)
    with pytest.raises(ServiceError) as refused:
        limit.take(caller)
    assert 1 <= int(refused.value.headers["Retry-After"]) <= 2
    limit.take(caller, 0)
    limit.take(caller, 10)


def test_the_bytes_that_wait_inside_are_bounded() -> None:
    entered, statuses = asyncio.Event(), list[int]()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        try:
            await receive()
        except HTTPException as refusal:
            statuses.append(refusal.status_code)
            return
        entered.set()
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    def asked(length: int) -> dict[str, Any]:
        headers = [(b"content-length", str(length).encode())]
        return {"type": "http", "method": "POST", "path": "/screen/batch", "headers": headers}

    async def three() -> None:
        pressure = BackPressure(9, 1000, Shedding())
        gate = RequestMiddleware(
            slow, metrics=Metrics(), direct={}, max_bytes=9, caps={"/screen/batch": 800}, pressure=pressure
        )
        first = asyncio.create_task(gate(asked(800), receive, send))
        await entered.wait()
        await gate(asked(300), receive, send)  # 1,100 together
        entered.clear()
        second = asyncio.create_task(gate(asked(200), receive, send))  # 1,000 together
        await entered.wait()
        for task in (first, second):
            task.cancel()
        await asyncio.gather(first, second, return_exceptions=True)
        entered.clear()
        third = asyncio.create_task(gate(asked(800), receive, send))  # all are gone
        await entered.wait()
        third.cancel()

    asyncio.run(three())
    assert statuses[0] == 503


def test_reminders_say_by_when_a_reply_is_due(service: Running) -> None:
    answer = service.screen(ALLOWED)
    stored = service.client.get(f"/screenings/{answer['screening_id']}").json()
    assert stored["reminders"] == answer["reminders"]
    due = datetime.fromisoformat(answer["reminders"][0]["reply_by"])
    deadline = service.client.get("/reply-deadline", params={"received_at": stored["created_at"]}).json()
    assert timedelta(0) <= datetime.fromisoformat(deadline["reply_by"]) - due < timedelta(minutes=1)
    preview = service.screen(ALLOWED, mode="preview")["reminders"][0]
    assert datetime.fromisoformat(preview["reply_by"]) >= due


def test_many_at_once_with_few_keys_are_few_screenings(service: Running) -> None:
    answers: list[tuple[str, str]] = []

    def send(number: int) -> None:
        key = f"few-{number % 4}"
        answers.append((key, service.screen(ALLOWED, {"Idempotency-Key": key})["screening_id"]))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(answers) == 40
    assert len(set(answers)) == 4
