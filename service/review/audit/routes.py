"""The record's page, and the record as CSV."""

import json
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

from service.dependencies import SessionDep
from service.review.audit.records import MOST_EXPORTED, PAGE, AuditQuery, actions, by_subject, entries, shown_chain
from service.review.auth.access import allowed
from service.review.auth.roles import Reviewer
from service.review.web.csv_files import csv_response
from service.review.web.pages import PageRoute, page

router = APIRouter(prefix="/review", include_in_schema=False, route_class=PageRoute)
AuditorDep = Annotated[Reviewer, Depends(allowed("audit"))]


@router.get("/audit", response_class=HTMLResponse)
def audit(request: Request, session: SessionDep, me: AuditorDep) -> Response:
    """Who did what, when; before and after; and whether the chain of hashes holds for the rows that are shown."""
    asked = AuditQuery.read(request.query_params)
    rows = entries(session, asked, PAGE + 1)
    return page(
        request, "audit/audit.html", me, here="Audit", asked=asked, groups=by_subject(rows[:PAGE]),
        actions=actions(session),
        more=rows[PAGE - 1].id if len(rows) > PAGE else 0, readable=_readable,
        chain=shown_chain(session, rows[:PAGE]),
    )  # fmt: skip


@router.get("/audit.csv")
def audit_sheet(request: Request, session: SessionDep, me: AuditorDep) -> Response:
    """What the search finds, as CSV."""
    rows = entries(session, AuditQuery.read(request.query_params), MOST_EXPORTED)
    lines = [
        (r.id, r.at.isoformat(), r.actor, r.action, r.subject, _plain(r.before), _plain(r.after), r.hash) for r in rows
    ]
    return csv_response("audit.csv", [("id", "at", "actor", "action", "subject", "before", "after", "hash"), *lines])


def _readable(values: Mapping[str, object] | None) -> str:
    """As a person reads it: `state open, decision block`; an empty value is a dash."""
    return ", ".join(f"{name.replace('_', ' ')} {_word(value)}" for name, value in (values or {}).items())


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "–" if value in (None, "") else str(value)


def _plain(values: object) -> str:
    return json.dumps(values, ensure_ascii=False) if values else ""
