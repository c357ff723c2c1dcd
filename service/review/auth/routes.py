"""Signing in and out, and the desk's own files."""

import hashlib
import hmac
import re
import secrets

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from service.dependencies import ServicesDep
from service.http.errors import ServiceError
from service.review.auth.access import FormDep, posted
from service.review.auth.access import signed_in as require_sign_in
from service.review.auth.sessions import COOKIE, SignInRefusedError, check, refused, sign_out, start
from service.review.cases.claims import release_all
from service.review.web.pages import STATIC, PageRoute, base_of, go, page
from service.style import TOKENS_CSS

router = APIRouter(prefix="/review", include_in_schema=False, route_class=PageRoute)
LOGIN_CSRF_COOKIE = "review_gate"
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
def log_in(request: Request, services: ServicesDep, form: FormDep) -> Response:
    """Name and password in, a session out."""
    token, gate = str(form.get("csrf") or ""), request.cookies.get(LOGIN_CSRF_COOKIE, "")
    name, password = str(form.get("name") or "").strip(), str(form.get("password") or "")
    following = str(form.get("next") or "")
    if not gate or not hmac.compare_digest(token.encode(), gate.encode()):
        return _form(request, wrong="The page was open too long. Try again.", name=name, following=following)
    try:
        with services.database.reading() as session:
            user = check(session, name, password)
    except SignInRefusedError as error:
        return _form(request, wrong=str(error), name=name, status=429, following=following)
    with services.database.writing() as session:
        if user is None:
            refused(session, name)
            wrong = "This name and password do not go together."
            return _form(request, wrong=wrong, name=name, status=403, following=following)
        secret = start(session, user, services.settings.session_hours)
    answer = go(request, following if _PAGE.fullmatch(following) else "")
    _keep(request, answer, COOKIE, secret, services.settings.session_hours * 3600)
    answer.delete_cookie(LOGIN_CSRF_COOKIE, path=base_of(request))
    return answer


@router.post("/logout")
def log_out(request: Request, services: ServicesDep, form: FormDep) -> Response:
    """End the session; what was claimed goes back to the queue."""
    sent = posted(form, require_sign_in(request, services))
    with services.database.writing() as session:
        release_all(session, sent.me)
        sign_out(session, request.cookies.get(COOKIE, ""), sent.me)
    answer = go(request, "/login")
    answer.delete_cookie(COOKIE, path=base_of(request))
    return answer


def _form(request: Request, *, wrong: str = "", name: str = "", status: int = 200, following: str = "") -> Response:
    token = secrets.token_hex(16)
    answer = page(request, "auth/login.html", None, status=status, token=token, wrong=wrong, name=name, next=following)
    _keep(request, answer, LOGIN_CSRF_COOKIE, token, 3600)
    return answer


def _keep(request: Request, answer: Response, name: str, value: str, seconds: int) -> None:
    secure = request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"
    answer.set_cookie(name, value, max_age=seconds, path=base_of(request), httponly=True, samesite="lax", secure=secure)
