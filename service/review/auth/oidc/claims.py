"""What a provider's claims say of a person: which account, what name, which role. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from service.review.auth.roles import RIGHTS

_MOST_RIGHTS_FIRST = ("administrator", "lead", "reviewer", "auditor")
"""Of several roles the first counts."""
LONGEST_NAME, LONGEST_SUBJECT = 100, 255


class ClaimError(ValueError):
    """Claims of which no account can be made; `words` are for the person."""

    def __init__(self, reason: str, words: str) -> None:
        super().__init__(reason)
        self.words = words


@dataclass(frozen=True, slots=True)
class OidcIdentity:
    """A person as the provider knows them: `subject` is theirs for good at this issuer. `role` is None where the
    provider gives none."""

    issuer: str
    subject: str
    name: str
    role: str | None


@dataclass(frozen=True, slots=True)
class RoleClaim:
    """The claim that holds a person's roles, and what its values mean here."""

    path: str
    roles: Mapping[str, str]

    @classmethod
    def of(cls, path: str, setting: str) -> Self:
        """From the settings: `their-group=lead,other-group=reviewer`; empty where their words are ours. Raises
        ValueError."""
        if not setting.strip():
            return cls(path, {role: role for role in RIGHTS})
        roles = {}
        for pair in setting.split(","):
            theirs, _, ours = (part.strip() for part in pair.rpartition("="))
            if not theirs or ours not in RIGHTS:
                wanted = f"theirs=role with a role of {', '.join(RIGHTS)}"
                raise ValueError(f"SCREENING_OIDC_ROLES: {pair.strip()!r} is not {wanted}")
            roles[theirs] = ours
        return cls(path, roles)

    def is_in(self, claims: Mapping[str, Any]) -> bool:
        """Whether the claims have the claim at all."""
        return _at(claims, self.path) is not None

    def role_of(self, claims: Mapping[str, Any]) -> str | None:
        """The role with the most rights that the claims give."""
        found = _at(claims, self.path)
        values = found if isinstance(found, list) else [found]
        given = {self.roles.get(value) for value in values if isinstance(value, str)}
        return next((role for role in _MOST_RIGHTS_FIRST if role in given), None)


def identity_of(claims: Mapping[str, Any], issuer: str, name_claim: str, roles: RoleClaim) -> OidcIdentity:
    """The person of verified claims. Raises ClaimError where the name cannot be one."""
    subject, name = claims.get("sub"), _at(claims, name_claim)
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
        raise ClaimError("claim sub: no usable subject", "Your organisation's sign-in did not say who you are.")
    if not isinstance(name, str) or not 0 < len(name.strip()) <= LONGEST_NAME or not name.isprintable():
        reason = f"claim {name_claim}: no usable name"
        raise ClaimError(reason, "Your organisation's sign-in gave no name for you. Ask those who run the desk.")
    return OidcIdentity(issuer, subject, name.strip(), roles.role_of(claims))


def _at(claims: Mapping[str, Any], path: str) -> Any:
    """A claim by its name, or by a path with dots through objects."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
