"""What merchants and reviewers typed, on its way to the store and back: plain, or encrypted by a key from settings."""

import json

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from classifier import Draft

_PLAIN, _FERNET = b"p", b"f"


class EncryptionError(ValueError):
    """Keys that are none, or stored text that none of them opens; the error holds nothing of either."""


class Encryptor:
    """Seals text: the first byte says how. Without keys text is stored plain; the first key seals, all open."""

    def __init__(self, keys: str = "") -> None:
        """`keys`: Fernet keys, comma-separated. Raises SealError for a key that is none, without showing it."""
        try:
            found = [Fernet(key.strip()) for key in keys.split(",") if key.strip()]
        except ValueError:
            wanted = "`python -m service secrets text-key` makes one"
            raise EncryptionError(f"SCREENING_TEXT_KEYS holds something that is no key; {wanted}") from None
        self._fernet = MultiFernet(found) if found else None

    @property
    def encrypts(self) -> bool:
        """True where stored text cannot be read without the key."""
        return self._fernet is not None

    def encrypt(self, text: str) -> bytes:
        """The bytes to store. Any string, NULs and lone surrogates included."""
        raw = text.encode("utf-8", "surrogatepass")
        return _FERNET + self._fernet.encrypt(raw) if self._fernet else _PLAIN + raw

    def open(self, encrypted: bytes) -> str:
        """The text again. Raises SealError."""
        kind, raw = encrypted[:1], encrypted[1:]
        if kind == _FERNET:
            if self._fernet is None:
                raise EncryptionError("the text is encrypted and no key is set (SCREENING_TEXT_KEYS)")
            try:
                raw = self._fernet.decrypt(raw)
            except InvalidToken as error:
                raise EncryptionError("none of the keys in SCREENING_TEXT_KEYS opens this text") from error
        return raw.decode("utf-8", "surrogatepass")

    def encrypt_optional(self, text: str | None) -> bytes | None:
        """As `encrypt`; None stays None."""
        return None if text is None else self.encrypt(text)

    def decrypt_optional(self, encrypted: bytes | None) -> str | None:
        """As `open`; None stays None."""
        return None if encrypted is None else self.open(encrypted)

    def encrypt_draft(self, draft: Draft) -> bytes:
        """A draft's three fields as one sealed JSON array."""
        fields = (draft.support_id, draft.subject, draft.body)
        try:
            return self.encrypt(orjson.dumps(fields).decode())
        except TypeError:  # a lone surrogate, which only the escapes of the standard library can hold
            return self.encrypt(json.dumps(fields))

    def decrypt_draft(self, encrypted: bytes) -> Draft:
        """The draft again. Raises SealError."""
        text = self.open(encrypted)
        try:
            return Draft(*orjson.loads(text))
        except orjson.JSONDecodeError:
            return Draft(*json.loads(text))
