"""The page on which somebody changes the keys of the desk, or switches the letters off."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from service.dependencies import SessionDep
from service.review.accounts.own_keys import KEYS, OwnKeys, keep_keys, own_keys
from service.review.auth.access import OwnForm, ReviewerDep
from service.review.web.pages import PageRoute, go, page

router = APIRouter(prefix="/review", include_in_schema=False, route_class=PageRoute)


@router.get("/keys", response_class=HTMLResponse)
def keys(request: Request, session: SessionDep, me: ReviewerDep) -> Response:
    """Every key with what it does."""
    return page(request, "accounts/keys.html", me, keys=KEYS, own=own_keys(session, me))


@router.post("/keys")
def change_keys(request: Request, session: SessionDep, sent: OwnForm) -> Response:
    """Keep one's own keys; the usual ones again where the form asks for them."""
    letters = {usual: key for usual in KEYS if (key := sent.text(f"key-{usual}", 1)) and key != usual}
    wanted = OwnKeys() if sent.text("usual", 1) else OwnKeys(bool(sent.text("off", 1)), letters)
    keep_keys(session, sent.me, wanted)
    return go(request, "/keys?said=saved")
