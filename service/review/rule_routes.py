"""The rules desk of leads: the book with its numbers, trying text, writing drafts, shadow, publishing, rolling back."""

import difflib
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session

from classifier.rulebook import Rule, RuleBook
from service.dependencies import Opened, Parts, PartsOf
from service.errors import ServiceError
from service.review.access import Lead, Posted, allowed, posting
from service.review.pages import PageRoute, go, page
from service.review.people import Reviewer
from service.review.rule_figures import rule_lines, wrong_cases
from service.review.rule_files import entry_of, single, toml_of
from service.review.rule_trial import back_test, lint, tried
from service.review.rule_versions import add_version, in_force, newest, rolled_back, versions, write_book
from service.storage.review_tables import RuleVersionRow

router = APIRouter(prefix="/review", include_in_schema=False, route_class=PageRoute)
Leading = Annotated[Reviewer, Depends(allowed("lead"))]
Publisher = Annotated[Posted, Depends(posting("publish"))]
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
def rules(request: Request, parts: PartsOf, opened: Opened, me: Leading, find: str = "") -> Response:
    """The rule book with hits, precision and overturn rate."""
    return _book_page(request, parts, opened, me, find)


@router.post("/rules/try", response_class=HTMLResponse)
def try_text(request: Request, parts: PartsOf, opened: Opened, sent: Lead) -> Response:
    """What the book that runs finds in pasted text; the text is not kept."""
    return _book_page(request, parts, opened, sent.me, "", text=sent.text("text", 20_000))


def _book_page(
    request: Request, parts: Parts, session: Session, me: Reviewer, find: str, text: str | None = None
) -> Response:
    live = parts.screeners.screener
    lines = [line for line in rule_lines(session, live.book.rules) if find in line.id or find == (line.label or "")]
    return page(
        request, "rules.html", me, here="Rules", lines=lines, find=find, version=live.book.version,
        whole=len(live.book.rules), text=text, hits=tried(live.policy, live.book, text) if text else [],
    )  # fmt: skip


@router.get("/rules/new", response_class=HTMLResponse)
def new(request: Request, me: Leading) -> Response:
    """An empty draft to start from."""
    return page(request, "rule_edit.html", me, here="Rules", rule_id="", source=FRESH, text="", note="", check=None)


@router.post("/rules/check", response_class=HTMLResponse)
def check(request: Request, parts: PartsOf, opened: Opened, sent: Lead) -> Response:
    """Lint a draft, try it on pasted text, back-test it on stored drafts; nothing is kept."""
    policy, source, text = parts.screeners.screener.policy, sent.text("source", 20_000), sent.text("text", 20_000)
    faults = lint(policy, source)
    formed = not any(not fault.sentence for fault in faults)
    found = {
        "faults": faults,
        "hits": tried(policy, _alone(source), text) if formed and text else [],
        "test": back_test(opened, parts.sealer, policy, source) if formed else None,
    }
    return page(
        request, "rule_edit.html", sent.me, here="Rules", rule_id=sent.text("rule_id", 100), source=source, text=text,
        note=sent.text("note", 500), check=found,
    )  # fmt: skip


def _alone(source: str) -> RuleBook:
    return single(entry_of(source))


@router.post("/rules/save")
def save(request: Request, parts: PartsOf, opened: Opened, sent: Lead) -> Response:
    """Keep a draft; one that does not pass its own examples is refused."""
    source = sent.text("source", 20_000)
    if faults := lint(parts.screeners.screener.policy, source):
        raise ServiceError(
            422, f"source: {faults[0].reason}" + (f": “{faults[0].sentence}”" if faults[0].sentence else "")
        )
    entry = {**entry_of(source), "status": "draft"}
    add_version(opened, sent.me, entry["id"], toml_of(entry), "draft", sent.text("note", 500))
    return go(request, f"/rules/of/{entry['id']}?said=saved")


@router.get("/rules/of/{rule_id}", response_class=HTMLResponse)
def rule(request: Request, parts: PartsOf, opened: Opened, me: Leading, rule_id: str) -> Response:
    """One rule: as it runs, its numbers, its versions."""
    running = next((r for r in parts.screeners.screener.book.rules if r.id == rule_id), None)
    rows = versions(opened, rule_id)
    if running is None and not rows:
        raise ServiceError(404, "No rule has this id.")
    lines = rule_lines(opened, [running]) if running else []
    return page(
        request, "rule.html", me, here="Rules", rule_id=rule_id, running=running, line=lines[0] if lines else None,
        source=_source(running, rows), versions=_shown(rows), newest=rows[-1] if rows else None,
        in_force=in_force(rows), wrong=wrong_cases(opened, rule_id),
    )  # fmt: skip


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
def edit(request: Request, parts: PartsOf, opened: Opened, me: Leading, rule_id: str) -> Response:
    """Change a rule: the newest draft, or the rule as it runs."""
    running = next((r for r in parts.screeners.screener.book.rules if r.id == rule_id), None)
    rows = versions(opened, rule_id)
    if running is None and not rows:
        raise ServiceError(404, "No rule has this id.")
    source = rows[-1].source if rows and rows[-1].status == "draft" else _source(running, rows)
    return page(
        request, "rule_edit.html", me, here="Rules", rule_id=rule_id, source=source, text="", note="", check=None
    )


@router.post("/rules/of/{rule_id}/shadow")
def shadow(request: Request, parts: PartsOf, opened: Opened, sent: Lead, rule_id: str) -> Response:
    """Let the newest version run without a say: its hits are counted."""
    row = newest(opened, rule_id, _version(sent))
    running = in_force(versions(opened, rule_id))
    if (running and running.status == "live") or _is_shipped_live(parts, rule_id):
        raise ServiceError(409, "This rule is live; give the draft an id of its own to run it in shadow beside it.")
    add_version(opened, sent.me, rule_id, row.source, "shadow", sent.text("note", 500))
    write_book(opened, parts.settings.home)
    return go(request, f"/rules/of/{rule_id}?said=published")


def _is_shipped_live(parts: Parts, rule_id: str) -> bool:
    return any(r.id == rule_id and r.status == "live" for r in parts.screeners.screener.book.rules)


@router.post("/rules/of/{rule_id}/publish")
def publish(request: Request, parts: PartsOf, opened: Opened, sent: Publisher, rule_id: str) -> Response:
    """Make the newest version live; a right of its own."""
    row = newest(opened, rule_id, _version(sent))
    add_version(opened, sent.me, rule_id, row.source, "live", sent.text("note", 500))
    write_book(opened, parts.settings.home)
    return go(request, f"/rules/of/{rule_id}?said=published")


@router.post("/rules/of/{rule_id}/roll-back")
def roll_back(request: Request, parts: PartsOf, opened: Opened, sent: Publisher, rule_id: str) -> Response:
    """Bring back what ran before."""
    newest(opened, rule_id, _version(sent))
    rolled_back(opened, sent.me, rule_id, sent.text("note", 500))
    write_book(opened, parts.settings.home)
    return go(request, f"/rules/of/{rule_id}?said=rolled")


def _version(sent: Posted) -> int:
    text = sent.text("version", 20)
    if not text.isdigit():
        raise ServiceError(422, "version: the version that you looked at.")
    return int(text)
