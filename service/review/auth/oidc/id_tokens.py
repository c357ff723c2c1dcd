"""Verifies ID tokens: signature, issuer, audience, expiry, nonce. Pure; needs the extra `oidc`."""

from collections.abc import Mapping
from typing import Any

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a key that only the provider has: neither `none` nor one by a shared secret."""
LEEWAY = 60
"""Seconds by which the clocks of provider and service may differ."""


class IdTokenError(ValueError):
    """An ID token that proves nothing; the text names the check that failed, and no content."""


def verified_claims(
    token: str, keys: Mapping[str, Any], *, issuer: str, client_id: str, nonce: str, access_token: str = ""
) -> dict[str, Any]:
    """The claims of an ID token that one of the provider's `keys` (a JWK set) signed. Raises IdTokenError."""
    options = {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": client_id}}
    params = {"nonce": nonce, "client_id": client_id, "access_token": access_token}
    try:
        opened = jwt.decode(token, KeySet.import_key_set(_signing(keys)), algorithms=list(ALGORITHMS))
        claims = CodeIDToken(opened.claims, opened.header, options, params)
        claims.validate(leeway=LEEWAY)
    except (JoseError, ValueError, KeyError, TypeError) as error:  # the libraries' words for malformed input vary
        raise IdTokenError(_named(error)) from None
    return dict(claims)


def _signing(keys: Mapping[str, Any]) -> Any:
    """Without what is for encryption or a shared secret: neither may verify."""
    return {"keys": [key for key in keys.get("keys", ()) if key.get("use") != "enc" and key.get("kty") != "oct"]}


def _named(error: Exception) -> str:
    claim = getattr(error, "claim", None)
    kind = str(getattr(error, "error", "") or type(error).__name__)
    return f"{kind} ({claim})" if claim else kind
