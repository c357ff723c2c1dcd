"""The audit: who did what to what. Rows are only added; the database refuses to change one."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from service.storage.tables.review import AuditRow


def case_opened_row(caller: str, case_id: str, kind: str, screening_id: str, at: datetime) -> dict[str, Any]:
    """The columns of the row that tells of a case which the service opened for a caller's screening."""
    return {
        "at": at,
        "actor": f"caller:{caller}",
        "action": "created",
        "subject": f"case:{case_id}",
        "after": {"kind": kind, "screening": screening_id},
    }


def note(
    session: Session,
    actor: str,
    action: str,
    subject: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Add a row in the session's transaction. `subject` as kind:id; nothing that a merchant typed."""
    row = AuditRow(
        at=datetime.now(UTC), actor=actor, action=action, subject=subject,
        before=dict(before) if before is not None else None, after=dict(after) if after is not None else None,
    )  # fmt: skip
    session.add(row)
