"""Guessing passwords, staying signed in, and looking after one's own account."""

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from service.cli.commands import app as commands
from service.review.auth.sign_in import MOST_WAITING, SignIn
from service.review.auth.sign_in_limits import (
    BY_ADDRESS,
    BY_NAME,
    FORGOTTEN_AFTER,
    SignInDelayedError,
    SignInLimits,
    network_of,
)
from service.storage import users
from service.storage.tables.review import AuditRow, SessionRow
from tests.service.review.desk import PASSWORD, Seat, add_people
from tests.service.running import Running, running, settings_for


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(settings_for(tmp_path_factory.mktemp("door"), session_idle_minutes=30)) as service:
        add_people(service.services.database)
        yield service


@pytest.fixture
def clock(house: Running) -> Clock:
    """Nobody has guessed yet, and time stands still."""
    moved = Clock()
    sign_in: SignIn = house.app.state.sign_in
    sign_in.limits = SignInLimits(moved)
    return moved


@pytest.fixture
def stranger(house: Running, clock: Clock) -> Iterator[Seat]:
    with a_browser(house) as client:
        yield Seat(client)


def a_browser(house: Running) -> httpx.Client:
    return httpx.Client(base_url=house.url, timeout=120, follow_redirects=True, headers={"accept": "text/html"})


def form(client: httpx.Client, name: str, password: str) -> dict[str, str]:
    token = re.search(r'name="csrf" value="(\w+)"', client.get("/review/login").text)
    assert token
    return {"csrf": token[1], "name": name, "password": password}


def rows(house: Running, action: str) -> list[AuditRow]:
    with house.services.database.reading() as session:
        return list(session.scalars(select(AuditRow).where(AuditRow.action == action).order_by(AuditRow.id)))


def test_the_wait_grows_with_each_failure_and_is_never_a_lock_out() -> None:
    assert [BY_NAME.wait(n) for n in range(10)] == [0, 0, 0, 1, 2, 4, 8, 16, 32, 60]
    assert BY_NAME.wait(10_000) == 60
    assert BY_ADDRESS.wait(9) == 0 < BY_ADDRESS.wait(10)


def test_a_name_waits_longer_after_each_wrong_password(stranger: Seat, clock: Clock) -> None:
    waits = []
    for _ in range(3):
        assert stranger.sign_in("mira", "wrong").status_code == 403
    for _ in range(3):
        refused = stranger.sign_in("mira", "wrong")
        assert refused.status_code == 429
        waits.append(int(refused.headers["retry-after"]))
        clock.now += waits[-1]
        assert stranger.sign_in("mira", "wrong").status_code == 403
    assert waits == sorted(set(waits))
    clock.now += 60
    assert "Everything that waits" in stranger.sign_in("mira").text


def test_one_password_on_many_names_waits_too(stranger: Seat) -> None:
    answers = [stranger.sign_in(f"name-{n}", "Summer2026!").status_code for n in range(14)]
    assert answers == [403] * 10 + [429] * 4


def test_strangers_do_not_delay_a_browser_that_has_signed_in_before(house: Running, stranger: Seat) -> None:
    with a_browser(house) as client:
        lena = Seat(client)
        lena.sign_in("lena")
        lena.post("/logout")
        answers = [stranger.sign_in("lena", f"guess {n}").status_code for n in range(5)]
        assert answers == [403] * 3 + [429] * 2
        assert "Everything that waits" in lena.sign_in("lena").text
        assert stranger.sign_in("lena").status_code == 429
        client.cookies.delete("review_session")
        assert lena.sign_in("mira", "wrong").status_code == 403  # known as lena's browser, not as mira's


def test_parallel_guesses_count_each_other(house: Running, clock: Clock) -> None:
    def guess(number: int) -> int:
        with a_browser(house) as client:
            return client.post("/review/login", data=form(client, "jonas", f"guess {number}")).status_code

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(guess, range(60)))
    assert answers.count(403) == BY_NAME.free
    assert answers.count(429) == 60 - BY_NAME.free


class CountingHasher:
    """Stands in for the hasher: counts how many hash at the same time, and waits until it may go on."""

    def __init__(self) -> None:
        self.go_on, self.lock = threading.Event(), threading.Lock()
        self.at_once = self.most = self.calls = 0

    def verify(self, hashed: str, password: bytes) -> bool:
        with self.lock:
            self.at_once += 1
            self.calls += 1
            self.most = max(self.most, self.at_once)
        self.go_on.wait(60)
        with self.lock:
            self.at_once -= 1
        return True

    def hash(self, password: Any) -> str:
        return "none"


def test_forty_parallel_guesses_take_the_memory_of_one(
    house: Running, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasher = CountingHasher()
    monkeypatch.setattr(users, "_HASHER", hasher)
    refused = threading.Semaphore(0)

    def guess(client: httpx.Client, number: int) -> int:
        status = client.post("/review/login", data=form(client, f"nobody-{number}", "x")).status_code
        if status == 429:
            refused.release()
        return status

    with ThreadPoolExecutor(41) as pool:
        clients = [a_browser(house) for _ in range(40)]
        waiting = [pool.submit(guess, client, n) for n, client in enumerate(clients)]
        for _ in range(40 - MOST_WAITING - 1):
            assert refused.acquire(timeout=60)  # those that neither hash nor wait have their answer at once
        assert httpx.get(f"{house.url}/healthz", timeout=60).status_code == 200
        hasher.go_on.set()
        answers = [one.result() for one in waiting]
        for client in clients:
            client.close()
    assert hasher.most == 1
    assert answers.count(403) == hasher.calls == MOST_WAITING + 1


def test_a_form_that_is_sent_twice_is_one_guess(house: Running, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    hasher = CountingHasher()
    monkeypatch.setattr(users, "_HASHER", hasher)
    with a_browser(house) as client:
        filled = form(client, "nobody", "twice")
        hasher.go_on.set()
        first = client.post("/review/login", data=filled)
        client.cookies.set("review_gate", filled["csrf"], path="/review")
        second = client.post("/review/login", data=filled)
    assert (first.status_code, second.status_code, hasher.calls) == (403, 403, 1)
    assert "sent already" in second.text


@pytest.mark.parametrize("token", ["", "0" * 66, "é" * 66, "x"])
def test_without_a_form_of_ours_nothing_is_hashed(
    house: Running, clock: Clock, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    hasher = CountingHasher()
    monkeypatch.setattr(users, "_HASHER", hasher)
    with httpx.Client(base_url=house.url, timeout=60) as client:
        headers = {"cookie": f"review_gate={token}".encode()}
        answer = client.post(
            "/review/login",
            data={"csrf": token, "name": "mira", "password": PASSWORD},
            headers=headers,  # type: ignore[arg-type]
        )
    assert (answer.status_code, hasher.calls) == (403, 0)


def test_an_old_form_and_a_changed_one_are_refused(house: Running) -> None:
    moment = Clock()
    sign_in = SignIn(house.services.database, b"secret", now=moment)
    token = sign_in.form_token()
    assert sign_in._number(token, b"form")
    assert sign_in._number(token[:-1] + ("0" if token[-1] != "0" else "1"), b"form") is None
    assert sign_in._number(token, b"browser\0mira") is None
    assert SignIn(house.services.database, b"secret", now=moment)._number(token, b"form")  # another worker
    assert SignIn(house.services.database, b"other", now=moment)._number(token, b"form") is None
    moment.now += 3601
    assert sign_in._number(token, b"form") is None
    sign_in.close()


@pytest.mark.parametrize(
    "name", ["a\0b", "x" * 5000, "💥\ud83d".encode("utf-8", "surrogatepass").decode("utf-8", "replace")]
)
def test_a_strange_name_is_a_wrong_name(stranger: Seat, name: str) -> None:
    assert stranger.sign_in(name, "x").status_code == 403


def test_a_burst_is_one_row_of_the_audit(house: Running, stranger: Seat, clock: Clock) -> None:
    before = len(rows(house, "sign_in_refused"))
    for name in ("ada", "ada", "otto", "ada"):
        assert stranger.sign_in(name, "wrong").status_code == 403
    found = rows(house, "sign_in_refused")[before:]
    assert [row.subject for row in found] == ["user:ada"]
    clock.now += 4
    stranger.sign_in("ada")
    assert rows(house, "signed_in")[-1].after == {"refused_before": 3}
    clock.now += FORGOTTEN_AFTER
    stranger.sign_in("ada", "wrong")
    assert len(rows(house, "sign_in_refused")) == before + 2


def test_signing_in_does_not_clear_the_count_of_an_address() -> None:
    limits = SignInLimits(Clock())
    for number in range(9):
        limits.failed(limits.begin(f"name-{number}", "192.0.2.1"))
    limits.succeeded(limits.begin("own", "192.0.2.1"))
    limits.failed(limits.begin("name-9", "192.0.2.1"))
    with pytest.raises(SignInDelayedError):
        limits.begin("name-10", "192.0.2.1")
    limits.begin("name-10", "192.0.2.2")


def test_the_counts_take_no_more_memory_than_they_may() -> None:
    clock = Clock()
    limits = SignInLimits(clock)
    for _ in range(4):
        limits.failed(limits.begin("victim", "198.51.100.7"))
        clock.now += 5
    for number in range(30_000):
        limits.failed(limits.begin(f"name-{number}", f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"))
    assert len(limits._counts) <= 10_002
    limits.failed(limits.begin("victim", "198.51.100.8"))
    with pytest.raises(SignInDelayedError):
        limits.begin("victim", "198.51.100.8")


def test_a_household_is_one_address() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1") != network_of("2001:db8:0:1::1")
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1") != network_of("192.0.2.2")
    assert network_of("testclient") == "testclient"


def session_row(house: Running, seat: Seat) -> SessionRow:
    with house.services.database.reading() as session:
        found = session.scalar(select(SessionRow).where(SessionRow.csrf == seat.csrf))
    assert found
    return found


def move(house: Running, seat: Seat, **change: timedelta) -> None:
    with house.services.database.writing() as session:
        row = session.get_one(SessionRow, session_row(house, seat).token_hash)
        for name, by in change.items():
            setattr(row, name, getattr(row, name) + by)


def test_a_session_ends_when_nobody_is_there_and_goes_on_in_use(house: Running, stranger: Seat) -> None:
    stranger.sign_in("mira")
    begun = session_row(house, stranger).expires_at
    assert begun <= datetime.now(UTC) + timedelta(minutes=30)
    move(house, stranger, expires_at=timedelta(minutes=-20), created_at=timedelta(minutes=-20))
    assert "Everything that waits" in stranger.page("")
    assert session_row(house, stranger).expires_at >= begun
    move(house, stranger, expires_at=timedelta(minutes=-31))
    assert "Sign in" in stranger.page("")


def test_no_use_makes_a_session_longer_than_its_hours(house: Running, stranger: Seat) -> None:
    stranger.sign_in("mira")
    move(house, stranger, expires_at=timedelta(minutes=-20), created_at=timedelta(hours=-9, minutes=-50))
    stranger.page("")
    row = session_row(house, stranger)
    assert row.expires_at == row.created_at + timedelta(hours=10)


def test_a_page_that_asks_by_itself_keeps_no_session_open(house: Running, stranger: Seat) -> None:
    stranger.sign_in("mira")
    move(house, stranger, expires_at=timedelta(minutes=-20), created_at=timedelta(minutes=-20))
    before = session_row(house, stranger).expires_at
    stranger.post("/cases/none/renew")
    assert session_row(house, stranger).expires_at == before


def test_people_see_their_sessions_and_end_one(house: Running, stranger: Seat) -> None:
    stranger.sign_in("otto")
    with a_browser(house) as client:
        elsewhere = Seat(client)
        elsewhere.sign_in("otto")
        ends = re.findall(r"/account/sessions/(\w+)/end", stranger.page("/account"))
        assert "this browser" in stranger.page("/account")
        assert ends
        for one in ends:
            assert stranger.post(f"/account/sessions/{one}/end").status_code == 200
        assert "Sign in" in elsewhere.page("")
    assert "Your account" in stranger.page("/account")
    assert stranger.post("/account/sessions/ffffffffffffffff/end").status_code == 404
    assert rows(house, "session_ended")[-1].actor == "otto"


def test_nobody_ends_the_session_of_somebody_else(house: Running, stranger: Seat) -> None:
    stranger.sign_in("mira")
    with a_browser(house) as client:
        other = Seat(client)
        other.sign_in("jonas")
        name = session_row(house, other).token_hash[:16]
        assert name not in stranger.page("/account")
        assert stranger.post(f"/account/sessions/{name}/end").status_code == 404
        assert "Everything that waits" in other.page("")


def test_people_change_their_own_password_and_are_signed_out_elsewhere(house: Running, stranger: Seat) -> None:
    with house.services.database.writing() as session:
        users.Users(session).add("nils", "reviewer", PASSWORD, datetime.now(UTC))
    stranger.sign_in("nils")
    with a_browser(house) as client:
        elsewhere = Seat(client)
        elsewhere.sign_in("nils")
        new = "another long password"
        for old, first, again, status in (
            ("wrong", new, new, 403), (PASSWORD, "short", "short", 422), (PASSWORD, new, new + "x", 422),
        ):  # fmt: skip
            assert stranger.post("/account/password", old=old, new=first, again=again).status_code == status
        assert "Everything that waits" in elsewhere.page("")
        assert "Saved" in stranger.post("/account/password", old=PASSWORD, new=new, again=new).text
        assert "Sign in" in elsewhere.page("")
        assert elsewhere.sign_in("nils").status_code == 403
        assert "Everything that waits" in elsewhere.sign_in("nils", new).text
    assert "Your account" in stranger.page("/account")


def test_a_password_given_by_the_operator_ends_the_sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from service.storage.database import Database

    monkeypatch.setenv("SCREENING_HOME", str(tmp_path))
    monkeypatch.delenv("SCREENING_DATABASE_URL", raising=False)
    assert CliRunner().invoke(commands, ["users", "create", "ann"]).exit_code == 0
    database = Database(f"sqlite:///{tmp_path / 'screening.db'}")
    for command in ("password", "disable"):
        with database.writing() as session:
            now = datetime.now(UTC)
            session.add(
                SessionRow(token_hash=command, user_id=1, csrf="c", created_at=now, expires_at=now + timedelta(hours=1))
            )
        assert CliRunner().invoke(commands, ["users", command, "ann"]).exit_code == 0
        with database.reading() as session:
            assert session.scalars(select(SessionRow)).all() == []
    database.close()
