"""What the desk's routes take from a request to sign somebody in, and the cookies that they set."""

from fastapi import Request, Response

from service.review.auth.sign_in import SignIn
from service.review.web.pages import base_of


def sign_in_of(request: Request) -> SignIn:
    """The sign-in of this process."""
    found: SignIn = request.app.state.sign_in
    return found


def address_of(request: Request) -> str:
    """Where the request comes from, as the server sees it: with a proxy, see FORWARDED_ALLOW_IPS of uvicorn."""
    return request.client.host if request.client else "unknown"


def keep(request: Request, answer: Response, name: str, value: str, seconds: int) -> None:
    """Set a cookie of the desk, out of reach of scripts and of other sites."""
    secure = request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"
    answer.set_cookie(name, value, max_age=seconds, path=base_of(request), httponly=True, samesite="lax", secure=secure)
