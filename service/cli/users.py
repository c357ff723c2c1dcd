"""`users create | list | disable | password`: who signs in to the console."""

import secrets
from datetime import UTC, datetime
from typing import Annotated

import typer

from service.cli.database import opened
from service.storage import audit
from service.storage.encryption import Encryptor
from service.storage.identities import Identities
from service.storage.second_factors import SecondFactors
from service.storage.tables.review import ROLES
from service.storage.users import UserError, Users

app = typer.Typer(no_args_is_help=True, help="Reviewers and others who sign in to the console.")
Name = Annotated[str, typer.Argument(help="The name to sign in with.")]


@app.command()
def create(
    name: Name,
    role: Annotated[str, typer.Option(help=f"One of {', '.join(ROLES)}.")] = "reviewer",
    password: Annotated[str, typer.Option(envvar="SCREENING_NEW_PASSWORD", help="Made and printed if missing.")] = "",
) -> None:
    """Make a user."""
    chosen = password or secrets.token_urlsafe(12)
    with opened() as (_, database), database.writing() as session:
        try:
            user = Users(session).add(name, role, chosen, datetime.now(UTC))
        except UserError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from None
        audit.note(session, "operator", "user.created", f"user:{user.id}", after={"name": name, "role": role})
    typer.echo(f"{name} is a {role}." if password else f"{name} is a {role}; password: {chosen}")


@app.command("list")
def list_users() -> None:
    """All users."""
    with opened() as (_, database), database.reading() as session:
        for user in Users(session).all():
            typer.echo(f"{user.name:<24} {user.role:<14} {'disabled' if user.disabled_at else 'good'}")


@app.command()
def disable(name: Name) -> None:
    """Shut a user out; what the user decided stays."""
    with opened() as (_, database), database.writing() as session:
        found = Users(session).disable(name, datetime.now(UTC))
        if found:
            audit.note(session, "operator", "user.disabled", f"user:{name}")
    _answer(found, name, "is disabled")


@app.command()
def password(name: Name) -> None:
    """Give a user a new password and print it."""
    chosen = secrets.token_urlsafe(12)
    with opened() as (_, database), database.writing() as session:
        found = Users(session).set_password(name, chosen)
        if found:
            audit.note(session, "operator", "user.password", f"user:{name}")
    _answer(found, name, f"has the password {chosen}")


@app.command("drop-second-factor")
def drop_second_factor(name: Name) -> None:
    """Take away a user's second factor, whose phone is lost; the password alone signs in again."""
    with opened() as (_, database), database.writing() as session:
        user = Users(session).get(name)
        found = user is not None and SecondFactors(session, Encryptor()).remove(user.id)
        if found:
            audit.note(session, "operator", "second_factor_removed", f"user:{name}")
    _answer(found, name, "signs in by the password alone", "with a second factor")


@app.command()
def link(
    name: Name, subject: Annotated[str, typer.Argument(help="What the provider calls the person: the claim `sub`.")]
) -> None:
    """Let somebody of the OpenID Connect provider sign in as this user."""
    with opened() as (settings, database), database.writing() as session:
        try:
            if not settings.oidc_issuer:
                raise UserError("SCREENING_OIDC_ISSUER names no provider")
            Identities(session).link(settings.oidc_issuer, subject, name, datetime.now(UTC))
        except UserError as error:
            typer.echo(f"{error}.", err=True)
            raise typer.Exit(1) from None
        audit.note(session, "operator", "user.linked", f"user:{name}", after={"oidc_subject": subject})
    typer.echo(f"{name} signs in by OpenID Connect too.")


def _answer(found: bool, name: str, words: str, kind: str = "") -> None:
    if not found:
        typer.echo(f"There is no user {name!r}{kind and ' '}{kind}.", err=True)
        raise typer.Exit(1)
    typer.echo(f"{name} {words}.")
