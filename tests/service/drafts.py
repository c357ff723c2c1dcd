"""Drafts whose decision is plain, for tests of the service rather than of the judgement."""

from sqlalchemy import Connection

from service.storage.screenings.search import found_drafts

BLOCKED = {
    "support_id": "GG-8K2P-4L7Q-XY19",
    "subject": "Your blue mug",
    "body": "Hello, the blue mug is sold out. Would you accept the green one instead? We can ship it today.",
}
ALLOWED = {
    "support_id": "GG-8K2P-4L7Q-XY19",
    "subject": "Your order is delayed",
    "body": "Hello, your order is delayed by a snow storm and will arrive on 5 December. We are sorry for the wait.",
}
WARNED = {
    "support_id": "GG-8K2P-4L7Q-XY19",
    "subject": "Thank you for your purchase",
    "body": "Thank you for shopping with us. We hope that you enjoy your new mug. Have a lovely weekend!",
}


def drafts_with(connection: Connection, query: str) -> list[str]:
    """The ids of the screenings whose draft holds all words of the query."""
    wanted = found_drafts(connection.dialect.name, query)
    return [] if wanted is None else list(connection.scalars(wanted))
