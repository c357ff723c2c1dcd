"""One's own account: a new password, and the browsers that one is signed in from."""

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse

from service.dependencies import Services, ServicesDep, SessionDep
from service.http.errors import ServiceError
from service.review.auth.access import OwnForm, ReviewerDep, session_life
from service.review.auth.cookies import address_of, keep, sign_in_of
from service.review.auth.roles import Reviewer
from service.review.auth.sessions import COOKIE, end_own, sessions_of, start_again
from service.review.auth.sign_in_limits import SignInDelayedError
from service.review.web.pages import PageRoute, go, page
from service.storage.tables.review import UserRow
from service.storage.users import LONGEST_PASSWORD, NO_PASSWORD, SHORTEST_PASSWORD, UserError, Users, hash_password

router = APIRouter(prefix="/review", include_in_schema=False, route_class=PageRoute)


@router.get("/account", response_class=HTMLResponse)
def account(request: Request, services: ServicesDep, session: SessionDep, me: ReviewerDep) -> Response:
    """The page."""
    found = sessions_of(session, me, request.cookies.get(COOKIE, ""), session_life(services.settings))
    known = session.get_one(UserRow, me.id).password_hash != NO_PASSWORD
    return page(request, "accounts/account.html", me, sessions=found, shortest=SHORTEST_PASSWORD, has_password=known)


@router.post("/account/password")
async def change_password(request: Request, services: ServicesDep, sent: OwnForm) -> Response:
    """Change one's own password: all sessions end, and one begins here."""
    old, new = sent.secret("old", LONGEST_PASSWORD), sent.secret("new", LONGEST_PASSWORD)
    try:
        right = await sign_in_of(request).right_password(sent.me.name, old, address_of(request))
    except SignInDelayedError as error:
        raise ServiceError(429, f"That was too often. {error}", headers={"Retry-After": str(error.seconds)}) from None
    if not right:
        raise ServiceError(403, "The password that you have now is not right.")
    if new != sent.secret("again", LONGEST_PASSWORD):
        raise ServiceError(422, "again: the new password twice, alike.")
    secret = await run_in_threadpool(_changed, services, sent.me, new)
    answer = go(request, "/account?said=saved")
    keep(request, answer, COOKIE, secret, services.settings.session_hours * 3600)
    return answer


def _changed(services: Services, me: Reviewer, password: str) -> str:
    try:
        hashed = hash_password(password)  # before the transaction: no writer should wait for it
    except UserError as error:
        raise ServiceError(422, f"new: {error}.") from None
    with services.database.writing() as session:
        Users(session).set_password_hash(me.name, hashed)
        return start_again(session, me, session_life(services.settings))


@router.post("/account/sessions/{id}/end")
def end_session(request: Request, session: SessionDep, sent: OwnForm, id: str) -> Response:
    """End one of one's own sessions."""
    if not end_own(session, sent.me, id):
        raise ServiceError(404, "No session of yours has this id.")
    return go(request, "/account?said=saved")
