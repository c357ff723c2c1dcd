"""Delivers the outbox. An event is sent until Gateway answers 2xx; pauses double from 10 seconds to six hours."""

import hashlib
import hmac
import logging
import random
from datetime import UTC, datetime, timedelta

import httpx

from service.storage.database import Database
from service.storage.outbox import Outbox, OutgoingEvent
from service.telemetry.logs import event

FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=10), timedelta(hours=6)
SIGNATURE, EVENT_ID = "Screening-Signature", "Screening-Event-Id"


def signature(secret: str, at: int, body: bytes) -> str:
    """`t=<unix seconds>,v1=<HMAC-SHA256 of "<t>.<body>", hexadecimal>`: what the receiver computes and compares."""
    digest = hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def pause(attempts: int) -> timedelta:
    """How long to wait after so many attempts that failed, without jitter."""
    doubled: timedelta = FIRST_PAUSE * 2 ** min(attempts, 20)
    return min(doubled, LONGEST_PAUSE)


class WebhookDelivery:
    """Sends what is due; several processes may, for each event is leased."""

    def __init__(self, database: Database, url: str, secret: str) -> None:
        self._database = database
        self._url = url
        self._secret = secret
        self._client = httpx.Client(timeout=10, follow_redirects=False)

    def deliver_due(self) -> int:
        """Send what is due now; how many arrived."""
        with self._database.writing() as session:
            due = Outbox(session).take_due(datetime.now(UTC))
        return sum(self._deliver(outgoing) for outgoing in due)

    def close(self) -> None:
        """Close the connection to Gateway."""
        self._client.close()

    def _deliver(self, outgoing: OutgoingEvent) -> bool:
        error = self._send(outgoing)
        now = datetime.now(UTC)
        with self._database.writing() as session:
            outbox = Outbox(session)
            if error is None:
                outbox.delivered(outgoing.id, now)
            else:
                outbox.failed(outgoing.id, error, now + pause(outgoing.attempts) * random.uniform(1, 1.2))
        level = logging.INFO if error is None else logging.WARNING
        event("webhook", level=level, id=outgoing.id, kind=outgoing.event, error=error, attempt=outgoing.attempts + 1)
        return error is None

    def _send(self, outgoing: OutgoingEvent) -> str | None:
        """Send once; what went wrong, without addresses or contents."""
        headers = {
            "Content-Type": "application/json",
            EVENT_ID: outgoing.id,
            SIGNATURE: signature(self._secret, int(datetime.now(UTC).timestamp()), outgoing.body),
        }
        try:
            status = self._client.post(self._url, content=outgoing.body, headers=headers).status_code
        except httpx.HTTPError as error:
            return type(error).__name__
        return None if 200 <= status < 300 else f"answered {status}"
