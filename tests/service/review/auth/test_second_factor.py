"""The second factor of passwords: setting it up, signing in with it, losing the phone."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from service.cli.commands import app as commands
from service.review.auth.second_factor import step
from service.review.auth.sign_in import SignIn
from service.review.auth.sign_in_limits import SignInLimits
from service.storage import second_factors
from service.storage.database import Database
from service.storage.encryption import EncryptionError, Encryptor
from service.storage.second_factors import RECOVERY_CODES, SecondFactors
from service.storage.tables.review import AuditRow, SecondFactorRow, UserRow
from service.storage.users import Users
from tests.service.review.desk import PASSWORD, Seat, one_line
from tests.service.running import Running, running, settings_for

FIRST = "Everything that waits"
NOW = datetime(2026, 11, 30, 12, 0, 5, tzinfo=UTC)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("factors")
    with running(settings_for(home, text_keys="JF1gq2nZ0eK0M3w7rNn5l1p1o3v5t7y9A1b2C3d4E5Q=")) as service:
        yield service


@pytest.fixture
def clock(house: Running, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Codes and waits by a clock that stands still; nobody has guessed yet."""
    moved = Clock()
    sign_in: SignIn = house.app.state.sign_in
    sign_in.limits = SignInLimits(moved)

    class Moments(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "Moments":
            return cls.fromtimestamp(moved.now, tz)

    for module in (step, __import__("service.review.auth.second_factor.own", fromlist=["own"])):
        monkeypatch.setattr(module, "datetime", Moments)
    return moved


def browser(house: Running) -> httpx.Client:
    return httpx.Client(base_url=house.url, timeout=60, follow_redirects=True, headers={"accept": "text/html"})


def newcomer(house: Running, role: str = "reviewer") -> str:
    name = f"p-{time.monotonic_ns()}"
    with house.services.database.writing() as session:
        Users(session).add(name, role, PASSWORD, datetime.now(UTC))
    return name


def rows(house: Running, action: str, name: str) -> list[AuditRow]:
    with house.services.database.reading() as session:
        query = select(AuditRow).where(AuditRow.action == action, AuditRow.subject == f"user:{name}")
        return list(session.scalars(query.order_by(AuditRow.id)))


def set_up(seat: Seat, clock: Clock) -> tuple[str, list[str]]:
    """Set the factor up as a person does: the secret and the recovery codes."""
    shown = seat.post("/account/second-factor/begin", password=PASSWORD)
    assert shown.status_code == 200, shown.text
    secret = "".join(re.findall(r"type the secret: <code>([A-Z2-7 ]+)</code>", shown.text)).replace(" ", "")
    kept = seat.post("/account/second-factor/confirm", code=pyotp.TOTP(secret).at(int(clock.now)))
    assert kept.status_code == 200, kept.text
    clock.now += 30
    return secret, re.findall(r"<code>([a-z2-7-]{19})</code>", kept.text)


def code_for(seat: Seat, code: str) -> httpx.Response:
    """Type a code into the form that the browser shows."""
    page = seat.client.get("/review/login/code").text
    token = re.search(r'name="csrf" value="(\w+)"', page)
    assert token, page
    answer = seat.client.post("/review/login/code", data={"csrf": token[1], "code": code})
    found = re.search(r'name="csrf" value="(\w{64})"', answer.text)
    seat.csrf = found[1] if found else ""
    return answer


@pytest.fixture
def seat(house: Running, clock: Clock) -> Iterator[Seat]:
    """Somebody new, signed in."""
    with browser(house) as client:
        seat = Seat(client)
        seat.name = newcomer(house)  # type: ignore[attr-defined]
        assert FIRST in seat.sign_in(seat.name).text  # type: ignore[attr-defined]
        yield seat


def name_of(seat: Seat) -> str:
    name: str = seat.name  # type: ignore[attr-defined]
    return name


def test_the_secret_is_shown_as_text_address_and_picture(house: Running, seat: Seat) -> None:
    page = seat.post("/account/second-factor/begin", password=PASSWORD)
    secret = re.search(r"type the secret: <code>([A-Z2-7 ]+)</code>", page.text)
    assert secret
    uri = re.search(r'<code class="wrap">(otpauth://[^<]+)</code>', page.text)
    assert uri
    parsed = pyotp.parse_uri(uri[1].replace("&amp;", "&"))
    assert (parsed.secret, parsed.name) == (secret[1].replace(" ", ""), name_of(seat))
    assert re.search(r"<svg [^>]*>.*<path", page.text, re.DOTALL)
    assert page.headers["cache-control"] == "no-store"


def test_a_password_alone_signs_in_until_the_first_code_was_right(house: Running, seat: Seat, clock: Clock) -> None:
    seat.post("/account/second-factor/begin", password=PASSWORD)
    wrong = seat.post("/account/second-factor/confirm", code="000000")
    assert wrong.status_code == 422
    assert "not right" in wrong.text
    with browser(house) as client:
        assert FIRST in Seat(client).sign_in(name_of(seat)).text
    assert not rows(house, "second_factor_added", name_of(seat))


def test_from_then_on_a_code_is_asked_for_and_signs_in(house: Running, seat: Seat, clock: Clock) -> None:
    secret, codes = set_up(seat, clock)
    assert len(set(codes)) == RECOVERY_CODES
    assert len(rows(house, "second_factor_added", name_of(seat))) == 1
    with browser(house) as client:
        other = Seat(client)
        asked = other.sign_in(name_of(seat))
        assert asked.url.path == "/review/login/code"
        assert client.get("/review/queue").url.path != "/review/queue"  # half signed in is not signed in
        assert "review_session" not in client.cookies
        assert FIRST in code_for(other, f" {pyotp.TOTP(secret).at(int(clock.now))} ").text
    assert rows(house, "signed_in", name_of(seat))[-1].after == {"by": "password and totp"}


def test_a_code_is_taken_once(house: Running, seat: Seat, clock: Clock) -> None:
    secret, _ = set_up(seat, clock)
    code = pyotp.TOTP(secret).at(int(clock.now))
    with browser(house) as client, browser(house) as thief:
        for one in (client, thief):
            Seat(one).sign_in(name_of(seat))
        assert FIRST in code_for(Seat(client), code).text
        refused = code_for(Seat(thief), code)
        assert refused.status_code == 403
        assert "used before" in refused.text


def test_the_code_that_confirmed_it_is_not_taken_again(house: Running, seat: Seat, clock: Clock) -> None:
    secret, _ = set_up(seat, clock)
    clock.now -= 30
    with browser(house) as client:
        Seat(client).sign_in(name_of(seat))
        assert code_for(Seat(client), pyotp.TOTP(secret).at(int(clock.now))).status_code == 403


def test_a_recovery_code_signs_in_once(house: Running, seat: Seat, clock: Clock) -> None:
    _, codes = set_up(seat, clock)
    with browser(house) as client:
        other = Seat(client)
        other.sign_in(name_of(seat))
        assert FIRST in code_for(other, codes[3].upper().replace("-", " ")).text
        assert f"{RECOVERY_CODES - 1} left" in other.page("/account/second-factor")
    assert rows(house, "recovery_code_used", name_of(seat))[-1].after == {"left": RECOVERY_CODES - 1}
    with browser(house) as client:
        Seat(client).sign_in(name_of(seat))
        assert code_for(Seat(client), codes[3]).status_code == 403


def test_new_recovery_codes_replace_the_old_ones(house: Running, seat: Seat, clock: Clock) -> None:
    _, old = set_up(seat, clock)
    assert seat.post("/account/second-factor/recovery", password="not this one").status_code == 403
    page = seat.post("/account/second-factor/recovery", password=PASSWORD).text
    new = re.findall(r"<code>([a-z2-7-]{19})</code>", page)
    assert len(set(new)) == RECOVERY_CODES
    assert not set(new) & set(old)
    with browser(house) as client:
        Seat(client).sign_in(name_of(seat))
        assert code_for(Seat(client), old[0]).status_code == 403
        assert FIRST in code_for(Seat(client), new[0]).text


def test_wrong_codes_wait_longer_and_longer_however_often_the_password_is_right(
    house: Running, seat: Seat, clock: Clock
) -> None:
    secret, _ = set_up(seat, clock)
    with browser(house) as client:
        stranger = Seat(client)
        stranger.sign_in(name_of(seat))
        waits = []
        for _ in range(3):
            assert code_for(stranger, "000000").status_code == 403
        for _ in range(3):
            stranger.sign_in(name_of(seat))  # knows the password: that takes no failure away
            refused = code_for(stranger, "000000")
            assert refused.status_code == 429
            waits.append(int(refused.headers["retry-after"]))
            clock.now += waits[-1]
            assert code_for(stranger, "000000").status_code == 403
        assert waits == sorted(set(waits))
        clock.now += 60
        assert FIRST in code_for(stranger, pyotp.TOTP(secret).at(int(clock.now))).text
    assert len(rows(house, "second_factor_refused", name_of(seat))) == 1  # one burst, one row
    assert rows(house, "signed_in", name_of(seat))[-1].after == {"refused_before": 6, "by": "password and totp"}


@pytest.mark.parametrize("code", ["", "0", "０００００0", "\ud7ff", "1" * 500, "-" * 19, "a\x00b"])
def test_any_text_is_a_wrong_code(house: Running, seat: Seat, clock: Clock, code: str) -> None:
    set_up(seat, clock)
    with browser(house) as client:
        Seat(client).sign_in(name_of(seat))
        assert code_for(Seat(client), code).status_code == 403


def test_the_step_is_for_this_browser_this_person_and_some_minutes(
    house: Running, seat: Seat, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(seat, clock)
    with browser(house) as client:
        assert client.get("/review/login/code").status_code == 403  # no password yet
        Seat(client).sign_in(name_of(seat))
        token = client.cookies["review_step"].strip('"')
        user, _, rest = token.partition(".")
        for forged in (f"{int(user) - 1}.{rest}", f"{token}0", "1.0.x", "", "9" * 40):
            client.cookies.clear()
            client.cookies.set("review_step", forged)
            assert client.get("/review/login/code").status_code == 403, forged
        client.cookies.set("review_step", token)
        assert client.get("/review/login/code").status_code == 200
        with house.services.database.writing() as session:
            Users(session).set_password(name_of(seat), "another long password")
        assert client.get("/review/login/code").status_code == 403
        client.cookies.clear()
        Seat(client).sign_in(name_of(seat), "another long password")
        assert client.get("/review/login/code").status_code == 200
        monkeypatch.setattr(house.app.state.sign_in, "_now", lambda: time.time() + step.STEP_LIFE + 1)
        assert client.get("/review/login/code").status_code == 403


def test_who_is_shut_out_meanwhile_is_not_signed_in(house: Running, seat: Seat, clock: Clock) -> None:
    set_up(seat, clock)
    with browser(house) as client:
        Seat(client).sign_in(name_of(seat))
        with house.services.database.writing() as session:
            Users(session).disable(name_of(seat), datetime.now(UTC))
        assert client.get("/review/login/code").status_code == 403


def test_it_is_removed_with_the_password_and_not_without(house: Running, seat: Seat, clock: Clock) -> None:
    set_up(seat, clock)
    assert seat.post("/account/second-factor/begin", password=PASSWORD).status_code == 409
    assert seat.post("/account/second-factor/remove", password="guessed").status_code == 403
    assert "off" in one_line(seat.post("/account/second-factor/remove", password=PASSWORD).text)
    with browser(house) as client:
        assert FIRST in Seat(client).sign_in(name_of(seat)).text
    assert [row.actor for row in rows(house, "second_factor_removed", name_of(seat))] == [name_of(seat)]


def test_an_administrator_takes_it_away(house: Running, seat: Seat, clock: Clock) -> None:
    set_up(seat, clock)
    boss = newcomer(house, "administrator")
    with house.services.database.reading() as session:
        number = session.scalar(select(UserRow.id).where(UserRow.name == name_of(seat)))
    with browser(house) as client, browser(house) as free:
        admin = Seat(client)
        admin.sign_in(boss)
        assert admin.page("/people").count("take away the second factor") >= 1
        admin.post(f"/people/{number}", role="reviewer", second_factor="1")
        assert FIRST in Seat(free).sign_in(name_of(seat)).text
    assert [row.actor for row in rows(house, "second_factor_removed", name_of(seat))] == [boss]


def test_an_operator_takes_it_away(house: Running, seat: Seat, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(seat, clock)
    monkeypatch.setenv("SCREENING_HOME", str(house.home))
    command = ["users", "drop-second-factor", name_of(seat)]
    assert CliRunner().invoke(commands, command).exit_code == 0
    assert [row.actor for row in rows(house, "second_factor_removed", name_of(seat))] == ["operator"]
    again = CliRunner().invoke(commands, command)
    assert again.exit_code == 1
    assert "with a second factor" in again.output


def test_the_secret_is_encrypted_where_text_is(house: Running, seat: Seat, clock: Clock) -> None:
    secret, codes = set_up(seat, clock)
    with house.services.database.reading() as session:
        number = session.scalar(select(UserRow.id).where(UserRow.name == name_of(seat)))
        row = session.get_one(SecondFactorRow, number)
    assert secret.encode() not in row.secret
    assert row.secret[:1] == b"f"
    assert not [code for code in codes if code.replace("-", "") in str(row.recovery)]


def prepared(database: Database, encryptor: Encryptor) -> tuple[int, str, tuple[str, ...]]:
    with database.writing() as session:
        user = Users(session).add("mira", "reviewer", PASSWORD, NOW).id
        factors = SecondFactors(session, encryptor)
        secret = factors.begin(user, NOW)
        codes = factors.confirm(user, pyotp.TOTP(secret).at(NOW), NOW)
        assert codes
        return user, secret, codes


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'x.db'}")
    opened.migrate()
    yield opened
    opened.close()


def test_a_phone_may_be_half_a_minute_off_and_no_more(database: Database) -> None:
    user, secret, _ = prepared(database, Encryptor())
    later = NOW + timedelta(minutes=10)
    for seconds, taken in ((-60, None), (60, None), (-30, "totp"), (30, "totp"), (0, None)):
        with database.writing() as session:
            code = pyotp.TOTP(secret).at(later + timedelta(seconds=seconds))
            assert SecondFactors(session, Encryptor()).accept(user, code, later) == taken, seconds


def test_a_code_moves_the_secret_to_the_newest_key_so_that_the_old_one_may_go(database: Database) -> None:
    old, new = "A" * 43 + "=", "B" * 42 + "A="
    user, secret, codes = prepared(database, Encryptor(old))
    later = NOW + timedelta(minutes=1)
    with database.writing() as session:
        factors = SecondFactors(session, Encryptor(f"{new},{old}"))
        assert factors.accept(user, pyotp.TOTP(secret).at(later), later) == "totp"
    later += timedelta(minutes=1)
    with database.writing() as session:
        assert SecondFactors(session, Encryptor(new)).accept(user, pyotp.TOTP(secret).at(later), later) == "totp"
    with database.writing() as session:
        without = SecondFactors(session, Encryptor("C" * 42 + "A="))
        assert without.accept(user, codes[0], later) == "recovery"  # needs no key
        with pytest.raises(EncryptionError):
            without.accept(user, "123456", later)


def test_steps_are_those_of_the_standard() -> None:
    assert (second_factors._STEP, second_factors._DRIFT) == (30, 1)
    assert pyotp.TOTP("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", digits=8).at(59) == "94287082"  # RFC 6238, appendix B
