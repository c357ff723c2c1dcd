"""Versions of rules written at the desk: each hashed together with the one before it, dated, signed by its author.

A row is never changed: to put a rule in shadow, to publish it or to roll it back adds a row.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from classifier.rulebook import RuleBook, RuleError
from service.errors import ServiceError
from service.review.people import Reviewer
from service.review.rule_files import Entry, entry_of, shipped, with_rules
from service.storage.audit import note
from service.storage.review_tables import RuleVersionRow

IN_FORCE = ("shadow", "live", "shipped")
"""Statuses that say what runs; `shipped` gives the place back to the rule that came with the product."""


def versions(session: Session, rule_id: str) -> list[RuleVersionRow]:
    """All versions of a rule, oldest first."""
    query = select(RuleVersionRow).where(RuleVersionRow.rule_id == rule_id).order_by(RuleVersionRow.id)
    return list(session.scalars(query))


def in_force(rows: Sequence[RuleVersionRow]) -> RuleVersionRow | None:
    """The version of a rule that runs; None where the desk has none that does."""
    running = [row for row in rows if row.status in IN_FORCE]
    return running[-1] if running and running[-1].status != "shipped" else None


def add_version(session: Session, me: Reviewer, rule_id: str, source: str, status: str, words: str) -> RuleVersionRow:
    """Add a version to a rule's chain."""
    rows = versions(session, rule_id)
    now = datetime.now(UTC)
    signed = "\0".join((rows[-1].version if rows else "", rule_id, source, status, me.name, now.isoformat()))
    row = RuleVersionRow(
        rule_id=rule_id, version=hashlib.sha256(signed.encode()).hexdigest(), status=status, source=source,
        author=me.name, note=words or None, created_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    before = {"version": rows[-1].version, "status": rows[-1].status} if rows else None
    after = {"version": row.version, "status": status}
    note(session, me.name, f"rule_{status}", f"rule:{rule_id}", before=before, after=after)
    return row


def newest(session: Session, rule_id: str, version: int) -> RuleVersionRow:
    """The version that a page was looking at. Raises 404, and 409 where there is a newer one."""
    rows = versions(session, rule_id)
    if not rows:
        raise ServiceError(404, "This rule has no version of the desk's own.")
    if rows[-1].id != version:
        raise ServiceError(409, "There is a newer version of this rule; look at it first.")
    return rows[-1]


def changes(session: Session) -> dict[str, Entry]:
    """What the desk has in force: rule id -> the rule as it runs."""
    by_rule: dict[str, list[RuleVersionRow]] = {}
    for row in session.scalars(select(RuleVersionRow).order_by(RuleVersionRow.id)):
        by_rule.setdefault(row.rule_id, []).append(row)
    running = {rule_id: in_force(rows) for rule_id, rows in by_rule.items()}
    return {rule_id: {**entry_of(row.source), "status": row.status} for rule_id, row in running.items() if row}


def rolled_back(session: Session, me: Reviewer, rule_id: str, words: str) -> RuleVersionRow:
    """Bring back what ran before the version that runs now; the shipped rule, or nothing, if there was none.

    Raises the 409 where the desk has nothing in force.
    """
    ran = _ran(versions(session, rule_id))
    if not ran:
        raise ServiceError(409, "Nothing of the desk's is in force for this rule.")
    if len(ran) == 1:
        return add_version(session, me, rule_id, ran[-1].source, "shipped", words)
    return add_version(session, me, rule_id, ran[-2].source, ran[-2].status, words)


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


def write_book(session: Session, home: Path) -> RuleBook:
    """Write the book that is to run where the service looks for it; each process takes it up within seconds.

    Raises the 422 where the whole would not load: nothing is written then.
    """
    files = with_rules(shipped(), changes(session))
    try:
        book = RuleBook.from_texts(files)
    except RuleError as error:
        raise ServiceError(422, f"source: {error}") from None
    _swap(files, home / "rules")
    return book


def _swap(files: dict[str, str], folder: Path) -> None:
    """Each file at once and whole; the service reads the folder again when a file of it changes."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = folder / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        fresh = path.with_suffix(".new")
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
    for path in folder.glob("*.toml"):
        if path.name not in files:
            path.unlink()
