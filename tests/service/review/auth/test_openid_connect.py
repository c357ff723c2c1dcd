"""Signing in by OpenID Connect, end to end: a small provider runs on a free port beside the service."""

import re
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import OctKey
from pydantic import ValidationError
from sqlalchemy import select

from service.app import create_app
from service.review.auth.oidc import provider as provider_module
from service.review.auth.oidc.claims import RoleClaim
from service.review.auth.oidc.provider import OidcError, OidcProvider
from service.storage.tables.review import AuditRow, IdentityRow, SessionRow, UserRow
from service.storage.users import Users
from tests.service.drafts import ALLOWED
from tests.service.review.auth.oidc_provider import CLIENT, SECRET, Provider, a_provider, new_key
from tests.service.review.desk import PASSWORD, Seat, add_people
from tests.service.running import Running, running, settings_for

ROLES = {
    "oidc_role_claim": "realm_access.roles",
    "oidc_roles": "desk-people=reviewer, desk=heads=lead, root=administrator",
}


@pytest.fixture(scope="module")
def there() -> Iterator[Provider]:
    with a_provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def house(there: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    known = {"oidc_issuer": there.issuer, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET, **ROLES}
    with running(settings_for(tmp_path_factory.mktemp("oidc"), **known)) as service:
        add_people(service.services.database)
        yield service


@pytest.fixture
def provider(there: Provider, house: Running) -> Provider:
    """The provider, well-behaved again, with a person whom nobody knows yet."""
    fresh = Provider(issuer=there.issuer, key=there.key)
    vars(there).update(vars(fresh))
    number = time.monotonic_ns()
    there.person = person(number, "desk-people")
    return there


def person(number: int, *roles: str) -> dict[str, Any]:
    return {"sub": f"u-{number}", "preferred_username": f"nora-{number}", "realm_access": {"roles": list(roles)}}


def browser(house: Running) -> httpx.Client:
    return httpx.Client(base_url=house.url, timeout=60, follow_redirects=True, headers={"accept": "text/html"})


def sign_in(house: Running, following: str = "") -> httpx.Response:
    """Where a new browser ends that asks to be signed in."""
    with browser(house) as client:
        return client.get("/review/login/oidc", params={"next": following} if following else {})


def rows(house: Running, action: str, name: str) -> list[AuditRow]:
    with house.services.database.reading() as session:
        query = select(AuditRow).where(AuditRow.action == action, AuditRow.subject == f"user:{name}")
        return list(session.scalars(query.order_by(AuditRow.id)))


def user(house: Running, name: str) -> UserRow | None:
    with house.services.database.reading() as session:
        return session.scalar(select(UserRow).where(UserRow.name == name))


def test_a_stranger_with_a_role_is_signed_in_and_is_the_same_person_the_next_time(
    house: Running, provider: Provider
) -> None:
    name = provider.person["preferred_username"]
    with browser(house) as client:
        page = client.get("/review/login").text
        way = re.search(r'href="(/review/login/oidc)"', page)
        assert way
        answer = client.get(way[1])
        assert answer.status_code == 200
        assert "Everything that waits" in answer.text
        own = client.get("/review/account").text
        assert f"{name}, reviewer" in own
        assert "Change your password" not in own
        assert "whose own second factor counts" in client.get("/review/account/second-factor").text
        assert {cookie.name for cookie in client.cookies.jar} >= {"review_session"}
        assert "review_oidc" not in client.cookies
    assert provider.asked["scope"] == "openid profile email"
    assert provider.asked["code_challenge_method"] == "S256"
    (made,) = rows(house, "user_added", name)
    assert (made.actor, made.after) == ("oidc", {"role": "reviewer", "oidc_subject": provider.person["sub"]})
    assert "Everything that waits" in sign_in(house).text
    assert [row.after for row in rows(house, "signed_in", name)] == [{"by": "oidc"}] * 2
    assert len(rows(house, "user_added", name)) == 1


def test_the_page_that_was_asked_for_follows_and_no_other_site(house: Running, provider: Provider) -> None:
    assert sign_in(house, "/numbers").url.path == "/review/numbers"
    assert str(sign_in(house, "//evil.example/x").url).startswith(f"{house.url}/review")
    assert sign_in(house, "https://evil.example").url.path == "/review"


def test_the_role_with_the_most_rights_counts_and_follows_the_provider(house: Running, provider: Provider) -> None:
    name = provider.person["preferred_username"]
    provider.person["realm_access"]["roles"] = ["desk-people", "desk=heads", "something else"]
    sign_in(house)
    assert user(house, name).role == "lead"  # type: ignore[union-attr]
    provider.person["realm_access"]["roles"] = ["desk-people"]
    sign_in(house)
    assert user(house, name).role == "reviewer"  # type: ignore[union-attr]
    (changed,) = rows(house, "user_changed", name)
    assert (changed.before, changed.after) == ({"role": "lead"}, {"role": "reviewer"})


def test_a_role_that_only_userinfo_knows_counts(house: Running, provider: Provider) -> None:
    provider.beside = {"realm_access": provider.person.pop("realm_access")}
    assert sign_in(house).status_code == 200
    provider.beside["sub"] = "somebody else"
    assert sign_in(house).status_code == 403


def test_who_has_no_role_any_more_is_refused_and_their_sessions_end(house: Running, provider: Provider) -> None:
    name = provider.person["preferred_username"]
    sign_in(house)
    provider.person["realm_access"]["roles"] = ["guests", "reviewer"]
    answer = sign_in(house)
    assert answer.status_code == 403
    assert "no role at this desk" in answer.text
    with house.services.database.reading() as session:
        left = session.scalars(select(SessionRow).join(UserRow).where(UserRow.name == name)).all()
    assert not left
    assert rows(house, "sign_in_refused", name)[-1].after == {"reason": "no role"}


def test_a_name_that_somebody_has_is_not_given_away(house: Running, provider: Provider) -> None:
    provider.person["preferred_username"] = "ada"  # the administrator, who has a password
    provider.person["realm_access"]["roles"] = ["root"]
    answer = sign_in(house)
    assert answer.status_code == 403
    assert "your name already" in answer.text
    with house.services.database.writing() as session:
        ada = session.scalar(select(UserRow.id).where(UserRow.name == "ada"))
        known = {"issuer": provider.issuer, "subject": provider.person["sub"], "user_id": ada}
        session.add(IdentityRow(created_at=datetime.now(UTC), **known))
    assert sign_in(house).status_code == 200


def test_who_is_shut_out_stays_out(house: Running, provider: Provider) -> None:
    name = provider.person["preferred_username"]
    sign_in(house)
    with house.services.database.writing() as session:
        Users(session).disable(name, datetime.now(UTC))
    answer = sign_in(house)
    assert (answer.status_code, "shut out" in answer.text) == (403, True)


def test_nobody_guesses_a_password_of_somebody_who_has_none(house: Running, provider: Provider) -> None:
    sign_in(house)
    with browser(house) as client:
        assert Seat(client).sign_in(provider.person["preferred_username"], "").status_code == 403


SPOILT = {
    "another issuer": {"iss": "https://evil.example"},
    "another audience": {"aud": "somebody-else"},
    "two audiences, and not for us": {"aud": [CLIENT, "other"], "azp": "other"},
    "over": {"exp": 1_000_000_000},
    "no end": {"exp": None},
    "another nonce": {"nonce": "of another sign-in"},
    "no nonce": {"nonce": None},
    "of tomorrow": {"iat": 4_000_000_000, "nbf": 4_000_000_000},
    "another access token": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
    "no subject": {"sub": None},
    "a name with a line break": {"preferred_username": "a\nb"},
}


@pytest.mark.parametrize("claims", SPOILT.values(), ids=SPOILT.keys())
def test_a_token_that_is_not_ours_signs_nobody_in(house: Running, provider: Provider, claims: dict[str, Any]) -> None:
    provider.spoil = claims
    if None in claims.values():
        provider.person = {name: value for name, value in provider.person.items() if name not in claims}
    answer = sign_in(house)
    assert answer.status_code == 403
    assert "did not" in answer.text or "gave no name" in answer.text
    provider.spoil = {}
    provider.person = person(time.monotonic_ns(), "desk-people")
    assert sign_in(house).status_code == 200  # the same way, with nothing spoilt


def test_a_signature_by_another_key_signs_nobody_in(house: Running, provider: Provider) -> None:
    provider.sign_with = new_key()
    assert sign_in(house).status_code == 403


def test_a_signature_by_the_shared_secret_signs_nobody_in(house: Running, provider: Provider) -> None:
    provider.sign_with, provider.algorithm = OctKey.import_key(SECRET.ljust(32)), "HS256"
    assert sign_in(house).status_code == 403


def test_new_keys_of_the_provider_are_fetched(
    house: Running, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sign_in(house).status_code == 200
    provider.key = new_key()
    assert sign_in(house).status_code == 403  # looked for a moment ago: nobody makes us fetch them again and again
    monkeypatch.setattr(provider_module, "KEYS_AGAIN_AFTER", 0.0)
    assert sign_in(house).status_code == 200


def test_an_answer_for_another_browser_is_refused(house: Running, provider: Provider) -> None:
    with browser(house) as mine, browser(house) as theirs:
        for client in (mine, theirs):
            client.follow_redirects = False
        way = mine.get("/review/login/oidc").headers["location"]
        back = httpx.get(way).headers["location"]
        assert theirs.get(back).status_code == 403  # no cookie at all
        theirs.get("/review/login/oidc")
        assert theirs.get(back).status_code == 403  # the cookie of another sign-in
        assert mine.get(back).status_code == 303
        assert mine.get(back).status_code == 403  # once


def test_an_answer_of_another_provider_is_refused(house: Running, provider: Provider) -> None:
    with browser(house) as client:
        client.follow_redirects = False
        back = httpx.get(client.get("/review/login/oidc").headers["location"]).headers["location"]
        forged = re.sub(r"iss=[^&]+", "iss=https%3A%2F%2Fevil.example", back)
        assert forged != back
        assert client.get(forged).status_code == 403


def test_who_does_not_agree_at_the_provider_is_back_at_the_form(house: Running, provider: Provider) -> None:
    provider.refuses = "access_denied"
    answer = sign_in(house)
    assert answer.status_code == 403
    assert "did not go through" in answer.text
    assert 'name="password"' in answer.text


def test_a_provider_that_is_away_is_said_and_passwords_still_work(tmp_path: Path) -> None:
    known = {"oidc_issuer": "http://127.0.0.1:9", "oidc_client_id": CLIENT}
    with running(settings_for(tmp_path, **known)) as service, browser(service) as client:
        add_people(service.services.database)
        answer = client.get("/review/login/oidc")
        assert answer.status_code == 403
        assert "does not answer" in answer.text
        assert "Everything that waits" in Seat(client).sign_in("mira", PASSWORD).text


def test_a_provider_that_hangs_takes_no_thread_from_those_who_screen(tmp_path: Path) -> None:
    known = {"oidc_issuer": "http://127.0.0.1:9", "oidc_client_id": CLIENT}
    with running(settings_for(tmp_path, encoder="off", **known)) as service:
        go_on, asked = threading.Event(), threading.Semaphore(0)
        inside: list[httpx.URL] = []

        class Hanging(httpx.BaseTransport):
            def handle_request(self, request: httpx.Request) -> httpx.Response:
                inside.append(request.url)
                asked.release()
                go_on.wait(60)
                raise httpx.ReadTimeout("nothing came")

        service.app.state.oidc.close()
        service.app.state.oidc._http = httpx.Client(transport=Hanging())

        def ask(number: int) -> str:
            with browser(service) as client:
                return client.get("/review/login/oidc").text

        with ThreadPoolExecutor(50) as pool:
            asking = [pool.submit(ask, number) for number in range(50)]
            try:
                assert asked.acquire(timeout=60)
                refused = next(as_completed(asking, timeout=60)).result()
                assert "Too many sign in at the moment" in refused
                assert len(inside) <= 12
                assert service.screen(ALLOWED)["decision"] == "allow"
                assert service.client.get("/review/login").status_code == 200
            finally:
                go_on.set()
        words = [one.result() for one in asking]
        assert all("does not answer" in text or "Too many sign in at the moment" in text for text in words)
        assert (
            sum("does not answer" in text for text in words) >= 12
        )  # who comes later finds a place that is free again


def test_passwords_can_be_switched_off(there: Provider, tmp_path: Path) -> None:
    known = {"oidc_issuer": there.issuer, "oidc_client_id": CLIENT, "password_sign_in": "off"}
    with running(settings_for(tmp_path, **known)) as service, browser(service) as client:
        add_people(service.services.database)
        page = client.get("/review/login").text
        assert "password" not in page
        assert "Sign in with your organisation" in page
        answer = client.post("/review/login", data={"csrf": "x", "name": "mira", "password": PASSWORD})
        assert answer.status_code == 403
        assert "switched off" in answer.text
        assert client.get("/review").url.path == "/review/login"


def test_without_a_provider_there_is_no_way_to_one(tmp_path: Path) -> None:
    with running(settings_for(tmp_path)) as service, browser(service) as client:
        assert "login/oidc" not in client.get("/review/login").text
        assert client.get("/review/login/oidc").status_code == 404


@pytest.mark.parametrize(
    "given",
    [
        {"password_sign_in": "off"},
        {"oidc_issuer": "https://id.example.com"},
        {"oidc_issuer": "http://id.example.com", "oidc_client_id": CLIENT},
    ],
)
def test_settings_that_cannot_be_meant_are_refused(tmp_path: Path, given: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="SCREENING_OIDC_"):
        settings_for(tmp_path, **given)


def test_a_role_that_there_is_not_stops_the_start(tmp_path: Path) -> None:
    known = {"oidc_issuer": "https://id.example.com", "oidc_client_id": CLIENT, "oidc_roles": "staff=boss"}
    with pytest.raises(ValueError, match=r"SCREENING_OIDC_ROLES.*staff=boss"):
        create_app(settings_for(tmp_path, **known))


def test_without_the_extra_the_start_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.endswith("oidc.id_tokens")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("service.review.auth.oidc.id_tokens", raising=False)
    monkeypatch.setitem(sys.modules, "authlib.oidc.core", None)
    known = {"oidc_issuer": "https://id.example.com", "oidc_client_id": CLIENT}
    with pytest.raises(ValueError, match=r"pip install 'draft-screening\[oidc\]'"):
        create_app(settings_for(tmp_path, **known))


def test_the_words_of_the_provider_may_be_ours() -> None:
    claim = RoleClaim.of("https://example.com/role", "")
    assert claim.role_of({"https://example.com/role": "auditor"}) == "auditor"
    assert claim.role_of({"https://example.com/role": ["owner", 5]}) is None
    assert claim.role_of({}) is None


def test_a_cookie_ends_after_some_minutes(provider: Provider, tmp_path: Path) -> None:
    clock = [1_800_000_000.0]
    known = {"oidc_issuer": provider.issuer, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET, **ROLES}
    desk = OidcProvider(settings_for(tmp_path, **known), b"secret", now=lambda: clock[0])
    way, cookie = desk.begin("http://desk.example/back", "/mine")
    back = httpx.URL(httpx.get(way).headers["location"])
    clock[0] += provider_module.WAY_LIFE
    with pytest.raises(OidcError, match="too old"):
        desk.finish(dict(back.params), cookie, "http://desk.example/back")
    clock[0] -= 1
    identity, following = desk.finish(dict(back.params), cookie, "http://desk.example/back")
    assert (identity.subject, identity.role, following) == (provider.person["sub"], "reviewer", "/mine")
    with pytest.raises(OidcError, match="none of ours"):
        OidcProvider(settings_for(tmp_path, **known), b"other").finish(dict(back.params), cookie, "x")
    desk.close()


def test_a_public_client_sends_no_secret(provider: Provider, tmp_path: Path) -> None:
    settings = settings_for(tmp_path, oidc_issuer=provider.issuer, oidc_client_id=CLIENT)
    sent: list[httpx.Request] = []

    class Recorded(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            sent.append(request)
            return super().handle_request(request)

    desk = OidcProvider(settings, b"secret", transport=Recorded())
    way, cookie = desk.begin("http://desk.example/back", "")
    back = httpx.URL(httpx.get(way).headers["location"])
    with pytest.raises(OidcError, match="401"):  # this provider knows the client as one with a secret
        desk.finish(dict(back.params), cookie, "http://desk.example/back")
    assert "authorization" not in sent[-1].headers
    assert f"client_id={CLIENT}" in sent[-1].content.decode()
    desk.close()
