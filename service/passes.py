"""Passes: proof that exactly this text was screened and may be sent. Compact JWS (RFC 7515) signed with Ed25519.

The payload's `txt` is the SHA-256 of the draft's three fields in UTF-8 as netstrings (`<bytes>:<text>,`), so that a
send back end can check a pass offline with the public keys of GET /passes/keys.
"""

import base64
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_CLAIMS = {"exp", "txt", "sid", "dec", "ack", "iat"}


@dataclass(frozen=True, slots=True)
class PassTerms:
    """What a pass says: which screening, of which text, with which decision, for how long."""

    screening_id: str
    text_hash: str
    decision: str
    issued_at: datetime
    acknowledged: bool = False


@dataclass(frozen=True, slots=True)
class PassVerification:
    """The result of checking a pass. Where it is not valid, `reason` is a code and `message` a sentence."""

    valid: bool
    reason: str | None = None
    message: str | None = None
    screening_id: str | None = None
    decision: str | None = None
    expires_at: datetime | None = None
    stamp: tuple[str, bool, int] | None = None
    """What tells passes of one screening apart: decision, acknowledged, second of issue."""


class PassKeyError(ValueError):
    """SCREENING_PASS_KEYS cannot be used; the text says why and holds no key."""


class Passes:
    """Issues and checks passes. The first key signs and every key verifies, so that keys can be rotated."""

    def __init__(self, keys: Mapping[str, Ed25519PrivateKey], *, issuer: str, minutes: int) -> None:
        if not keys:
            raise PassKeyError("SCREENING_PASS_KEYS holds no key; `python -m service secrets pass-key` makes one")
        self._signing_id = next(iter(keys))
        self._signing = keys[self._signing_id]
        self._public = {key_id: key.public_key() for key_id, key in keys.items()}
        self._issuer = issuer
        self._life = timedelta(minutes=minutes)

    @classmethod
    def from_setting(cls, setting: str, *, issuer: str, minutes: int) -> "Passes":
        """From `id:base64seed,…`. Raises PassKeyError."""
        return cls(signing_keys(setting), issuer=issuer, minutes=minutes)

    def issue(self, terms: PassTerms) -> str:
        """The token. The same terms give the same token, as long as the same key signs."""
        header = {"alg": "EdDSA", "kid": self._signing_id, "typ": "JWT"}
        payload = {
            "iss": self._issuer,
            "sid": terms.screening_id,
            "txt": terms.text_hash,
            "dec": terms.decision,
            "ack": terms.acknowledged,
            "iat": int(terms.issued_at.timestamp()),
            "exp": int((terms.issued_at + self._life).timestamp()),
        }
        signed = f"{to_base64url(orjson.dumps(header))}.{to_base64url(orjson.dumps(payload))}"
        return f"{signed}.{to_base64url(self._signing.sign(signed.encode()))}"

    def renewed(self, terms: PassTerms, now: datetime) -> PassTerms:
        """The same terms, issued again once a pass for them has expired. By whole lives of a pass, so that asking twice
        gives the same token."""
        issued = terms.issued_at.replace(microsecond=0)
        return replace(terms, issued_at=issued + max(0, (now - issued) // self._life) * self._life)

    def check(self, token: str, text_hash: str, now: datetime) -> PassVerification:
        """Check that this service issued the token, that it has not expired, and that it covers exactly this text."""
        payload = self._payload(token)
        if isinstance(payload, PassVerification):
            return payload
        if now.timestamp() >= payload["exp"]:
            return PassVerification(False, "expired", "This pass has expired. Screen the draft again.")
        if not hmac.compare_digest(payload["txt"], text_hash):
            return PassVerification(
                False, "text-changed", "The text is not the one that was screened. Screen it again."
            )
        expires = datetime.fromtimestamp(payload["exp"], now.tzinfo)
        stamp = payload["dec"], payload["ack"], payload["iat"]
        return PassVerification(True, None, None, payload["sid"], payload["dec"], expires, stamp)

    def _payload(self, token: str) -> dict[str, Any] | PassVerification:
        parts = token.split(".")
        try:
            header, payload = orjson.loads(from_base64url(parts[0])), orjson.loads(from_base64url(parts[1]))
            signature = from_base64url(parts[2])
            key = self._public.get(header["kid"])
            complete = len(parts) == 3 and header["alg"] == "EdDSA" and payload.keys() >= _CLAIMS
        except (ValueError, IndexError, KeyError, TypeError, AttributeError):
            return PassVerification(False, "malformed", "This is no pass.")
        if key is None or not complete or payload.get("iss") != self._issuer:
            return PassVerification(False, "foreign", "This pass was not issued here, or its key has been retired.")
        try:
            key.verify(signature, f"{parts[0]}.{parts[1]}".encode())
        except InvalidSignature:
            return PassVerification(False, "foreign", "The signature of this pass is not ours.")
        return dict(payload)

    def public_keys(self) -> dict[str, Any]:
        """The public keys as a JWK set (RFC 8037), for offline verification."""
        return {"keys": [_jwk(key_id, key) for key_id, key in self._public.items()]}


def signing_keys(setting: str) -> dict[str, Ed25519PrivateKey]:
    """The keys of SCREENING_PASS_KEYS (`id:base64seed,…`) by their ids, in order. Raises PassKeyError."""
    return dict(_key(entry) for entry in setting.split(",") if entry.strip())


def new_key() -> str:
    """A new `id:base64seed` for SCREENING_PASS_KEYS."""
    seed = Ed25519PrivateKey.generate().private_bytes_raw()
    return f"{secrets.token_hex(4)}:{base64.b64encode(seed).decode()}"


def _key(entry: str) -> tuple[str, Ed25519PrivateKey]:
    key_id, _, seed = entry.strip().partition(":")
    try:
        return key_id, Ed25519PrivateKey.from_private_bytes(base64.b64decode(seed, validate=True))
    except ValueError as error:
        raise PassKeyError("SCREENING_PASS_KEYS: each key is `id:base64seed`, the seed 32 bytes") from error


def _jwk(key_id: str, key: Ed25519PublicKey) -> dict[str, str]:
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return {"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": key_id, "x": to_base64url(raw)}


def to_base64url(raw: bytes) -> str:
    """Base64url without padding (RFC 7515)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """The bytes of base64url without padding. Raises ValueError, also for another writing of the same bytes."""
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if to_base64url(raw) != text:
        raise ValueError("no base64url as RFC 7515 writes it")
    return raw
