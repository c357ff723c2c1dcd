"""Keys: hashed, scoped, cached for seconds, limited in rate."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from service.http.api_keys import KEY_CACHE_SECONDS, KeyRing, RateLimit, hash_of, make_key, prefix_of
from service.http.errors import ServiceError
from service.storage.database import Database
from service.storage.keys import ApiKeyRecord, ApiKeys
from service.storage.users import UserError, Users
from tests.service.drafts import ALLOWED
from tests.service.running import running, settings_for

NOW = datetime.now(UTC)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def known(secret: str, **changed: object) -> ApiKeyRecord:
    return replace(
        ApiKeyRecord("shop", prefix_of(secret), hash_of(secret), frozenset({"screen"}), NOW, None, None, None),
        **changed,  # type: ignore[arg-type]
    )


def test_a_key_holds_256_random_bits_and_only_its_hash_is_kept(database: Database) -> None:
    new = make_key()
    assert len(new.secret) > 50
    with database.writing() as session:
        ApiKeys(session).add("shop", new.prefix, new.key_hash, frozenset({"screen"}), NOW, None)
    with database.reading() as session:
        assert new.secret not in repr(ApiKeys(session).all())
        assert ApiKeys(session).find(prefix_of(new.secret)) is not None


def test_the_right_prefix_with_another_secret_is_nobody() -> None:
    secret = make_key().secret
    ring = KeyRing({prefix_of(secret): known(secret)}.get)
    assert ring.caller(secret) is not None
    assert ring.caller(secret[:-1] + ("a" if secret[-1] != "a" else "b")) is None


@pytest.mark.parametrize("changed", [{"revoked_at": NOW}, {"expires_at": NOW - timedelta(seconds=1)}])
def test_a_revoked_or_expired_key_is_nobody(changed: dict[str, object]) -> None:
    secret = make_key().secret
    assert KeyRing({prefix_of(secret): known(secret, **changed)}.get).caller(secret) is None


def test_a_key_is_believed_for_a_few_seconds_without_asking_again() -> None:
    secret, clock = make_key().secret, Clock()
    store = {prefix_of(secret): known(secret)}
    ring = KeyRing(store.get, clock=clock)
    assert ring.remembered(secret) == (False, None)
    ring.caller(secret)
    store.clear()
    assert ring.remembered(secret)[1] is not None
    clock.now += KEY_CACHE_SECONDS + 0.1
    assert ring.remembered(secret) == (False, None)
    assert ring.caller(secret) is None


def test_a_caller_who_asks_too_often_waits() -> None:
    clock, secret = Clock(), make_key().secret
    limit, caller = RateLimit(600, clock=clock), KeyRing({prefix_of(secret): known(secret)}.get).caller(secret)
    assert caller is not None
    limit.take(caller, 100)
    with pytest.raises(ServiceError) as refused:
        limit.take(caller)
    assert (refused.value.status, refused.value.headers["Retry-After"]) == (429, "1")
    clock.now += 0.2
    limit.take(caller, 2)


def test_a_password_is_checked_whatever_the_name(database: Database) -> None:
    with database.writing() as session:
        Users(session).add("ann", "reviewer", "correct horse", NOW)
        with pytest.raises(UserError, match="taken"):
            Users(session).add("ann", "lead", "correct horse", NOW)
        with pytest.raises(UserError, match="role"):
            Users(session).add("bob", "king", "correct horse", NOW)
    with database.writing() as session:
        users = Users(session)
        assert users.check("ann", "correct horse") is not None
        assert users.check("ann", "wrong horse!") is None
        assert users.check("nobody", "correct horse") is None
        users.disable("ann", NOW)
        assert users.check("ann", "correct horse") is None


def test_over_http_too_many_is_a_429_and_a_revoked_key_dies(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with running(settings_for(tmp_path, rate_per_minute=60, max_batch_bytes=5000)) as service:
        answers = [service.client.post("/screen", json={**ALLOWED, "mode": "preview"}) for _ in range(102)]
        late = answers[-1]
        assert late.status_code == 429
        assert int(late.headers["retry-after"]) >= 1
        assert late.headers["content-type"] == "application/problem+json"
        headers = service.key("screen")
        assert service.client.post("/screen", json=ALLOWED, headers=headers).status_code == 200
        prefix = prefix_of(headers["Authorization"].split()[1])
        with service.services.database.writing() as session:
            assert ApiKeys(session).revoke(prefix, datetime.now(UTC))
        service.services.keys.caller(
            headers["Authorization"].split()[1]
        )  # what every process does after its few seconds
        assert service.client.post("/screen", json=ALLOWED, headers=headers).status_code == 401
        big = {"drafts": [ALLOWED] * 50}
        assert service.client.post("/screen/batch", json=big, headers=service.key("screen")).status_code == 413
        with httpx.Client(base_url=service.url) as anyone:
            assert anyone.get("/healthz").status_code == 200
