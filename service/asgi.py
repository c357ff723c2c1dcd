"""The entry point of a uvicorn worker: the app with the settings of the environment."""

import logging
import os
import signal

from fastapi import FastAPI

from service.app import create_app
from service.garbage_collection import startup_freeze
from service.http.guarded_protocol import GuardedProtocol
from service.settings import Settings
from service.telemetry.logs import event, set_up


def app() -> FastAPI:
    """The app. Where it cannot start, one logged line gives the reason, and the worker and its parent end."""
    settings = Settings()  # type: ignore[call-arg]
    set_up(settings.log_level)
    try:
        with startup_freeze():
            made = create_app(settings)
        GuardedProtocol.limits = settings.connection_limits()
        GuardedProtocol.shedding = made.state.services.shedding
        return made
    except Exception as error:
        event("cannot-start", level=logging.CRITICAL, reason=f"{type(error).__name__}: {error}")
        if settings.workers > 1:
            os.kill(os.getppid(), signal.SIGTERM)
        raise SystemExit(3) from None
