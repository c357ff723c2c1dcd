"""Passes by themselves: expiry, rotation, foreign keys, settings that cannot be used."""

from datetime import UTC, datetime, timedelta

import pytest

from service.passes import Passes, PassKeyError, PassTerms, new_key

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
TERMS = PassTerms("s" * 32, "a" * 64, "allow", NOW)
FIRST, SECOND = "k1:" + new_key().split(":")[1], "k2:" + new_key().split(":")[1]


def passes(setting: str) -> Passes:
    return Passes.from_setting(setting, issuer="test", minutes=60)


@pytest.mark.parametrize(("minutes", "valid"), [(0, True), (59, True), (60, False), (100_000, False)])
def test_a_pass_expires(minutes: int, valid: bool) -> None:
    made = passes(FIRST)
    checked = made.check(made.issue(TERMS), TERMS.text_hash, NOW + timedelta(minutes=minutes))
    assert checked.valid is valid
    assert checked.reason == (None if valid else "expired")


def test_a_pass_of_a_rotated_key_is_good_until_the_key_is_dropped() -> None:
    token = passes(FIRST).issue(TERMS)
    assert passes(f"{SECOND},{FIRST}").check(token, TERMS.text_hash, NOW).valid
    assert passes(SECOND).check(token, TERMS.text_hash, NOW).reason == "foreign"


def test_the_first_key_signs() -> None:
    both, second = passes(f"{SECOND},{FIRST}"), passes(SECOND)
    assert second.check(both.issue(TERMS), TERMS.text_hash, NOW).valid


def test_another_key_under_the_same_id_does_not_pass() -> None:
    token = passes("k1:" + new_key().split(":")[1]).issue(TERMS)
    assert passes(FIRST).check(token, TERMS.text_hash, NOW).reason == "foreign"


def test_the_same_terms_give_the_same_pass() -> None:
    assert passes(FIRST).issue(TERMS) == passes(FIRST).issue(TERMS)


@pytest.mark.parametrize("other", ["{}=", "{}!", "\n{}", " {}"])
def test_a_pass_that_is_written_in_another_way_is_none(other: str) -> None:
    made = passes(FIRST)
    signed, _, signature = made.issue(TERMS).rpartition(".")
    assert made.check(f"{signed}.{signature}", TERMS.text_hash, NOW).valid
    assert made.check(f"{signed}.{other.format(signature)}", TERMS.text_hash, NOW).reason == "malformed"


def test_public_keys_hold_no_secret() -> None:
    (key,) = passes(FIRST).public_keys()["keys"]
    assert key.keys() == {"kty", "crv", "use", "alg", "kid", "x"}


@pytest.mark.parametrize("setting", ["", " , ", "k1", "k1:", "k1:AAAA", "k1:not base64!"])
def test_a_setting_that_holds_no_key_is_refused_without_showing_it(setting: str) -> None:
    with pytest.raises(PassKeyError, match="SCREENING_PASS_KEYS") as refused:
        passes(setting)
    assert "AAAA" not in str(refused.value)


@pytest.mark.parametrize(("minutes", "lives"), [(0, 0), (59, 0), (60, 1), (61, 1), (60 * 24 * 30, 24 * 30)])
def test_a_renewed_pass_is_good_and_the_same_for_as_long(minutes: int, lives: int) -> None:
    made, now = passes(FIRST), NOW + timedelta(minutes=minutes, milliseconds=900)
    terms = PassTerms("s" * 32, "a" * 64, "allow", NOW + timedelta(milliseconds=700))
    renewed = made.renewed(terms, now)
    assert renewed.issued_at == NOW + lives * timedelta(hours=1)
    assert made.check(made.issue(renewed), terms.text_hash, now).valid
    assert made.renewed(terms, now + timedelta(seconds=30)) == renewed
    assert made.renewed(terms, NOW - timedelta(minutes=1)).issued_at == NOW
