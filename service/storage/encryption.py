"""Encryption of text that merchants and reviewers typed: stored plain, or encrypted with a key from the settings."""

import json

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from classifier import Draft

_PLAIN, _FERNET = b"p", b"f"


class EncryptionError(ValueError):
    """A malformed key, or stored text that no key decrypts. The message contains neither key nor text."""


class Encryptor:
    """Encrypts and decrypts stored text. The first byte gives the format: `p` plain, `f` Fernet. Without keys text is
    stored plain; the first key encrypts and every key decrypts."""

    def __init__(self, keys: str = "") -> None:
        """`keys`: Fernet keys, comma-separated. Raises EncryptionError for a malformed key, without showing it."""
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

    def decrypt(self, encrypted: bytes) -> str:
        """The text again. Raises EncryptionError."""
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
        """As `decrypt`; None stays None."""
        return None if encrypted is None else self.decrypt(encrypted)

    def encrypt_draft(self, draft: Draft) -> bytes:
        """A draft's three fields as one encrypted JSON array; a reply's context and customer's message after them."""
        thread = (draft.context, draft.customer_message) if draft.context != "new_ticket" else ()
        fields = (draft.support_id, draft.subject, draft.body, *thread)
        try:
            return self.encrypt(orjson.dumps(fields).decode())
        except TypeError:  # a lone surrogate, which only the escapes of the standard library can hold
            return self.encrypt(json.dumps(fields))

    def decrypt_draft(self, encrypted: bytes) -> Draft:
        """The draft again. Raises EncryptionError."""
        text = self.decrypt(encrypted)
        try:
            return Draft(*orjson.loads(text))
        except orjson.JSONDecodeError:
            return Draft(*json.loads(text))
