"""Signing in and out, and the desk's own files."""

import hashlib
import hmac
import re
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse

from service.dependencies import Services, ServicesDep
from service.http.errors import ServiceError
from service.review.auth.access import FormDep, PostedForm, posted, session_life
from service.review.auth.cookies import address_of, keep, sign_in_of
from service.review.auth.sessions import COOKIE, refused, sign_out, start
from service.review.auth.sign_in import BROWSER_LIFE, FORM_LIFE, FormUsedError, SignInForm
from service.review.auth.sign_in_limits import SignInDelayedError
from service.review.cases.claims import release_all
from service.review.web.pages import STATIC, PageRoute, base_of, go, page
from service.storage.users import User
from service.style import TOKENS_CSS

router = APIRouter(prefix="/review", include_in_schema=False, route_class=PageRoute)
LOGIN_CSRF_COOKIE = "review_gate"
BROWSER_COOKIE = "review_browser"
_OLD_FORM = "The page was open too long, or this form was sent already. Try again."
_PAGE = re.compile(r"(?:/(?!/)|\?)[\w/?&=%.+~-]{0,1000}")
"""A page of the desk, as an address continues after `/review`: where somebody was when their session ended."""
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
    return _form(request, following=request.query_params.get("next", ""))


@router.post("/login")
async def log_in(request: Request, services: ServicesDep, form: FormDep) -> Response:
    """Name and password in, a session out."""
    token, gate = str(form.get("csrf") or ""), request.cookies.get(LOGIN_CSRF_COOKIE, "")
    name, password = str(form.get("name") or "").strip(), str(form.get("password") or "")
    following = str(form.get("next") or "")

    def again(wrong: str, status: int, headers: dict[str, str] | None = None) -> Response:
        answer = _form(request, wrong=wrong, name=name, status=status, following=following)
        answer.headers.update(headers or {})
        return answer

    if not gate or not hmac.compare_digest(token.encode("utf-8", "replace"), gate.encode("utf-8", "replace")):
        return again(_OLD_FORM, 403)
    sign_in = sign_in_of(request)
    browser = request.cookies.get(BROWSER_COOKIE, "")
    try:
        outcome = await sign_in.guess(SignInForm(token, name, password, address_of(request), browser))
    except FormUsedError:
        return again(_OLD_FORM, 403)
    except SignInDelayedError as error:
        return again(f"That was too often. {error}", 429, {"retry-after": str(error.seconds)})
    if outcome.user is None:
        if outcome.first_of_burst:
            await run_in_threadpool(_note_refusal, services, name)
        return again("This name and password do not go together.", 403)
    secret = await run_in_threadpool(_start, services, outcome.user, outcome.refused_before)
    answer = go(request, following if _PAGE.fullmatch(following) else "")
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


@router.post("/logout")
def log_out(request: Request, services: ServicesDep, sent: Annotated[PostedForm, Depends(posted)]) -> Response:
    """End the session; what was claimed goes back to the queue."""
    with services.database.writing() as session:
        release_all(session, sent.me)
        sign_out(session, request.cookies.get(COOKIE, ""), sent.me)
    answer = go(request, "/login")
    answer.delete_cookie(COOKIE, path=base_of(request))
    return answer


def _form(request: Request, *, wrong: str = "", name: str = "", status: int = 200, following: str = "") -> Response:
    token = sign_in_of(request).form_token()
    answer = page(request, "auth/login.html", None, status=status, token=token, wrong=wrong, name=name, next=following)
    keep(request, answer, LOGIN_CSRF_COOKIE, token, FORM_LIFE)
    return answer
