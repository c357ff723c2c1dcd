"""Signing in and out, and the desk's own files."""

import hashlib
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse

from service.dependencies import Services, ServicesDep
from service.http.errors import ServiceError
from service.review.auth.access import FormDep, PostedForm, posted, session_life
from service.review.auth.cookies import address_of, is_desk_page, keep, sign_in_of
from service.review.auth.second_factor import step
from service.review.auth.sessions import COOKIE, refused, sign_out, start
from service.review.auth.sign_in import BROWSER_COOKIE, BROWSER_LIFE, FormUsedError, SignInForm, SignInOutcome
from service.review.auth.sign_in_limits import SignInDelayedError
from service.review.auth.sign_in_page import LOGIN_CSRF_COOKIE, OLD_FORM, is_own_form, sign_in_page
from service.review.cases.claims import release_all
from service.review.web.pages import STATIC, PageRoute, base_of, go
from service.storage.users import User
from service.style import TOKENS_CSS

router = APIRouter(prefix="/review", include_in_schema=False, route_class=PageRoute)
_KINDS = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
_FILES = {
    path.name: TOKENS_CSS.encode() * (path.suffix == ".css") + path.read_bytes()
    for path in STATIC.iterdir()
    if path.suffix in _KINDS
}
_TAGS = {name: f'"{hashlib.sha256(data).hexdigest()[:16]}"' for name, data in _FILES.items()}


@router.get("/static/{name}")
def static(request: Request, name: str) -> Response:
    """A style sheet or module of the desk."""
    if name not in _FILES:
        raise ServiceError(404, "There is no such file.")
    headers = {"etag": _TAGS[name], "cache-control": "no-cache", "x-content-type-options": "nosniff"}
    if request.headers.get("if-none-match") == _TAGS[name]:
        return Response(status_code=304, headers=headers)
    return Response(_FILES[name], media_type=_KINDS["." + name.rsplit(".", 1)[1]], headers=headers)


@router.get("/login", response_class=HTMLResponse)
def login_page(request: Request) -> Response:
    """The form."""
    return sign_in_page(request, following=request.query_params.get("next", ""))


@router.post("/login")
async def log_in(request: Request, services: ServicesDep, form: FormDep) -> Response:
    """Name and password in, a session out."""
    if services.settings.password_sign_in == "off":
        return sign_in_page(request, wrong="Passwords are switched off here.", status=403)
    token = str(form.get("csrf") or "")
    name, password = str(form.get("name") or "").strip(), str(form.get("password") or "")
    following = str(form.get("next") or "")

    def again(wrong: str, status: int, headers: dict[str, str] | None = None) -> Response:
        answer = sign_in_page(request, wrong=wrong, name=name, status=status, following=following)
        answer.headers.update(headers or {})
        return answer

    if not is_own_form(request, token):
        return again(OLD_FORM, 403)
    sign_in = sign_in_of(request)
    browser = request.cookies.get(BROWSER_COOKIE, "")
    try:
        outcome = await sign_in.guess(SignInForm(token, name, password, address_of(request), browser))
    except FormUsedError:
        return again(OLD_FORM, 403)
    except SignInDelayedError as error:
        return again(f"That was too often. {error}", 429, {"retry-after": str(error.seconds)})
    if outcome.user is None:
        if outcome.first_of_burst:
            await run_in_threadpool(_note_refusal, services, name)
        return again("This name and password do not go together.", 403)
    if await run_in_threadpool(step.needs_code, services, outcome.user):
        return await run_in_threadpool(_ask_for_code, request, services, outcome, following)
    secret = await run_in_threadpool(_start, services, outcome.user, outcome.refused_before)
    answer = go(request, following if is_desk_page(following) else "")
    keep(request, answer, COOKIE, secret, services.settings.session_hours * 3600)
    if sign_in.known_browser(browser, name) is None:
        keep(request, answer, BROWSER_COOKIE, sign_in.browser_token(name), BROWSER_LIFE)
    answer.delete_cookie(LOGIN_CSRF_COOKIE, path=base_of(request))
    return answer


def _note_refusal(services: Services, name: str) -> None:
    with services.database.writing() as session:
        refused(session, name)


def _start(services: Services, user: User, refused_before: int) -> str:
    life = session_life(services.settings)
    with services.database.writing() as session:
        return start(session, user.id, user.name, life, refused_before=refused_before)


def _ask_for_code(request: Request, services: Services, outcome: SignInOutcome, following: str) -> Response:
    token = step.step_token(services, sign_in_of(request), outcome)
    answer = go(request, "/login/code" + (f"?{urlencode({'next': following})}" if is_desk_page(following) else ""))
    keep(request, answer, step.STEP_COOKIE, token, step.STEP_LIFE)
    return answer


@router.post("/logout")
def log_out(request: Request, services: ServicesDep, sent: Annotated[PostedForm, Depends(posted)]) -> Response:
    """End the session; what was claimed goes back to the queue."""
    with services.database.writing() as session:
        release_all(session, sent.me)
        sign_out(session, request.cookies.get(COOKIE, ""), sent.me)
    answer = go(request, "/login")
    answer.delete_cookie(COOKIE, path=base_of(request))
    return answer
