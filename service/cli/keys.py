"""`keys create | list | revoke | rotate`: callers' API keys."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from service.cli.database import opened
from service.http.api_keys import SCOPES, make_key
from service.storage import audit
from service.storage.keys import ApiKeys

app = typer.Typer(no_args_is_help=True, help="API keys of callers.")
LONGEST_CALLER = 100
Days = Annotated[int | None, typer.Option("--days", min=1, help="Days until it expires; never, if it is missing.")]


@app.command()
def create(
    caller: Annotated[str, typer.Argument(help="Who holds the key, such as gateway.")],
    scope: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(SCOPES)}; several may be given.")] = None,
    days: Days = None,
) -> None:
    """Make a key and print it; it is never shown again."""
    if not 0 < len(caller) <= LONGEST_CALLER or not caller.isprintable():
        typer.echo(f"CALLER: 1 to {LONGEST_CALLER} printable characters", err=True)
        raise typer.Exit(2)
    scopes = frozenset(scope or ["screen"])
    if unknown := scopes - set(SCOPES):
        typer.echo(f"--scope: {sorted(unknown)[0]!r} is none of {', '.join(SCOPES)}", err=True)
        raise typer.Exit(2)
    with opened() as (_, database), database.writing() as session:
        typer.echo(_make(session, caller, scopes, days))


def _make(session: Session, caller: str, scopes: frozenset[str], days: int | None) -> str:
    new, now = make_key(), datetime.now(UTC)
    expires = now + timedelta(days=days) if days else None
    ApiKeys(session).add(caller, new.prefix, new.key_hash, scopes, now, expires)
    audit.note(session, "operator", "key.created", f"key:{new.prefix}", after={"caller": caller, "scopes": [*scopes]})
    return new.secret


@app.command("list")
def list_keys() -> None:
    """All keys, without their secrets."""
    with opened() as (_, database), database.reading() as session:
        for key in ApiKeys(session).all():
            state = "revoked" if key.revoked_at else "good" if key.is_good(datetime.now(UTC)) else "expired"
            used = f"last used {key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never used"
            typer.echo(f"{key.prefix}  {key.caller:<20} {' '.join(sorted(key.scopes)):<24} {state:<8} {used}")


@app.command()
def revoke(prefix: Annotated[str, typer.Argument(help="The key's prefix, from list.")]) -> None:
    """Revoke a key; every process refuses it within seconds."""
    with opened() as (_, database), database.writing() as session:
        if not ApiKeys(session).revoke(prefix, datetime.now(UTC)):
            typer.echo(f"There is no good key {prefix!r}.", err=True)
            raise typer.Exit(1)
        audit.note(session, "operator", "key.revoked", f"key:{prefix}")
    typer.echo(f"{prefix} is revoked.")


@app.command()
def rotate(
    prefix: Annotated[str, typer.Argument(help="The prefix of the key to be replaced.")],
    days: Days = None,
) -> None:
    """Make a second key for the same caller and rights; revoke the old one when the caller uses the new."""
    with opened() as (_, database), database.writing() as session:
        old = ApiKeys(session).find(prefix)
        if old is None:
            typer.echo(f"There is no key {prefix!r}.", err=True)
            raise typer.Exit(1)
        typer.echo(_make(session, old.caller, old.scopes, days))
