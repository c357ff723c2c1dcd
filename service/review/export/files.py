"""Reviewed cases as one file, for the desk, for a key and for the operators' command; each is on the audit."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date

from service.http.errors import ServiceError
from service.review.export.formats import FORMATS
from service.review.export.tickets import NO_LABEL, Ticket, TicketFilter, tickets
from service.review.web.wording import LABEL
from service.storage.audit import note
from service.storage.database import Database
from service.storage.encryption import Encryptor


def exported(
    database: Database, encryptor: Encryptor, format: str, asked: TicketFilter, actor: str
) -> tuple[bytes, int]:
    """The file, and how many tickets are in it. Raises the 422 of an unknown format."""
    write, _, _ = format_of(format)
    with database.reading() as session:
        found = list(tickets(session, encryptor, asked))
    narrowed = {name: getattr(asked, name) for name in ("label", "rule", "merchant") if getattr(asked, name)}
    after = {"format": format, "tickets": len(found), "since": str(asked.since), "until": str(asked.until)}
    with database.writing() as session:
        note(session, actor, "exported", "tickets", after=after | narrowed)
    return write(found), len(found)


def format_of(name: str) -> tuple[Callable[[Sequence[Ticket]], bytes], str, str]:
    """The writer, media type and ending of a format. Raises the 422."""
    if name not in FORMATS:
        raise ServiceError(422, f"format: one of {', '.join(FORMATS)}.")
    return FORMATS[name]


def read_filter(query: Mapping[str, str]) -> TicketFilter:
    """Which tickets a query asks for. Raises the 422 naming the field."""
    label = query.get("label", "")
    if label and label not in (*LABEL, NO_LABEL):
        raise ServiceError(422, f"label: one of {', '.join(LABEL)}, or {NO_LABEL}.")
    rule, merchant = (query.get(name, "").strip()[:200] for name in ("rule", "merchant"))
    since, until = (_day(name, query.get(name, "")) for name in ("since", "until"))
    return TicketFilter(label, rule, merchant, since, until)


def _day(name: str, text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ServiceError(422, f"{name}: a day as YYYY-MM-DD.") from None
