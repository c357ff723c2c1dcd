"""What a route of the desk may ask for: who is signed in, and a form that they truly sent."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from service.dependencies import ServicesDep
from service.http.errors import ServiceError
from service.review.auth.roles import Reviewer
from service.review.auth.sessions import COOKIE, SessionLife, is_renewal_due, renew, signed_in_reviewer
from service.settings import Settings
from service.storage.database import Database

MOST_FIELDS = 400
_BY_ITSELF = "/renew"
"""Where the path ends so, the page asks by itself: that is nobody at the desk."""


async def posted_form(request: Request) -> FormData:
    """The form of a request."""
    return await request.form(max_fields=MOST_FIELDS, max_files=1)


def signed_in(request: Request, services: ServicesDep) -> Reviewer:
    """Who sends the request; the session is in use. Raises the 401."""
    secret, life = request.cookies.get(COOKIE, ""), session_life(services.settings)
    with services.database.reading() as session:
        me = signed_in_reviewer(session, secret)
        due = me is not None and not request.url.path.endswith(_BY_ITSELF) and is_renewal_due(session, secret, life)
    if me is None:
        raise ServiceError(401, "Sign in first.")
    if due:
        with services.database.writing() as session:
            renew(session, secret, life)
    return me


def session_life(settings: Settings) -> SessionLife:
    """How long sessions last by the settings."""
    return SessionLife(timedelta(hours=settings.session_hours), timedelta(minutes=settings.session_idle_minutes))


FormDep = Annotated[FormData, Depends(posted_form)]
ReviewerDep = Annotated[Reviewer, Depends(signed_in)]


@dataclass(frozen=True, slots=True)
class PostedForm:
    """A form that the reviewer's own page sent: its CSRF token was theirs."""

    me: Reviewer
    form: FormData

    def text(self, name: str, most: int = 4000) -> str:
        """A field's text without surrounding space, empty if absent. Raises the 422 where it is too long."""
        value = self.form.get(name)
        text = value.strip() if isinstance(value, str) else ""
        if len(text) > most:
            raise ServiceError(422, f"{name}: at most {most} characters.")
        return text.replace("\r\n", "\n")

    def secret(self, name: str, most: int) -> str:
        """A password, exactly as typed. Raises the 422 where it is too long."""
        value = self.form.get(name)
        if isinstance(value, str) and len(value) > most:
            raise ServiceError(422, f"{name}: at most {most} characters.")
        return value if isinstance(value, str) else ""

    def texts(self, name: str) -> list[str]:
        """All values of a field."""
        return [value for value in self.form.getlist(name) if isinstance(value, str)]


def posted(me: ReviewerDep, form: FormDep) -> PostedForm:  # in this order: who is nobody has no form read
    """The form, once its token is found to be the session's. Raises the 403."""
    token = form.get("csrf")
    if not isinstance(token, str) or not hmac.compare_digest(token.encode(), me.csrf.encode()):
        raise ServiceError(403, "This form is from another session; open the page again.")
    return PostedForm(me, form)


OwnForm = Annotated[PostedForm, Depends(posted)]


def allowed(right: str) -> Callable[[Reviewer], Reviewer]:
    """A dependency: the reviewer, if their role has a right. Raises the 403."""

    def check(me: ReviewerDep) -> Reviewer:
        if not me.may(right):
            raise ServiceError(403, f"Your role does not give the right to {right}.")
        return me

    return check


def posting(right: str) -> Callable[[PostedForm], PostedForm]:
    """A dependency: the form of somebody whose role has a right. Raises the 403."""

    def check(sent: Annotated[PostedForm, Depends(posted)]) -> PostedForm:
        if not sent.me.may(right):
            raise ServiceError(403, f"Your role does not give the right to {right}.")
        return sent

    return check


DeciderForm = Annotated[PostedForm, Depends(posting("decide"))]
LeadForm = Annotated[PostedForm, Depends(posting("lead"))]


def write(database: Database, work: Callable[[Session], str]) -> str:
    """Do one piece of work in a writing transaction; what it returns, once it is on disk."""
    with database.writing() as session:
        return work(session)
