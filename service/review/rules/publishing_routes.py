"""What leads do to rules: keep a draft, run it in shadow (a live rule's beside itself), publish it, roll it back."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from service.dependencies import Services, ServicesDep, SessionDep
from service.http.errors import ServiceError
from service.review.auth.access import LeadForm, PostedForm, posting
from service.review.rules.backtest import lint
from service.review.rules.files import entry_of, toml_of
from service.review.rules.live_rule_book import check_book
from service.review.rules.signatures import SignerDep, VersionSigner
from service.review.rules.versions import TRIAL, add_version, in_force, newest, on_trial, rolled_back, versions
from service.review.web.pages import PageRoute, go

router = APIRouter(prefix="/review/rules", include_in_schema=False, route_class=PageRoute)
PublisherForm = Annotated[PostedForm, Depends(posting("publish"))]


@router.post("/save")
def save(request: Request, services: ServicesDep, signer: SignerDep, session: SessionDep, sent: LeadForm) -> Response:
    """Keep a draft; one that does not pass its own examples is refused."""
    source = sent.text("source", 20_000)
    if faults := lint(services.screeners.screener.policy, source):
        raise ServiceError(
            422, f"source: {faults[0].reason}" + (f": “{faults[0].sentence}”" if faults[0].sentence else "")
        )
    entry = {**entry_of(source), "status": "draft"}
    if entry["id"].endswith(TRIAL):
        raise ServiceError(422, f"source: an id that ends in {TRIAL} is a changed rule's in shadow; choose another.")
    add_version(session, signer, sent.me, entry["id"], toml_of(entry), "draft", sent.text("note", 500))
    return go(request, f"/rules/of/{entry['id']}?said=saved")


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


@router.post("/of/{rule_id}/publish")
def publish(request: Request, signer: SignerDep, session: SessionDep, sent: PublisherForm, rule_id: str) -> Response:
    """Make the newest version live; a right of its own."""
    row = newest(session, rule_id, _version(sent))
    add_version(session, signer, sent.me, rule_id, row.source, "live", sent.text("note", 500))
    return _in_force(request, signer, session, f"/rules/of/{rule_id}?said=published")


@router.post("/of/{rule_id}/roll-back")
def roll_back(request: Request, signer: SignerDep, session: SessionDep, sent: PublisherForm, rule_id: str) -> Response:
    """Bring back what ran before."""
    newest(session, rule_id, _version(sent))
    rolled_back(session, signer, sent.me, rule_id, sent.text("note", 500))
    return _in_force(request, signer, session, f"/rules/of/{rule_id}?said=rolled")


def _in_force(request: Request, signer: VersionSigner, session: SessionDep, path: str) -> Response:
    check_book(session, signer)
    return go(request, path)


def _version(sent: PostedForm) -> int:
    text = sent.text("version", 20)
    if not text.isdigit():
        raise ServiceError(422, "version: the version that you looked at.")
    return int(text)
