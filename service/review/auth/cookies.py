"""What the desk's routes take from a request to sign somebody in, and the cookies that they set."""

import re

from fastapi import Request, Response

from service.review.auth.sign_in import SignIn
from service.review.web.pages import base_of

_PAGE = re.compile(r"(?:/(?!/)|\?)[\w/?&=%.+~-]{0,1000}")


def sign_in_of(request: Request) -> SignIn:
    """The sign-in of this process."""
    found: SignIn = request.app.state.sign_in
    return found


def address_of(request: Request) -> str:
    """Where the request comes from, as the server sees it: with a proxy, see FORWARDED_ALLOW_IPS of uvicorn."""
    return request.client.host if request.client else "unknown"


def keep(request: Request, answer: Response, name: str, value: str, seconds: int) -> None:
    """Set a cookie of the desk, out of reach of scripts and of other sites."""
    secure = is_secure(request)
    answer.set_cookie(name, value, max_age=seconds, path=base_of(request), httponly=True, samesite="lax", secure=secure)


def is_secure(request: Request) -> bool:
    """Whether the browser speaks TLS, be it to a proxy."""
    return request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"


def is_desk_page(address: str) -> bool:
    """Whether this is a page of the desk, as an address continues after `/review`: never another site."""
    return _PAGE.fullmatch(address) is not None
