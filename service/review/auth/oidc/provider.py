"""The provider: its addresses and keys, and the code flow with state, nonce and PKCE.

What the way out and the way back must agree on is computed from one random number and our secret: the browser keeps
the number in a sealed cookie, so any worker or replica can finish what another began.
"""

import base64
import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from service.review.auth.oidc.claims import ClaimError, OidcIdentity, RoleClaim, identity_of
from service.settings import Settings

WAY_LIFE = 600
"""Seconds that somebody may take at the provider."""
CACHED = 3600.0
"""Seconds for which the provider's addresses and keys are good."""
KEYS_AGAIN_AFTER = 60.0
"""Seconds after which keys are fetched again for a token that none of them signed: providers rotate them."""
_AWAY = "The sign-in service of your organisation does not answer. Try again in a moment."
_OLD = "The page was open too long. Try again."
_REFUSED = "Your organisation's sign-in did not go through. Try again."


class OidcError(Exception):
    """A sign-in that failed. `words` are for the person, the text is for the log and holds no secret."""

    def __init__(self, reason: str, words: str = _REFUSED) -> None:
        super().__init__(reason)
        self.words = words


@dataclass(frozen=True, slots=True)
class _Known:
    """What the provider says of itself, and its keys; `at` by the clock that does not jump."""

    document: Mapping[str, Any]
    keys: Mapping[str, Any]
    at: float


class OidcProvider:
    """The provider of the settings. `secret` is shared by all workers and replicas."""

    def __init__(
        self, settings: Settings, secret: bytes, *, now: Callable[[], float] = time.time,
        transport: httpx.BaseTransport | None = None,
    ) -> None:  # fmt: skip
        """Raises ValueError for a malformed setting, or where the extra is not installed."""
        try:
            from service.review.auth.oidc import id_tokens
        except ModuleNotFoundError as error:
            missing = "SCREENING_OIDC_ISSUER needs: pip install 'draft-screening[oidc]'"
            raise ValueError(missing) from error
        self._tokens = id_tokens
        self._issuer = settings.oidc_issuer
        self._client_id = settings.oidc_client_id
        self._client_secret = settings.oidc_client_secret.get_secret_value()
        self._scopes = settings.oidc_scopes
        self._name_claim = settings.oidc_name_claim
        self._roles = RoleClaim.of(settings.oidc_role_claim, settings.oidc_roles)
        self._secret = hashlib.sha256(b"oidc\0" + secret).digest()
        self._now = now
        self._http = httpx.Client(timeout=10, follow_redirects=False, transport=transport)
        self._lock = threading.Lock()
        self._known: _Known | None = None

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def begin(self, redirect_url: str, following: str) -> tuple[str, str]:
        """The provider's address to go to, and the cookie that comes back with the person. Raises OidcError."""
        endpoint = self._address("authorization_endpoint")
        number = secrets.token_hex(16)
        challenge = hashlib.sha256(self._derived("verifier", number).encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": redirect_url,
            "scope": self._scopes,
            "state": number,
            "nonce": self._derived("nonce", number),
            "code_challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return endpoint + ("&" if "?" in endpoint else "?") + urlencode(asked), self._cookie(number, following)

    def finish(self, query: Mapping[str, str], cookie: str, redirect_url: str) -> tuple[OidcIdentity, str]:
        """Who came back, and where they were going. Raises OidcError."""
        number, following = self._opened(cookie)
        if not hmac.compare_digest(query.get("state", "").encode(), number.encode()):
            raise OidcError("state: of another sign-in")
        if "iss" in query and query["iss"] != self._issuer:
            raise OidcError("iss: the answer is another provider's")
        if refusal := query.get("error"):
            raise OidcError(f"the provider refused: {refusal[:60]!r}")
        tokens = self._redeemed(query.get("code", ""), redirect_url, self._derived("verifier", number))
        claims = self._verified(tokens, self._derived("nonce", number))
        if not self._roles.is_in(claims):
            claims = {**self._more_claims(tokens, claims["sub"]), **claims}
        try:
            return identity_of(claims, self._issuer, self._name_claim, self._roles), following
        except ClaimError as error:
            raise OidcError(str(error), error.words) from None

    def _redeemed(self, code: str, redirect_url: str, verifier: str) -> Mapping[str, Any]:
        """The tokens for a code."""
        sent = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": redirect_url, "code_verifier": verifier,
        }  # fmt: skip
        endpoint = self._address("token_endpoint")
        basic = httpx.BasicAuth(quote(self._client_id, safe=""), quote(self._client_secret, safe=""))
        ways = self._discovered().document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if not self._client_secret or "client_secret_basic" not in ways:
            sent |= {"client_id": self._client_id}
            sent |= {"client_secret": self._client_secret} if self._client_secret else {}
            return self._asked("POST", endpoint, data=sent)
        return self._asked("POST", endpoint, data=sent, auth=basic)

    def _verified(self, tokens: Mapping[str, Any], nonce: str) -> dict[str, Any]:
        known = self._discovered()
        token, access = str(tokens.get("id_token") or ""), str(tokens.get("access_token") or "")
        expected = {"issuer": self._issuer, "client_id": self._client_id, "nonce": nonce, "access_token": access}
        try:
            return self._tokens.verified_claims(token, known.keys, **expected)
        except self._tokens.IdTokenError as error:
            newer = self._discovered(older_than=KEYS_AGAIN_AFTER)
            if newer is known:
                raise OidcError(f"ID token: {error}") from None
        try:
            return self._tokens.verified_claims(token, newer.keys, **expected)
        except self._tokens.IdTokenError as error:
            raise OidcError(f"ID token: {error}") from None

    def _more_claims(self, tokens: Mapping[str, Any], subject: str) -> Mapping[str, Any]:
        """What the provider says of the person beside the ID token; nothing where it has no such address."""
        if not self._discovered().document.get("userinfo_endpoint"):
            return {}
        headers = {"authorization": f"Bearer {tokens.get('access_token', '')}"}
        found = self._asked("GET", self._address("userinfo_endpoint"), headers=headers)
        if found.get("sub") != subject:
            raise OidcError("userinfo: of another person")
        return found

    def _discovered(self, older_than: float = CACHED) -> _Known:
        """Addresses and keys, fetched again once they are older."""
        with self._lock:
            if self._known is None or time.monotonic() - self._known.at > older_than:
                document = self._asked("GET", self._issuer.rstrip("/") + "/.well-known/openid-configuration")
                if document.get("issuer") != self._issuer:
                    raise OidcError("discovery: the document names another issuer")
                keys = self._asked("GET", _checked(document, "jwks_uri", self._issuer))
                self._known = _Known(document, keys, time.monotonic())
            return self._known

    def _address(self, name: str) -> str:
        return _checked(self._discovered().document, name, self._issuer)

    def _asked(self, method: str, url: str, **more: Any) -> Mapping[str, Any]:
        try:
            answer = self._http.request(method, url, headers={"accept": "application/json", **more.pop("headers", {})},
                                        **more)  # fmt: skip
        except httpx.HTTPError as error:
            raise OidcError(f"the provider does not answer: {type(error).__name__}", _AWAY) from None
        if answer.status_code >= 500:
            raise OidcError(f"the provider answered {answer.status_code}", _AWAY)
        try:
            found = answer.json() if answer.status_code == 200 else None
        except ValueError:
            found = None
        if not isinstance(found, Mapping):
            raise OidcError(f"the provider answered {answer.status_code}, and no JSON object that helps")
        return found

    def _cookie(self, number: str, following: str) -> str:
        page = base64.urlsafe_b64encode(following.encode()).decode().rstrip("=")
        head = f"{number}{int(self._now()) + WAY_LIFE:010x}{page}"
        return f"{self._derived('cookie', head)}.{head}"

    def _opened(self, cookie: str) -> tuple[str, str]:
        """The number and the page of a cookie that is ours and not too old."""
        seal, _, head = cookie.partition(".")
        if not cookie.isascii() or not hmac.compare_digest(seal, self._derived("cookie", head)):
            raise OidcError("cookie: none of ours, or of another browser", _OLD)
        if int(head[32:42], 16) <= self._now():
            raise OidcError("cookie: too old", _OLD)
        page = head[42:]
        return head[:32], base64.urlsafe_b64decode(page + "=" * (-len(page) % 4)).decode()

    def _derived(self, purpose: str, number: str) -> str:
        return hmac.new(self._secret, f"{purpose}\0{number}".encode(), hashlib.sha256).hexdigest()


def _checked(document: Mapping[str, Any], name: str, issuer: str) -> str:
    """An address of the provider: TLS, where the issuer itself has it. Raises OidcError."""
    found = document.get(name)
    if not isinstance(found, str) or (issuer.startswith("https:") and not found.startswith("https://")):
        raise OidcError(f"discovery: no usable {name}")
    return found
