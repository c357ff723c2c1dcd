"""A service that really runs: uvicorn in a thread, on a free port, with a key."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from service.app import create_app
from service.dependencies import Services
from service.http.api_keys import make_key
from service.http.guarded_protocol import GuardedProtocol
from service.passes import new_key
from service.settings import Settings
from service.storage.keys import ApiKeys


@dataclass(frozen=True, slots=True)
class Running:
    """A running service and a client that holds a key with the right to screen."""

    url: str
    app: FastAPI
    client: httpx.Client
    home: Path

    @property
    def services(self) -> Services:
        services: Services = self.app.state.services
        return services

    def key(self, *scopes: str, caller: str = "other", expires: datetime | None = None) -> dict[str, str]:
        """The header of a new key."""
        new = make_key()
        with self.services.database.writing() as session:
            ApiKeys(session).add(caller, new.prefix, new.key_hash, frozenset(scopes), datetime.now(UTC), expires)
        return {"Authorization": f"Bearer {new.secret}"}

    def screen(self, draft: dict[str, Any], headers: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
        """The answer of POST /screen, which must be 200."""
        response = self.client.post("/screen", json={**draft, **more}, headers=headers)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer


def settings_for(home: Path, **given: Any) -> Settings:
    """Settings that read nothing from the environment."""
    return Settings(**{"home": home, "pass_keys": new_key(), "database_url": "", "demo": False, **given})


@contextmanager
def running(settings: Settings, **services: Any) -> Iterator[Running]:
    """The service of these settings, until the block ends; `services` stand in for those that it would have made."""
    app = create_app(settings)
    app.state.services = replace(app.state.services, **services)
    listening = socket.create_server(("127.0.0.1", 0))
    protocol = type("Limited", (GuardedProtocol,), {"limits": settings.connection_limits()})
    config = uvicorn.Config(
        app, http=protocol, ws="none", log_config=None, access_log=False, timeout_graceful_shutdown=10
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        _wait(server)
        with httpx.Client(base_url=url, timeout=60) as client:
            service = Running(url, app, client, settings.home)
            client.headers.update(service.key("screen", caller="gateway"))
            # known from here on: a busy machine does not keep the deadline that a new key's look-up has
            app.state.services.keys.caller(client.headers["authorization"].removeprefix("Bearer "))
            yield service
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        listening.close()


def until(holds: Callable[[], bool], *, seconds: float = 60) -> None:
    """Wait until something holds; fails where it does not in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _wait(server: uvicorn.Server) -> None:
    deadline = time.monotonic() + 60
    while not server.started:
        assert time.monotonic() < deadline, "the service did not start"
        time.sleep(0.02)
