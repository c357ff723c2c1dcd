"""A stored draft judged again by today's rules and model, beside the verdict that was given."""

import threading
import weakref
from dataclasses import dataclass

from sqlalchemy.orm import Session

from classifier import Draft, Order, Screener, Verdict
from service.dependencies import Services
from service.review.case_page.case_view import stored_draft
from service.storage.screenings.documents import read_document
from service.storage.tables.review import CaseRow
from service.storage.tables.screenings import ScreeningRow


@dataclass(frozen=True, slots=True)
class Replay:
    """Today's verdict. `findings` are (id, whether it is new); `words` says what has changed."""

    decision: str
    labels: list[str]
    findings: list[tuple[str, bool]]
    model: str
    rules: str
    words: str
    differs: bool


class ReplayScreener:
    """A screener for the desk's threads: a screener may only be used by one at a time, and that of the service is
    busy. Made again when another model or rule book goes live, and given up with the one that it was made from: a model
    that nobody serves any more takes no memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._from: weakref.ref[Screener] | None = None
        self._own: Screener | None = None

    def screen(self, live: Screener, draft: Draft, order: Order | None) -> Verdict:
        """The verdict that the live screener would give."""
        with self._lock:
            own = self._own
            if own is None or self._from is None or self._from() is not live:
                own = Screener(policy=live.policy, book=live.book, artifact=live.artifact)
                self._own, self._from = own, weakref.ref(live, self._give_up)
            return own.screen(draft, order)

    def _give_up(self, gone: weakref.ref[Screener]) -> None:
        if self._from is gone:
            self._own = None


REPLAY_SCREENER = ReplayScreener()


def replay(services: Services, session: Session, case: CaseRow) -> Replay | None:
    """Judge a case's draft again; None once its text is purged."""
    row = session.get(ScreeningRow, case.screening_id)
    draft = stored_draft(services.encryptor, row) if row else None
    if row is None or draft is None:
        return None
    verdict = REPLAY_SCREENER.screen(services.screeners.screener, draft, stored_order(row))
    known = {finding["id"] for finding in read_document(row.verdict)["findings"]}
    findings = [(finding.id, finding.id not in known) for finding in verdict.findings]
    labels = [label.value for label in verdict.probabilities if label in verdict.labels]
    return Replay(
        decision=verdict.decision, labels=labels, findings=findings, model=verdict.versions.model,
        rules=verdict.versions.rules, words=_words(case, row, verdict, set(labels)),
        differs=verdict.decision != case.decision or set(labels) != set(case.labels.split()),
    )  # fmt: skip


def stored_order(row: ScreeningRow) -> Order:
    """The order's state as it was known then."""
    state = row.order_state
    by, status = state.get("cancelled_by"), state.get("status")
    return Order(
        cancelled_by=by if by in ("customer", "merchant") else None,
        status=status if isinstance(status, str) else None,
        unknown_to_source=bool(state.get("unknown_to_source")),
    )


def _words(case: CaseRow, row: ScreeningRow, verdict: Verdict, labels: set[str]) -> str:
    same_versions = (row.model_version, row.rules_version) == (verdict.versions.model, verdict.versions.rules)
    if verdict.decision != case.decision:
        return "Today the decision would be another."
    if labels != set(case.labels.split()):
        return "The decision would be the same, the labels would not."
    return "Nothing has changed since." if same_versions else "Newer versions say the same."
