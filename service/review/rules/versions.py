"""Versions of rules written at the desk: each hashed together with the one before it, dated, signed by its author.

A row is never changed: to put a rule in shadow, to publish it or to roll it back adds a row. A changed live rule may
run in shadow beside itself: status `trial`, until the rule is published, rolled back, or the trial `ended`.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.http.errors import ServiceError
from service.review.auth.roles import Reviewer
from service.review.rules.files import Entry, entry_of
from service.review.rules.signatures import VersionSigner, hash_of, signature_statuses
from service.storage.audit import note
from service.storage.tables.review import RuleVersionRow

IN_FORCE = ("shadow", "live", "off", "shipped")
"""Statuses that say what runs; `shipped` gives the place back to the rule that came with the product, `off` keeps it
from running."""
TRIAL = ".trial"
"""Ending of the id under which a changed rule runs in shadow beside its live self."""


def versions(session: Session, rule_id: str) -> list[RuleVersionRow]:
    """All versions of a rule, oldest first."""
    query = select(RuleVersionRow).where(RuleVersionRow.rule_id == rule_id).order_by(RuleVersionRow.id)
    return list(session.scalars(query))


def in_force(rows: Sequence[RuleVersionRow]) -> RuleVersionRow | None:
    """The version of a rule that runs; None where the desk has none that does."""
    running = [row for row in rows if row.status in IN_FORCE]
    return running[-1] if running and running[-1].status != "shipped" else None


def switched_off(session: Session) -> set[str]:
    """The ids of the rules that the desk keeps from running."""
    rows = session.scalars(
        select(RuleVersionRow).where(RuleVersionRow.status.in_(IN_FORCE)).order_by(RuleVersionRow.id)
    )
    last = {row.rule_id: row.status for row in rows}
    return {rule_id for rule_id, status in last.items() if status == "off"}


def on_trial(rows: Sequence[RuleVersionRow]) -> RuleVersionRow | None:
    """The version that runs in shadow beside the live one, or None."""
    last = next((row for row in reversed(rows) if row.status != "draft"), None)
    return last if last and last.status == "trial" else None


def add_version(
    session: Session, signer: VersionSigner, me: Reviewer, rule_id: str, source: str, status: str, words: str,
    *, action: str = "",
) -> RuleVersionRow:  # fmt: skip
    """Add a version to a rule's chain, hashed with the one before and signed. `action`: its name on the audit, where it
    is not that of the status."""
    rows = versions(session, rule_id)
    row = RuleVersionRow(
        rule_id=rule_id, status=status, source=source, author=me.name, note=words or None, created_at=datetime.now(UTC)
    )
    row.version = hash_of(row, rows[-1].version if rows else "")
    row.signature = signer.sign(row)
    session.add(row)
    session.flush()
    before = {"version": rows[-1].version, "status": rows[-1].status} if rows else None
    after = {"version": row.version, "status": status}
    note(session, me.name, action or f"rule_{status}", f"rule:{rule_id}", before=before, after=after)
    return row


def newest(session: Session, rule_id: str, version: int) -> RuleVersionRow:
    """The version that a page was looking at. Raises 404, and 409 where there is a newer one."""
    rows = versions(session, rule_id)
    if not rows:
        raise ServiceError(404, "This rule has no version of the desk's own.")
    if rows[-1].id != version:
        raise ServiceError(409, "There is a newer version of this rule; look at it first.")
    return rows[-1]


def changes(session: Session, signer: VersionSigner) -> dict[str, Entry]:
    """What the desk has in force: rule id -> the rule as it runs. Versions with a broken signature are left out."""
    by_rule: dict[str, list[RuleVersionRow]] = {}
    for row in session.scalars(select(RuleVersionRow).order_by(RuleVersionRow.id)):
        by_rule.setdefault(row.rule_id, []).append(row)
    found: dict[str, Entry] = {}
    for rule_id, rows in by_rule.items():
        valid = valid_versions(signer, rows)
        if running := in_force(valid):
            found[rule_id] = {**entry_of(running.source), "status": _AS.get(running.status, running.status)}
        if trial := on_trial(valid):
            found[rule_id + TRIAL] = {**entry_of(trial.source), "id": rule_id + TRIAL, "status": "shadow"}
    return found


_AS = {"off": "draft"}
"""Statuses that the rule book knows under another name: a draft is in the book and does not run."""


def valid_versions(signer: VersionSigner, rows: Sequence[RuleVersionRow]) -> list[RuleVersionRow]:
    """The versions whose signature is not broken. `rows` are all versions of one rule, the oldest first."""
    found = signature_statuses(signer, rows)
    return [row for row in rows if found[row.id] != "broken"]


def rolled_back(session: Session, signer: VersionSigner, me: Reviewer, rule_id: str, words: str) -> RuleVersionRow:
    """Bring back what ran before the version that runs now; the shipped rule, or nothing, if there was none.

    Raises the 409 where the desk has nothing in force.
    """
    ran = _ran(valid_versions(signer, versions(session, rule_id)))
    if not ran:
        raise ServiceError(409, "Nothing of the desk's is in force for this rule.")
    back = ran[-2] if len(ran) > 1 else ran[-1]
    status = back.status if len(ran) > 1 else "shipped"
    return add_version(session, signer, me, rule_id, back.source, status, words, action="rule_rolled_back")


def _ran(rows: Sequence[RuleVersionRow]) -> list[RuleVersionRow]:
    """What ran one after another and has not been rolled back, the version in force last."""
    ran: list[RuleVersionRow] = []
    for row in rows:
        if row.status == "shipped":
            ran.clear()
        elif row.status in IN_FORCE and len(ran) > 1 and _same(row, ran[-2]):
            ran.pop()  # back to the one before: a second roll-back goes further, not forth again
        elif row.status in IN_FORCE:
            ran.append(row)
    return ran


def _same(row: RuleVersionRow, other: RuleVersionRow) -> bool:
    return (row.source, row.status) == (other.source, other.status)
