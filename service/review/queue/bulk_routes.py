"""Bulk decisions: first the count, then the deed."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from service.dependencies import ServicesDep
from service.review.auth.access import DeciderForm
from service.review.cases.decisions import DecisionRequest
from service.review.queue.bulk_decisions import MOST, decide_all, plan, selected
from service.review.queue.filters import QueueFilter
from service.review.web.forms import read_outcome
from service.review.web.pages import PageRoute, go, page

router = APIRouter(prefix="/review", include_in_schema=False, route_class=PageRoute)


@router.post("/bulk", response_class=HTMLResponse)
def count(request: Request, services: ServicesDep, sent: DeciderForm) -> Response:
    """Say how many cases of which kind a bulk decision would decide; nothing is decided yet."""
    asked, outcome = QueueFilter.parse(sent.text("filter")), read_outcome(sent)
    everything = bool(sent.text("everything", 1))
    with services.database.reading() as session:
        ids = selected(session, asked, sent.me, sent.texts("case"), sent.texts("fold"), everything=everything)
        found = plan(session, services.encryptor, sent.me, ids, outcome)
    return page(
        request, "queue/bulk.html", sent.me, here="Queue", outcome=outcome, plan=found, filter=asked.text, most=MOST,
        capped=len(ids) == MOST,
    )  # fmt: skip


@router.post("/bulk/confirm")
def confirm(request: Request, services: ServicesDep, sent: DeciderForm) -> Response:
    """Decide what was counted, and nothing that has come since; appeals only where they were asked for."""
    asked, outcome = QueueFilter.parse(sent.text("filter")), read_outcome(sent)
    ids = sent.text("cases", MOST * 33).split()
    decision = DecisionRequest(outcome, note=sent.text("note"), reply=sent.text("reply"))
    appeals = bool(sent.text("appeals", 1))
    made = decide_all(services.database, services.encryptor, sent.me, ids, decision, appeals=appeals)
    return go(request, f"?{asked.text}&" + (f"undo={made[0]}-{made[-1]}" if made else "said=none"))
