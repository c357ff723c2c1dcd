"""The rules desk of leads: the book with its numbers, trying text, writing and checking a draft, one rule's page."""

import difflib
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from sqlalchemy.orm import Session

from classifier.matching.rulebook import Rule, RuleError
from service.dependencies import Services, ServicesDep, SessionDep
from service.http.errors import ServiceError
from service.review.auth.access import LeadForm, PostedForm, allowed
from service.review.auth.roles import Reviewer
from service.review.rules.backtest import RuleFault, back_test, find_hits, form_faults, lint, tried_examples
from service.review.rules.editing import LINES, TEXTS, entry_of_form, form_of_entry
from service.review.rules.files import entry_of, single, toml_of
from service.review.rules.signatures import SignerDep, signature_statuses
from service.review.rules.statistics import ORDERS, RuleStatistics, rule_groups, rule_lines, wrong_cases
from service.review.rules.versions import TRIAL, add_version, in_force, on_trial, switched_off, versions
from service.review.web.pages import PageRoute, go, page
from service.review.web.wording import LABEL
from service.storage.tables.review import RuleVersionRow

router = APIRouter(prefix="/review", include_in_schema=False, route_class=PageRoute)
LeadDep = Annotated[Reviewer, Depends(allowed("lead"))]
FOLDS: dict[str, Callable[[RuleStatistics], str]] = {
    "label": lambda line: LABEL[line.label] if line.label else "Standards",
    "file": lambda line: line.family,
    "nothing": lambda _: "",
}
"""What the list may be folded by, and the heading of a line's group."""
FRESH = """[[rule]]
id = "family.a-name"
label = "substitute_offer"
strength = "weak"
status = "draft"
patterns = ["would {you} like ..4 {instead}"]
unless = []
must_flag = ["Would you like the green one instead?"]
must_not_flag = ["Would you like to be told?"]
"""


@router.get("/rules", response_class=HTMLResponse)
def rules(
    request: Request, services: ServicesDep, session: SessionDep, me: LeadDep, find: str = "", order: str = "",
    fold: str = "",
) -> Response:  # fmt: skip
    """The rule book with hits, precision and overturn rate, folded by label or file."""
    return _book_page(
        request, services, session, me, find.strip(), order=order if order in ORDERS else "hits",
        fold=fold if fold in FOLDS else "label",
    )  # fmt: skip


@router.post("/rules/try", response_class=HTMLResponse)
def try_text(request: Request, services: ServicesDep, session: SessionDep, sent: LeadForm) -> Response:
    """What the book that runs finds in pasted text; the text is not kept."""
    return _book_page(request, services, session, sent.me, "", text=sent.text("text", 20_000))


def _book_page(
    request: Request, services: Services, session: Session, me: Reviewer, find: str, *, text: str | None = None,
    order: str = "hits", fold: str = "label",
) -> Response:  # fmt: skip
    live = services.screeners.screener
    off = switched_off(session)
    lines = [
        replace(line, status="off") if line.id in off else line
        for line in rule_lines(session, live.book.rules, order)
        if _named(line, find.lower())
    ]
    return page(
        request, "rules/rules.html", me, here="Rules", groups=rule_groups(lines, FOLDS[fold]), shown=len(lines),
        fold=fold, find=find, order=order, orders=tuple(ORDERS), version=live.book.version,
        whole=len(live.book.rules), text=text, hits=find_hits(live.policy, live.book, text) if text else [],
    )  # fmt: skip


def _named(line: RuleStatistics, find: str) -> bool:
    """Whether a line holds each of the words."""
    label = LABEL[line.label].lower() if line.label else "standards"
    held = f"{line.id} {line.label or ''} {label} {line.strength} {line.status}"
    return all(word in held for word in find.split())


@router.get("/rules/new", response_class=HTMLResponse)
def new(request: Request, me: LeadDep) -> Response:
    """An empty draft to start from."""
    return _editor(request, me, "", FRESH)


@router.post("/rules/check", response_class=HTMLResponse)
def check(request: Request, services: ServicesDep, session: SessionDep, sent: LeadForm) -> Response:
    """Lint a draft, try it on pasted text, back-test it on stored drafts; nothing is kept."""
    policy, source, text = services.screeners.screener.policy, typed_source(sent), sent.text("text", 20_000)
    faults = lint(policy, source)
    formed = not any(not fault.sentence for fault in faults) and not form_faults(source)
    found = {
        "faults": faults,
        "hits": find_hits(policy, single(entry_of(source)), text) if formed and text else [],
        "test": back_test(session, services.encryptor, policy, source) if formed else None,
    }
    return _editor(request, sent.me, sent.text("rule_id", 100), source, sent=sent, check=found)


@router.post("/rules/examples")
def examples(services: ServicesDep, sent: LeadForm) -> JSONResponse:
    """A draft as it is being typed: its faults at their lines, which examples it flags, and the rule both ways."""
    source = typed_source(sent)
    faults = form_faults(source)
    tried = [] if faults else tried_examples(services.screeners.screener.policy, single(entry_of(source)))
    return JSONResponse(
        {
            "faults": [asdict(fault) for fault in faults], "examples": [asdict(one) for one in tried],
            "source": source, "fields": _fields(source),
        }
    )  # fmt: skip


@router.post("/rules/save")
def save(request: Request, services: ServicesDep, signer: SignerDep, session: SessionDep, sent: LeadForm) -> Response:
    """Keep a draft. One that does not pass its own examples is refused, on the page on which it was typed."""
    source = typed_source(sent)
    faults = lint(services.screeners.screener.policy, source)
    if not faults and str(entry_of(source)["id"]).endswith(TRIAL):
        faults = [RuleFault(f"an id that ends in {TRIAL} is a changed rule's in shadow; choose another", field="id")]
    if faults:
        found = {"faults": faults, "hits": [], "test": None}
        return _editor(request, sent.me, sent.text("rule_id", 100), source, sent=sent, check=found, status=422)
    entry = {**entry_of(source), "status": "draft"}
    add_version(session, signer, sent.me, entry["id"], toml_of(entry), "draft", sent.text("note", 500))
    return go(request, f"/rules/of/{entry['id']}?said=saved")


def typed_source(sent: PostedForm) -> str:
    """The rule that a form holds, as TOML: typed so, or put together from its fields."""
    if sent.text("by", 5) == "form":
        return toml_of(entry_of_form({name: sent.text(name, 10_000) for name in (*LINES, *TEXTS)})).strip()
    return sent.text("source", 20_000)


def _fields(source: str) -> dict[str, str] | None:
    """The rule as fields of a form; None where it cannot be read."""
    try:
        return form_of_entry(entry_of(source))
    except RuleError:
        return None


def _editor(
    request: Request, me: Reviewer, rule_id: str, source: str, *, sent: PostedForm | None = None,
    check: object = None, status: int = 200,
) -> Response:  # fmt: skip
    fields = _fields(source)
    by = sent.text("by", 5) if sent else "form"
    typed = {name: sent.text(name, 20_000) if sent else "" for name in ("text", "note")}
    return page(
        request, "rules/rule_edit.html", me, status=status, here="Rules", rule_id=rule_id, source=source,
        fields=fields or form_of_entry({}), by="form" if by == "form" and fields else "toml", check=check, **typed,
    )  # fmt: skip


@router.get("/rules/of/{rule_id}", response_class=HTMLResponse)
def rule(
    request: Request, services: ServicesDep, signer: SignerDep, session: SessionDep, me: LeadDep, rule_id: str
) -> Response:
    """One rule: as it runs, its numbers, what is on trial beside it, its versions with their signatures."""
    if rule_id.endswith(TRIAL):
        return go(request, f"/rules/of/{rule_id.removesuffix(TRIAL)}")
    running = _running(services, rule_id)
    rows = versions(session, rule_id)
    if running is None and not rows:
        raise ServiceError(404, "No rule has this id.")
    statuses = signature_statuses(signer, rows)
    valid = [row for row in rows if statuses[row.id] != "broken"]
    tried_beside = _running(services, rule_id + TRIAL)
    lines = {line.id: line for line in rule_lines(session, [r for r in (running, tried_beside) if r])}
    return page(
        request, "rules/rule.html", me, here="Rules", rule_id=rule_id, running=running, line=lines.get(rule_id),
        source=_source(running, rows), versions=_shown(rows), newest=rows[-1] if rows else None, signatures=statuses,
        in_force=in_force(valid), trial=on_trial(valid), trial_line=lines.get(rule_id + TRIAL),
        wrong=wrong_cases(session, rule_id),
    )  # fmt: skip


def _running(services: Services, rule_id: str) -> Rule | None:
    return next((r for r in services.screeners.screener.book.rules if r.id == rule_id), None)


def _source(running: Rule | None, rows: list[RuleVersionRow]) -> str:
    if running:
        return toml_of(running.source)
    return rows[-1].source


def _shown(rows: list[RuleVersionRow]) -> list[tuple[RuleVersionRow, list[str]]]:
    """Each version with its lines that differ from the one before, newest first."""
    before = [""] + [row.source for row in rows]
    diffs = [
        list(difflib.unified_diff(old.splitlines(), row.source.splitlines(), lineterm="", n=0))[2:]
        for old, row in zip(before, rows, strict=False)
    ]
    return list(zip(rows, diffs, strict=True))[::-1]


@router.get("/rules/of/{rule_id}/edit", response_class=HTMLResponse)
def edit(request: Request, services: ServicesDep, session: SessionDep, me: LeadDep, rule_id: str) -> Response:
    """Change a rule: the newest draft, or the rule as it runs."""
    running = _running(services, rule_id)
    rows = versions(session, rule_id)
    if running is None and not rows:
        raise ServiceError(404, "No rule has this id.")
    source = rows[-1].source if rows and rows[-1].status == "draft" else _source(running, rows)
    return _editor(request, me, rule_id, source)
