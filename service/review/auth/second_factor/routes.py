"""The page that asks for a code, and the page on which people set up their second factor."""

import logging

import segno
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse
from markupsafe import Markup
from pyotp import TOTP

from service.dependencies import Services, ServicesDep, SessionDep
from service.http.errors import ServiceError
from service.review.auth.access import FormDep, OwnForm, PostedForm, ReviewerDep
from service.review.auth.cookies import address_of, is_desk_page, keep, sign_in_of
from service.review.auth.roles import Reviewer
from service.review.auth.second_factor import step
from service.review.auth.second_factor.own import begin, confirm, remove, renew_recovery
from service.review.auth.sessions import COOKIE
from service.review.auth.sign_in import BROWSER_COOKIE, BROWSER_LIFE, FORM_LIFE
from service.review.auth.sign_in_limits import SignInDelayedError
from service.review.auth.sign_in_page import LOGIN_CSRF_COOKIE, OLD_FORM, is_own_form, sign_in_page
from service.review.web.pages import PageRoute, base_of, go, page
from service.storage.encryption import EncryptionError
from service.storage.second_factors import SecondFactors
from service.storage.tables.review import UserRow
from service.storage.users import LONGEST_PASSWORD, NO_PASSWORD
from service.telemetry.logs import event

router = APIRouter(prefix="/review", include_in_schema=False, route_class=PageRoute)
LONGEST_CODE = 40


@router.get("/login/code", response_class=HTMLResponse)
def ask(request: Request, services: ServicesDep) -> Response:
    """The form for the code."""
    if step.in_step(services, sign_in_of(request), request.cookies.get(step.STEP_COOKIE, "")) is None:
        return sign_in_page(request, wrong=OLD_FORM, status=403)
    return _asked(request, following=request.query_params.get("next", ""))


@router.post("/login/code")
async def take(request: Request, services: ServicesDep, form: FormDep) -> Response:
    """A code in, a session out."""
    sign_in, following = sign_in_of(request), str(form.get("next") or "")
    cookie = request.cookies.get(step.STEP_COOKIE, "")
    who = await run_in_threadpool(step.in_step, services, sign_in, cookie)
    if who is None or not is_own_form(request, str(form.get("csrf") or "")):
        return sign_in_page(request, wrong=OLD_FORM, status=403, following=following)
    browser = request.cookies.get(BROWSER_COOKIE, "")
    known = sign_in.known_browser(browser, who.name)
    try:
        attempt = sign_in.limits.begin(f"code\0{who.name}", address_of(request), f"code\0{known}" if known else None)
    except SignInDelayedError as error:
        wrong = f"That was too often. {error}"
        return _asked(request, wrong, 429, following, {"retry-after": str(error.seconds)})
    code, before = str(form.get("code") or "")[:LONGEST_CODE], sign_in.limits.failures(attempt)
    try:
        secret = await run_in_threadpool(step.start_by_code, services, who, code, before)
    except EncryptionError as error:
        event("second-factor-unreadable", level=logging.ERROR, user=who.name, reason=str(error))
        words = "Your second factor cannot be read. Use a recovery code, or ask an administrator to take it away."
        return _asked(request, words, 503, following)
    if secret is None:
        if sign_in.limits.failed(attempt):
            await run_in_threadpool(step.note_refused_code, services, who)
        return _asked(request, "This code is not right, or was used before.", 403, following)
    sign_in.limits.succeeded(attempt)
    answer = go(request, following if is_desk_page(following) else "")
    keep(request, answer, COOKIE, secret, services.settings.session_hours * 3600)
    if known is None:
        keep(request, answer, BROWSER_COOKIE, sign_in.browser_token(who.name), BROWSER_LIFE)
    for done in (LOGIN_CSRF_COOKIE, step.STEP_COOKIE):
        answer.delete_cookie(done, path=base_of(request))
    return answer


def _asked(
    request: Request, wrong: str = "", status: int = 200, following: str = "", headers: dict[str, str] | None = None
) -> HTMLResponse:
    token = sign_in_of(request).form_token()
    answer = page(
        request, "auth/second_factor/code.html", None, status=status, token=token, wrong=wrong, next=following
    )
    answer.headers.update(headers or {})
    keep(request, answer, LOGIN_CSRF_COOKIE, token, FORM_LIFE)
    return answer


@router.get("/account/second-factor", response_class=HTMLResponse)
def own(request: Request, services: ServicesDep, session: SessionDep, me: ReviewerDep) -> Response:
    """Whether one has a second factor, and the forms to change that."""
    factor = SecondFactors(session, services.encryptor).of(me.id)
    has_password = session.get_one(UserRow, me.id).password_hash != NO_PASSWORD
    return page(request, "auth/second_factor/own.html", me, factor=factor, has_password=has_password)


@router.post("/account/second-factor/begin")
async def begin_own(request: Request, services: ServicesDep, sent: OwnForm) -> Response:
    """A new secret to put into an authenticator app."""
    await _check_password(request, sent)
    secret = await run_in_threadpool(begin, services, sent.me)
    return _shown(request, sent.me, secret)


@router.post("/account/second-factor/confirm")
def confirm_own(request: Request, services: ServicesDep, sent: OwnForm) -> Response:
    """The first code: from now on one is asked for."""
    codes = confirm(services, sent.me, sent.text("code", LONGEST_CODE))
    if isinstance(codes, str):
        return _shown(request, sent.me, codes, "This code is not right. Is the clock of your phone?")
    return page(request, "auth/second_factor/recovery.html", sent.me, codes=codes)


@router.post("/account/second-factor/recovery")
async def renew_own(request: Request, services: ServicesDep, sent: OwnForm) -> Response:
    """Other recovery codes."""
    await _check_password(request, sent)
    codes = await run_in_threadpool(renew_recovery, services, sent.me)
    return page(request, "auth/second_factor/recovery.html", sent.me, codes=codes)


@router.post("/account/second-factor/remove")
async def remove_own(request: Request, services: ServicesDep, sent: OwnForm) -> Response:
    """The password alone again."""
    await _check_password(request, sent)
    await run_in_threadpool(_removed, services, sent.me)
    return go(request, "/account/second-factor?said=saved")


def _removed(services: Services, me: Reviewer) -> None:
    with services.database.writing() as session:
        remove(session, services.encryptor, me.name, me.id, me.name)


async def _check_password(request: Request, sent: PostedForm) -> None:
    """A session that was left open changes nothing here. Raises the 403 or 429."""
    password = sent.secret("password", LONGEST_PASSWORD)
    try:
        right = await sign_in_of(request).right_password(sent.me.name, password, address_of(request))
    except SignInDelayedError as error:
        raise ServiceError(429, f"That was too often. {error}", headers={"Retry-After": str(error.seconds)}) from None
    if not right:
        raise ServiceError(403, "This is not your password.")


def _shown(request: Request, me: Reviewer, secret: str, wrong: str = "") -> HTMLResponse:
    uri = TOTP(secret).provisioning_uri(name=me.name, issuer_name="Draft screening")
    svg = segno.make(uri, error="m").svg_inline(scale=4, border=4, dark="#000", light="#fff", title="QR code")
    return page(
        request, "auth/second_factor/set_up.html", me, status=422 if wrong else 200, wrong=wrong, uri=uri,
        secret=" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)), picture=Markup(svg),
    )  # fmt: skip
