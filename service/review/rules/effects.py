"""What a version of a rule would do, tried before it is published: kept on the audit, asked for when it goes live."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.review.auth.roles import Reviewer
from service.review.rules.backtest import BackTest
from service.storage.audit import note
from service.storage.tables.review import AuditRow, RuleVersionRow

TESTED = "rule_back_tested"


def keep_test(session: Session, me: Reviewer, row: RuleVersionRow, test: BackTest) -> None:
    """Put the back-test of a version on the audit."""
    after = {
        "version": row.version, "drafts": test.drafts, "hits": test.hits, "reviewed": test.reviewed,
        "right": test.right, "concerns": len(test.concerns),
    }  # fmt: skip
    note(session, me.name, TESTED, f"rule:{row.rule_id}", after=after)


def kept_test(session: Session, row: RuleVersionRow) -> Mapping[str, Any] | None:
    """The newest back-test of just this version; None where there was none."""
    query = select(AuditRow.after).where(AuditRow.subject == f"rule:{row.rule_id}", AuditRow.action == TESTED)
    found = (after or {} for after in session.scalars(query.order_by(AuditRow.id.desc()).limit(200)))
    return next((after for after in found if after.get("version") == row.version), None)
