"""Keys: hashed, scoped, cached for seconds, limited in rate."""

import asyncio
import threading
import time
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


class Store:
    """Keys, as long as it works; it may also say nothing."""

    def __init__(self, *records: ApiKeyRecord) -> None:
        self.records = {record.prefix: record for record in records}
        self.away = False
        self.silent = threading.Event()
        self.asked = 0

    def __call__(self, prefix: str) -> ApiKeyRecord | None:
        self.asked += 1
        if self.away:
            raise ConnectionError("away")
        if self.silent.is_set():
            time.sleep(0.5)
        return self.records.get(prefix)


@pytest.mark.parametrize("how", ["away", "silent"])
def test_a_key_that_was_seen_is_good_for_its_time_without_the_store(how: str) -> None:
    secret, clock = make_key().secret, Clock()
    store, failures = Store(known(secret)), list[Exception]()
    ring = KeyRing(store, good_for=100, patience=0.01, failed=failures.append, clock=clock)
    assert asyncio.run(ring.find(secret)) is not None
    if how == "away":
        store.away = True
    else:
        store.silent.set()
    clock.now = 50
    assert ring.remembered(secret) == (False, None)
    assert asyncio.run(ring.find(secret)) is not None
    assert len(failures) == 1
    assert ring.remembered(secret)[1] is not None  # and is not asked for again for some seconds
    assert ring.remembered(secret[:-1] + "?")[1] is None
    clock.now = 101
    for _ in range(2):
        with pytest.raises(ServiceError) as refused:
            asyncio.run(ring.find(secret))
        assert refused.value.status == 503
    ring.close()


def test_a_key_that_was_revoked_while_the_store_was_away_dies_when_it_is_back() -> None:
    secret, clock = make_key().secret, Clock()
    store = Store(known(secret))
    ring = KeyRing(store, clock=clock)
    assert ring.caller(secret) is not None
    store.away = True
    clock.now = 6
    assert asyncio.run(ring.find(secret)) is not None
    store.away, store.records = False, {prefix_of(secret): known(secret, revoked_at=NOW)}
    clock.now = 12
    assert ring.remembered(secret) == (False, None)
    assert asyncio.run(ring.find(secret)) is None
    ring.close()


def test_keys_that_nobody_has_push_out_no_key_that_somebody_has() -> None:
    secret, clock = make_key().secret, Clock()
    store, failures = Store(known(secret)), list[Exception]()
    ring = KeyRing(store, failed=failures.append, clock=clock)
    assert ring.caller(secret) is not None
    for number in range(10_500):
        assert ring.caller(f"gs_{number:08d}_x") is None
    assert ring.remembered(secret)[1] is not None
    assert ring.remembered("gs_00010499_x") == (True, None)  # nor is each asked for at every request
    assert failures == []
    ring.close()


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
