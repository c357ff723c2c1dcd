"""The signature of a rule version: over its hash, which covers the hash of the version before, and its author.

A version with a broken signature does not run. A version whose key has been retired runs, because its hash is valid,
and its page says so.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import Depends

from service.dependencies import ServicesDep
from service.passes import PassKeyError, from_base64url, signing_keys, to_base64url
from service.settings import Settings
from service.storage.tables.review import RuleVersionRow

SignatureStatus = Literal["valid", "retired", "broken"]


class SignedVersion(Protocol):
    """What a signature covers: a row of `rule_versions`, stored or new."""

    rule_id: str
    source: str
    status: str
    author: str
    created_at: datetime


class VersionSigner:
    """Signs rule versions. It holds the same keys as the passes: the first signs and every key verifies."""

    def __init__(self, keys: Mapping[str, Ed25519PrivateKey]) -> None:
        if not keys:
            raise PassKeyError("SCREENING_PASS_KEYS holds no key; `python -m service secrets pass-key` makes one")
        self._key_id = next(iter(keys))
        self._key = keys[self._key_id]
        self._public = {key_id: key.public_key() for key_id, key in keys.items()}

    @classmethod
    def from_settings(cls, settings: Settings) -> "VersionSigner":
        """The signer with the keys of SCREENING_PASS_KEYS. Raises PassKeyError."""
        return cls(signing_keys(settings.pass_keys.get_secret_value()))

    def sign(self, row: RuleVersionRow) -> str:
        """The signature over hash, author and time: `key id.signature`."""
        return f"{self._key_id}.{to_base64url(self._key.sign(_message(row)))}"

    def verify(self, row: RuleVersionRow) -> SignatureStatus:
        """The status of a row's signature; `retired` where this signer does not hold the key."""
        key_id, _, text = (row.signature or "").partition(".")
        if key_id not in self._public:
            return "retired"
        try:
            self._public[key_id].verify(from_base64url(text), _message(row))
        except (InvalidSignature, ValueError):
            return "broken"
        return "valid"


def version_signer(services: ServicesDep) -> VersionSigner:
    """The signer of this service."""
    return VersionSigner.from_settings(services.settings)


SignerDep = Annotated[VersionSigner, Depends(version_signer)]


def hash_of(row: SignedVersion, before: str) -> str:
    """SHA-256 of a version and of the hash `before` it (empty for a rule's first), hexadecimal."""
    parts = (before, row.rule_id, row.source, row.status, row.author, row.created_at.isoformat())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def signature_statuses(signer: VersionSigner, rows: Sequence[RuleVersionRow]) -> dict[int, SignatureStatus]:
    """The status of each signature by row id. `rows` are all versions of one rule, the oldest first."""
    found: dict[int, SignatureStatus] = {}
    before = ""
    for row in rows:
        found[row.id] = _status(signer, row, before)
        before = row.version
    return found


def _status(signer: VersionSigner, row: RuleVersionRow, before: str) -> SignatureStatus:
    if row.signature is None or hash_of(row, before) != row.version:
        return "broken"
    return signer.verify(row)


def _message(row: RuleVersionRow) -> bytes:
    """The signed bytes. No pass begins with `rule-version`, so neither signature can be used for the other."""
    return "\0".join(("rule-version", row.version, row.author, row.created_at.isoformat())).encode()
