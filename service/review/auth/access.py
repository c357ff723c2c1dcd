"""What a route of the desk may ask for: who is signed in, and a form that they truly sent."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from service.dependencies import ServicesDep
from service.http.errors import ServiceError
from service.review.auth.roles import Reviewer
from service.review.auth.sessions import COOKIE, signed_in_reviewer
from service.storage.database import Database

MOST_FIELDS = 400


async def posted_form(request: Request) -> FormData:
    """The form of a request."""
    return await request.form(max_fields=MOST_FIELDS, max_files=1)


def signed_in(request: Request, services: ServicesDep) -> Reviewer:
    """Who sends the request. Raises the 401."""
    with services.database.reading() as session:
        me = signed_in_reviewer(session, request.cookies.get(COOKIE))
    if me is None:
        raise ServiceError(401, "Sign in first.")
    return me


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

    def texts(self, name: str) -> list[str]:
        """All values of a field."""
        return [value for value in self.form.getlist(name) if isinstance(value, str)]


def posted(form: FormDep, me: ReviewerDep) -> PostedForm:
    """The form, once its token is found to be the session's. Raises the 403."""
    token = form.get("csrf")
    if not isinstance(token, str) or not hmac.compare_digest(token.encode(), me.csrf.encode()):
        raise ServiceError(403, "This form is from another session; open the page again.")
    return PostedForm(me, form)


def allowed(right: str) -> Callable[[Reviewer], Reviewer]:
    """A dependency: the reviewer, if their role has a right. Raises the 403."""

    def check(me: ReviewerDep) -> Reviewer:
        if not me.may(right):
            raise ServiceError(403, f"Your role has not the right to {right}.")
        return me

    return check


def posting(right: str) -> Callable[[PostedForm], PostedForm]:
    """A dependency: the form of somebody whose role has a right. Raises the 403."""

    def check(sent: Annotated[PostedForm, Depends(posted)]) -> PostedForm:
        if not sent.me.may(right):
            raise ServiceError(403, f"Your role has not the right to {right}.")
        return sent

    return check


DeciderForm = Annotated[PostedForm, Depends(posting("decide"))]
LeadForm = Annotated[PostedForm, Depends(posting("lead"))]


def write(database: Database, work: Callable[[Session], str]) -> str:
    """Do one piece of work in a writing transaction; what it returns, once it is on disk."""
    with database.writing() as session:
        return work(session)
