"""Structured events, one JSON object a line on stderr: ids, labels, versions, durations; never a draft's text."""

import logging
import sys
import time
from contextvars import ContextVar
from typing import Any

import orjson

LOGGER = logging.getLogger("screening")
request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request being answered; empty outside one."""


class JsonLines(logging.Formatter):
    """Writes a record as one JSON object; what another library logs becomes its message alone."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        line: dict[str, Any] = {"at": _moment(record.created), "level": record.levelname.lower()}
        fields = getattr(record, "fields", None)
        if fields is None:
            line |= {"event": record.name, "message": record.getMessage()}
        else:
            line |= {"event": record.msg, **fields}
        return orjson.dumps(line, default=str).decode()


def set_up(level: str) -> None:
    """Send the service's and the libraries' logs to stderr as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    LOGGER.setLevel(level.upper())
    for noisy in ("httpx", "httpcore"):  # their lines hold whole addresses, and those hold credentials
        logging.getLogger(noisy).setLevel(logging.ERROR)


def event(name: str, *, level: int = logging.INFO, **fields: Any) -> None:
    """Log one event. Give ids, names and numbers; nothing that a merchant typed."""
    if LOGGER.isEnabledFor(level):
        if rid := request_id.get():
            fields["request_id"] = rid
        LOGGER.log(level, name, extra={"fields": fields})


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds % 1 * 1000):03d}Z"
