"""Passes: proof that exactly this text was screened and may be sent. Compact JWS (RFC 7515) signed with Ed25519.

The payload's `txt` is the SHA-256 of the draft's three fields in UTF-8 as netstrings (`<bytes>:<text>,`), so that a
send back end can check a pass offline with the public keys of GET /passes/keys.
"""

import base64
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


@dataclass(frozen=True, slots=True)
class PassTerms:
    """What a pass says: which screening, of which text, with which decision, for how long."""

    screening_id: str
    text_hash: str
    decision: str
    issued_at: datetime
    acknowledged: bool = False


@dataclass(frozen=True, slots=True)
class PassCheck:
    """Valid, with the screening; or not, with the reason in a word and in a sentence."""

    valid: bool
    reason: str | None = None
    message: str | None = None
    screening_id: str | None = None
    decision: str | None = None
    expires_at: datetime | None = None


class PassKeyError(ValueError):
    """SCREENING_PASS_KEYS cannot be used; the text says why and holds no key."""


class Passes:
    """Issues and checks passes. The first key signs; the others still verify, which is how keys are rotated."""

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
        return cls(dict(_key(entry) for entry in setting.split(",") if entry.strip()), issuer=issuer, minutes=minutes)

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
        signed = f"{_text64(orjson.dumps(header))}.{_text64(orjson.dumps(payload))}"
        return f"{signed}.{_text64(self._signing.sign(signed.encode()))}"

    def check(self, token: str, text_hash: str, now: datetime) -> PassCheck:
        """Whether a token is ours, in time, and for exactly this text."""
        payload = self._payload(token)
        if isinstance(payload, PassCheck):
            return payload
        if now.timestamp() >= payload["exp"]:
            return PassCheck(False, "expired", "This pass has expired. Screen the draft again.")
        if not hmac.compare_digest(payload["txt"], text_hash):
            return PassCheck(False, "text-changed", "The text is not the one that was screened. Screen it again.")
        expires = datetime.fromtimestamp(payload["exp"], now.tzinfo)
        return PassCheck(True, None, None, payload["sid"], payload["dec"], expires)

    def _payload(self, token: str) -> dict[str, Any] | PassCheck:
        parts = token.split(".")
        try:
            header, payload = orjson.loads(_bytes64(parts[0])), orjson.loads(_bytes64(parts[1]))
            signature = _bytes64(parts[2])
            key = self._public.get(header["kid"])
            complete = len(parts) == 3 and header["alg"] == "EdDSA" and {"exp", "txt", "sid", "dec"} <= payload.keys()
        except (ValueError, IndexError, KeyError, TypeError, AttributeError):
            return PassCheck(False, "malformed", "This is no pass.")
        if key is None or not complete:
            return PassCheck(False, "foreign", "This pass was not issued here, or its key has been retired.")
        try:
            key.verify(signature, f"{parts[0]}.{parts[1]}".encode())
        except InvalidSignature:
            return PassCheck(False, "foreign", "The signature of this pass is not ours.")
        return dict(payload)

    def sign(self, message: bytes) -> str:
        """A signature on a record that is no pass: `key id.signature`."""
        return f"{self._signing_id}.{_text64(self._signing.sign(message))}"

    def verify(self, message: bytes, signature: str) -> bool | None:
        """Whether such a signature is ours; None where its key has been retired."""
        key_id, _, text = signature.partition(".")
        if key_id not in self._public:
            return None
        try:
            self._public[key_id].verify(_bytes64(text), message)
        except (InvalidSignature, ValueError):
            return False
        return True

    def public_keys(self) -> dict[str, Any]:
        """The public keys as a JWK set (RFC 8037), for offline verification."""
        return {"keys": [_jwk(key_id, key) for key_id, key in self._public.items()]}


def new_key() -> str:
    """A fresh `id:base64seed` for SCREENING_PASS_KEYS."""
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
    return {"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": key_id, "x": _text64(raw)}


def _text64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
