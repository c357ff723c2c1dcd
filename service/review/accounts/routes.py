"""Users of the desk: an administrator adds them, gives roles and new passwords, and shuts them out."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse
from sqlalchemy import select

from service.dependencies import SessionDep
from service.http.errors import ServiceError
from service.review.auth.access import PostedForm, allowed, posting
from service.review.auth.roles import RIGHTS, Reviewer
from service.review.auth.second_factor.own import remove
from service.review.web.pages import PageRoute, go, page
from service.storage.audit import note
from service.storage.encryption import Encryptor
from service.storage.second_factors import SecondFactors
from service.storage.tables.review import UserRow
from service.storage.users import LONGEST_PASSWORD, UserError, Users

router = APIRouter(prefix="/review", include_in_schema=False, route_class=PageRoute)
AdministratorForm = Annotated[PostedForm, Depends(posting("people"))]


@router.get("/people", response_class=HTMLResponse)
def people(request: Request, session: SessionDep, me: Annotated[Reviewer, Depends(allowed("people"))]) -> Response:
    """Everyone who may sign in."""
    users, with_factor = Users(session).all(), SecondFactors(session, Encryptor()).users()
    return page(request, "accounts/people.html", me, here="People", users=users, roles=RIGHTS, with_factor=with_factor)


@router.post("/people")
def add(request: Request, session: SessionDep, sent: AdministratorForm) -> Response:
    """Add a user."""
    name, role = sent.text("name", 100), sent.text("role", 15)
    if not name:
        raise ServiceError(422, "name: give the user a name.")
    try:
        Users(session).add(name, role, sent.text("password", LONGEST_PASSWORD), datetime.now(UTC))
    except UserError as error:
        raise ServiceError(422, str(error)) from None
    note(session, sent.me.name, "user_added", f"user:{name}", after={"role": role})
    return go(request, "/people?said=saved")


@router.post("/people/{user}")
def change(request: Request, session: SessionDep, sent: AdministratorForm, user: int) -> Response:
    """Give a role or a new password, shut out or let in again. Their sessions end."""
    row = session.scalar(select(UserRow).where(UserRow.id == user).with_for_update())
    if row is None:
        raise ServiceError(404, "No user has this id.")
    if row.id == sent.me.id:
        raise ServiceError(409, "Another administrator changes your own rights.")
    before = {"role": row.role, "disabled": row.disabled_at is not None}
    if role := sent.text("role", 15):
        if role not in RIGHTS:
            raise ServiceError(422, f"role: one of {', '.join(RIGHTS)}.")
        row.role = role
    row.disabled_at = datetime.now(UTC) if sent.text("disabled", 1) else None
    if password := sent.text("password", LONGEST_PASSWORD):
        try:
            Users(session).set_password(row.name, password)
        except UserError as error:
            raise ServiceError(422, str(error)) from None
    if sent.text("second_factor", 1):
        remove(session, Encryptor(), sent.me.name, row.id, row.name)
    Users(session).end_sessions(row.id)
    after = {"role": row.role, "disabled": row.disabled_at is not None, "new_password": bool(password)}
    note(session, sent.me.name, "user_changed", f"user:{row.name}", before=before, after=after)
    return go(request, "/people?said=saved")
