"""Who sits at the desk, and what each role may do. Pure."""

from dataclasses import dataclass

RIGHTS: dict[str, frozenset[str]] = {
    "reviewer": frozenset({"read", "decide"}),
    "lead": frozenset({"read", "decide", "lead", "audit", "export"}),
    "administrator": frozenset({"read", "decide", "lead", "publish", "audit", "export", "people"}),
    "auditor": frozenset({"read", "audit"}),
}
"""read: see cases and numbers. decide: claim and decide. lead: disputes, rules, views for everyone. publish: make a
rule live or roll it back. audit: read the record. export: take reviewed cases out. people: users and their roles."""


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Someone signed in; `csrf` is what their forms must bring along."""

    id: int
    name: str
    role: str
    csrf: str

    def may(self, right: str) -> bool:
        """Whether the role has a right."""
        return right in RIGHTS.get(self.role, frozenset())
