"""Expected refusals, and the one shape in which every error leaves the service: problem+json (RFC 9457)."""

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from service.storage.database import UNAVAILABLE_ERRORS
from service.storage.health import StoreHealth
from service.telemetry.logs import event, request_id

MEDIA_TYPE = "application/problem+json"
TITLES = {
    400: "The request cannot be read",
    401: "No key, or a key that is not known",
    403: "This key has not the right",
    404: "Not found",
    405: "This address does not do that",
    408: "Too slow",
    409: "Conflict",
    413: "Too large",
    415: "Not in this encoding",
    422: "Invalid",
    429: "Too many requests",
    431: "The head is too large",
    500: "An error of ours",
    503: "Not ready",
}


_KINDS = {
    400: "unreadable",
    401: "no-key",
    403: "no-right",
    404: "not-found",
    405: "wrong-method",
    408: "too-slow",
    409: "conflict",
    413: "too-large",
    415: "wrong-encoding",
    422: "invalid",
    429: "too-many",
    431: "head-too-large",
    500: "internal",
    503: "not-ready",
}
_SPECIAL_KINDS = ("idempotency-conflict", "step-refused")
_TYPE = "urn:draft-screening:problem:"
PROBLEM_TYPES = tuple(_TYPE + kind for kind in (*_KINDS.values(), *_SPECIAL_KINDS, "refused"))
"""Every `type` of a problem. Programs tell problems apart by it: it stays, whatever becomes of the words."""
_NAME = re.compile(r"[a-z0-9_-]{1,40}", re.IGNORECASE)


class ServiceError(Exception):
    """A refusal: status, what happened in plain words (never a draft's text), and fields that help the caller. `kind`
    says more than the status where one status means several things."""

    def __init__(
        self, status: int, detail: str, *, headers: Mapping[str, str] | None = None, kind: str = "", **extra: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind or _KINDS.get(status, "refused")
        self.detail = detail
        self.headers = dict(headers or {})
        self.extra = extra


def not_found() -> ServiceError:
    """The 404 of a screening that is not there, or belongs to another caller."""
    return ServiceError(404, "No screening of yours has this id.")


def invalid(errors: Sequence[Mapping[str, Any]], prefix: Sequence[str | int] = ()) -> ServiceError:
    """A 422 from pydantic's errors: each field by name, never its value; `request` where the whole is no such JSON."""
    places = [
        {"field": ".".join(_named(part) for part in (*prefix, *error["loc"])) or "request", "message": error["msg"]}
        for error in errors
    ]
    return ServiceError(422, f"{places[0]['field']}: {places[0]['message']}", errors=places)


def _named(part: str | int) -> str:
    """The name of a field. Text that is not a plausible name may come from a draft and is not repeated."""
    return str(part) if _NAME.fullmatch(str(part)) else "(no name)"


def problem(error: ServiceError) -> dict[str, Any]:
    """The members of a problem+json document."""
    return {
        "type": _TYPE + error.kind,
        "title": TITLES.get(error.status, "Refused"),
        "status": error.status,
        "detail": error.detail,
        "request_id": request_id.get(),
        **error.extra,
    }


def render(error: ServiceError) -> Response:
    """The answer that carries an error."""
    return Response(orjson.dumps(problem(error)), error.status, error.headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Give the app the handlers that turn every error into problem+json."""
    app.add_exception_handler(ServiceError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    for kind in UNAVAILABLE_ERRORS:
        app.add_exception_handler(kind, unexpected)
    app.add_exception_handler(Exception, unexpected)


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)
    return render(error)


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return render(invalid([_without_body_prefix(found) for found in error.errors()]))


def _without_body_prefix(found: Mapping[str, Any]) -> dict[str, Any]:
    """Without the word `body`, which is one of a draft's fields; what is no JSON is said of the whole request."""
    if found["type"] == "json_invalid":
        return {"loc": (), "msg": f"Invalid JSON: {found['ctx']['error']} at character {found['loc'][-1]}"}
    return {"loc": found["loc"][1:] if found["loc"][:1] == ("body",) else found["loc"], "msg": found["msg"]}


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return render(ServiceError(error.status_code, str(error.detail), headers=error.headers))


def unexpected(request: Request, error: Exception) -> Response:
    """A store that is away is a 503. All else is a bug: its kind is logged, not its words, which may quote a draft."""
    if isinstance(error, UNAVAILABLE_ERRORS):
        _store_of(request).failed(error)
        return render(ServiceError(503, "The store cannot be reached; try again.", headers={"Retry-After": "2"}))
    event("error", level=logging.ERROR, path=_route(request), kind=type(error).__name__, where=_place(error))
    return render(ServiceError(500, "The request could not be answered; nothing of it was kept."))


def _store_of(request: Request) -> StoreHealth:
    services = getattr(request.app.state, "services", None)
    return services.health if services else StoreHealth()


def _route(request: Request) -> str:
    route = request.scope.get("route")
    return str(getattr(route, "path", "unknown"))


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}" if trace else "unknown"
