"""What becomes of rules: shadow (a live rule's change beside itself), publishing, switching off, rolling back."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

from service.dependencies import Services, ServicesDep, SessionDep
from service.http.errors import ServiceError
from service.review.auth.access import LeadForm, PostedForm, posting
from service.review.rules.backtest import back_test
from service.review.rules.effects import keep_test, kept_test
from service.review.rules.files import entry_of, single, toml_of
from service.review.rules.live_rule_book import check_book
from service.review.rules.signatures import SignerDep, VersionSigner
from service.review.rules.versions import add_version, in_force, newest, on_trial, rolled_back, versions
from service.review.web.pages import PageRoute, go, page

router = APIRouter(prefix="/review/rules", include_in_schema=False, route_class=PageRoute)
PublisherForm = Annotated[PostedForm, Depends(posting("publish"))]


@router.post("/of/{rule_id}/shadow")
def shadow(
    request: Request, services: ServicesDep, signer: SignerDep, session: SessionDep, sent: LeadForm, rule_id: str
) -> Response:
    """Let the newest version run without a say: its hits are counted. A live rule stays, the change runs beside it."""
    row = newest(session, rule_id, _version(sent))
    running = in_force(versions(session, rule_id))
    live = running.status == "live" if running else _is_shipped_live(services, rule_id)
    status = "trial" if live else "shadow"
    add_version(session, signer, sent.me, rule_id, row.source, status, sent.text("note", 500))
    return _in_force(request, signer, session, f"/rules/of/{rule_id}?said=shadow")


def _is_shipped_live(services: Services, rule_id: str) -> bool:
    return any(r.id == rule_id and r.status == "live" for r in services.screeners.screener.book.rules)


@router.post("/of/{rule_id}/end-trial")
def end_trial(request: Request, signer: SignerDep, session: SessionDep, sent: LeadForm, rule_id: str) -> Response:
    """Take the changed rule out of shadow; the live one is not touched."""
    newest(session, rule_id, _version(sent))
    trial = on_trial(versions(session, rule_id))
    if trial is None:
        raise ServiceError(409, "No change of this rule is in shadow.")
    add_version(session, signer, sent.me, rule_id, trial.source, "ended", sent.text("note", 500))
    return _in_force(request, signer, session, f"/rules/of/{rule_id}?said=ended")


@router.post("/of/{rule_id}/test", response_class=HTMLResponse)
def test(request: Request, services: ServicesDep, session: SessionDep, sent: PublisherForm, rule_id: str) -> Response:
    """Back-test the newest version and show what it would do: what is asked for before it is published."""
    row = newest(session, rule_id, _version(sent))
    found = back_test(session, services.encryptor, services.screeners.screener.policy, row.source)
    keep_test(session, sent.me, row, found)
    rule = single(entry_of(row.source)).rules[0]
    return page(
        request, "rules/publish.html", sent.me, here="Rules", rule_id=rule_id, version=row, test=found, rule=rule
    )


@router.post("/of/{rule_id}/publish")
def publish(request: Request, signer: SignerDep, session: SessionDep, sent: PublisherForm, rule_id: str) -> Response:
    """Make the newest version live, with a reason; a right of its own. This very version must have been back-tested,
    and where the test raises a concern, that must have been read."""
    row = newest(session, rule_id, _version(sent))
    tested = kept_test(session, row)
    if tested is None:
        raise ServiceError(409, "This version was not back-tested. Look at what it would do first.")
    if tested["concerns"] and not sent.text("sure", 1):
        raise ServiceError(422, "sure: tick that it is to go live in spite of what the back-test says.")
    add_version(session, signer, sent.me, rule_id, row.source, "live", _reason(sent))
    return _in_force(request, signer, session, f"/rules/of/{rule_id}?said=published")


@router.post("/of/{rule_id}/sign-anew")
def sign_again(request: Request, signer: SignerDep, session: SessionDep, sent: PublisherForm, rule_id: str) -> Response:
    """Sign the version that runs with today's key; nothing else changes."""
    row = newest(session, rule_id, _version(sent))
    if in_force(versions(session, rule_id)) is not row:
        raise ServiceError(409, "This version does not run.")
    add_version(session, signer, sent.me, rule_id, row.source, row.status, sent.text("note", 500))
    return _in_force(request, signer, session, f"/rules/of/{rule_id}?said=saved")


@router.post("/of/{rule_id}/switch-off")
def switch_off(
    request: Request, services: ServicesDep, signer: SignerDep, session: SessionDep, sent: PublisherForm, rule_id: str
) -> Response:
    """Let a rule run no longer, with a reason, one that came with the product too. Rolling back gives it back."""
    rule = next((r for r in services.screeners.screener.book.rules if r.id == rule_id and r.status != "draft"), None)
    if rule is None:
        raise ServiceError(409, "This rule does not run.")
    rows = versions(session, rule_id)
    if rows:
        newest(session, rule_id, _version(sent))
    add_version(session, signer, sent.me, rule_id, toml_of(rule.source), "off", _reason(sent))
    return _in_force(request, signer, session, f"/rules/of/{rule_id}?said=off")


@router.post("/of/{rule_id}/roll-back")
def roll_back(request: Request, signer: SignerDep, session: SessionDep, sent: PublisherForm, rule_id: str) -> Response:
    """Bring back what ran before, with a reason."""
    newest(session, rule_id, _version(sent))
    rolled_back(session, signer, sent.me, rule_id, f"Rolled back: {_reason(sent)}")
    return _in_force(request, signer, session, f"/rules/of/{rule_id}?said=rolled")


def _reason(sent: PostedForm) -> str:
    reason = sent.text("note", 500)
    if not reason:
        raise ServiceError(422, "note: say why.")
    return reason


def _in_force(request: Request, signer: VersionSigner, session: SessionDep, path: str) -> Response:
    check_book(session, signer)
    return go(request, path)


def _version(sent: PostedForm) -> int:
    text = sent.text("version", 20)
    if not text.isdigit():
        raise ServiceError(422, "version: the version that you looked at.")
    return int(text)
