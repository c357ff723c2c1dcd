"""The page to sign in on, with what went wrong; its form carries a token that a cookie repeats."""

import hmac

from fastapi import Request
from fastapi.responses import HTMLResponse

from service.dependencies import services_of
from service.review.auth.cookies import keep, sign_in_of
from service.review.auth.sign_in import FORM_LIFE
from service.review.web.pages import page

LOGIN_CSRF_COOKIE = "review_gate"
OLD_FORM = "The page was open too long, or this form was sent already. Try again."


def sign_in_page(
    request: Request, *, wrong: str = "", name: str = "", status: int = 200, following: str = ""
) -> HTMLResponse:
    """The page, with the ways to sign in that the settings allow."""
    token, settings = sign_in_of(request).form_token(), services_of(request).settings
    answer = page(
        request, "auth/login.html", None, status=status, token=token, wrong=wrong, name=name, next=following,
        passwords=settings.password_sign_in == "on", oidc=bool(settings.oidc_issuer),
    )  # fmt: skip
    keep(request, answer, LOGIN_CSRF_COOKIE, token, FORM_LIFE)
    return answer


def is_own_form(request: Request, token: str) -> bool:
    """Whether the form was on a page that we gave to this browser."""
    gate = request.cookies.get(LOGIN_CSRF_COOKIE, "")
    return bool(gate) and hmac.compare_digest(token.encode("utf-8", "replace"), gate.encode("utf-8", "replace"))
