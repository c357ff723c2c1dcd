"""The seal on a rule's version: its hash, chained to the version before, signed with the service's key for its author.

A version whose seal is broken does not run. One that was signed with a key which has been retired since still does
(the hash holds), and its page says so.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol

from service.passes import Passes
from service.storage.tables.review import RuleVersionRow

Seal = Literal["valid", "retired", "broken"]


class Version(Protocol):
    """What a seal covers: a row of `rule_versions`, or one that is about to be."""

    rule_id: str
    source: str
    status: str
    author: str
    created_at: datetime


def hash_of(row: Version, before: str) -> str:
    """SHA-256 of a version and of the hash `before` it (empty for a rule's first), hexadecimal."""
    parts = (before, row.rule_id, row.source, row.status, row.author, row.created_at.isoformat())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def sign(passes: Passes, row: RuleVersionRow) -> str:
    """The signature over hash, author and time."""
    return passes.sign(_signed(row))


def seals(passes: Passes, rows: Sequence[RuleVersionRow]) -> dict[int, Seal]:
    """Row id -> how its seal stands; `rows` are all versions of one rule, oldest first."""
    found: dict[int, Seal] = {}
    before = ""
    for row in rows:
        found[row.id] = _seal(passes, row, before)
        before = row.version
    return found


def _seal(passes: Passes, row: RuleVersionRow, before: str) -> Seal:
    if row.signature is None or hash_of(row, before) != row.version:
        return "broken"
    signed = passes.verify(_signed(row), row.signature)
    return "retired" if signed is None else "valid" if signed else "broken"


def _signed(row: RuleVersionRow) -> bytes:
    """No pass begins so: a signature for the one can never stand for the other."""
    return "\0".join(("rule-version", row.version, row.author, row.created_at.isoformat())).encode()
