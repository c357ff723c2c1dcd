"""The database is stopped, and the shipped alert fires: under a real Prometheus where it is installed, and by an
evaluator of this rule's shape on what the service exposes, everywhere."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.service.conftest import KINDS
from tests.service.deploy.test_deploy import DEPLOY, documents, free_port, program, tool
from tests.service.drafts import ALLOWED
from tests.service.postgres import NoPostgresError, started_postgres
from tests.service.running import Running, running, settings_for, until

ALERT = "ScreeningStoreDown"
Switch = Callable[[], None]


@contextmanager
def a_database(kind: str, folder: Path) -> Iterator[tuple[str, Switch, Switch]]:
    """Its URL, how to stop it and how to start it again. SQLite has no server: its file is put elsewhere."""
    if kind == "postgresql":
        try:
            with started_postgres() as server:
                yield server.url, server.stop, server.start
        except NoPostgresError as error:
            pytest.skip(f"NOT TESTED ON POSTGRESQL: {error}")
        return
    file, away = folder / "x.db", folder / "away"

    def stop() -> None:
        away.mkdir()
        for part in folder.glob("x.db*"):
            part.rename(away / part.name)
        file.mkdir()  # a folder in its place, so that no empty database is made

    def start() -> None:
        file.rmdir()
        for part in away.iterdir():
            part.rename(folder / part.name)
        away.rmdir()

    yield f"sqlite:///{file}", stop, start


@pytest.fixture(params=KINDS)
def stoppable(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Running, Switch, Switch]]:
    """A service that has kept something, and the two switches of its database."""
    with ExitStack() as stack:
        url, stop, start = stack.enter_context(a_database(request.param, tmp_path))
        service = stack.enter_context(running(settings_for(tmp_path / "home", database_url=url, encoder="off")))
        service.screen(ALLOWED)

        def stopped() -> None:
            stop()
            service.services.database.engine.dispose()  # SQLite would go on with the file that it has open

        yield service, stopped, start


def shipped_rule(name: str) -> dict[str, Any]:
    (found,) = documents(DEPLOY / "prometheus" / "alerts.yml")
    (rule,) = [rule for group in found["groups"] for rule in group["rules"] if rule.get("alert") == name]
    return dict(rule)


class Evaluator:
    """Evaluates an alert of the shape `metric == number` with a `for`, as Prometheus does: pending from the first
    evaluation at which it holds, firing once it has held for so long without a break. Other shapes are refused."""

    def __init__(self, rule: dict[str, Any]) -> None:
        shape = re.fullmatch(r"([a-z_:]+) == (\d+(?:\.\d+)?)", rule["expr"].strip())
        wait = re.fullmatch(r"(\d+)([sm])", rule["for"])
        assert shape, f"this evaluator does not know the shape of {rule['expr']!r}"
        assert wait, rule["for"]
        self.metric, self.value = shape[1], float(shape[2])
        self.wait = int(wait[1]) * {"s": 1, "m": 60}[wait[2]]
        self._since: float | None = None

    def state(self, exposed: str, at: float) -> str:
        """The alert's state after an evaluation at this second, on what was scraped."""
        samples = re.findall(rf"^{self.metric}(?:{{[^}}]*}})? (\S+)$", exposed, re.MULTILINE)
        if not any(float(sample) == self.value for sample in samples):
            self._since = None
            return "inactive"
        self._since = at if self._since is None else self._since
        return "firing" if at - self._since >= self.wait else "pending"


def test_the_rule_fires_on_what_the_service_exposes_once_its_database_is_stopped(
    stoppable: tuple[Running, Switch, Switch],
) -> None:
    service, stop, start = stoppable
    evaluator = Evaluator(shipped_rule(ALERT))

    def states(*seconds: int) -> list[str]:
        return [evaluator.state(service.client.get("/metrics").text, second) for second in seconds]

    assert states(0, 15) == ["inactive", "inactive"]
    stop()
    assert service.client.post("/screen", json=ALLOWED).status_code == 503
    assert states(30, 45, 75, 89, 90, 105) == ["pending"] * 4 + ["firing"] * 2
    start()
    deadline = time.monotonic() + 60
    while service.client.get("/readyz").status_code != 200 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert states(120) == ["inactive"]
    assert service.screen(ALLOWED)["decision"] == "allow"


def test_the_evaluator_knows_a_break_and_refuses_what_it_does_not_know() -> None:
    evaluator = Evaluator({"expr": "screening_store_up == 0", "for": "1m"})
    down, up = "screening_store_up 0.0\n", "# HELP screening_store_up 0\nscreening_store_up 1.0\n"
    found = [evaluator.state(text, at) for text, at in ((down, 0), (up, 30), (down, 59), (down, 118), (down, 119))]
    assert found == ["pending", "inactive", "pending", "pending", "firing"]
    with pytest.raises(AssertionError, match="does not know the shape"):
        Evaluator({"expr": "rate(x[5m]) > 1", "for": "1m"})


def test_a_real_prometheus_fires_the_alert(stoppable: tuple[Running, Switch, Switch], tmp_path: Path) -> None:
    prometheus = tool("prometheus", "prometheus")
    service, stop, start = stoppable
    port = free_port()
    config = impatient(service, tmp_path)
    options = {"config.file": config, "storage.tsdb.path": tmp_path / "series"}
    command = [f"--{name}={value}" for name, value in options.items()]
    listening = f"--web.listen-address=127.0.0.1:{port}"
    with program(prometheus, *command, listening, answers=port, log=tmp_path / "log"):
        url = f"http://127.0.0.1:{port}/api/v1/"
        until(lambda: value(url, "screening_store_up") == "1", seconds=90)
        assert ALERT not in firing(url)
        stop()
        until(lambda: ALERT in firing(url), seconds=90)
        start()
        until(lambda: ALERT not in firing(url) and value(url, "screening_store_up") == "1", seconds=90)


def impatient(service: Running, folder: Path) -> Path:
    """The shipped configuration and rules, with seconds for minutes where they say how long to wait."""
    (config,) = documents(DEPLOY / "prometheus" / "prometheus.yml")
    key = folder / "key"
    key.write_text(service.client.headers["authorization"].removeprefix("Bearer "), "utf-8")
    (alerts,) = documents(DEPLOY / "prometheus" / "alerts.yml")
    for rule in [rule for group in alerts["groups"] for rule in group["rules"]]:
        rule["for"] = "2s"
    (folder / "alerts.yml").write_text(yaml.safe_dump(alerts), "utf-8")
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(DEPLOY / "prometheus" / "rules.yml"), str(folder / "alerts.yml")]
    (scrape,) = config["scrape_configs"]
    scrape["authorization"]["credentials_file"] = str(key)
    scrape["static_configs"][0]["targets"] = [service.url.removeprefix("http://")]
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(config), "utf-8")
    return path


def value(url: str, query: str) -> str | None:
    found = httpx.get(url + "query", params={"query": query}).json()["data"]["result"]
    return str(found[0]["value"][1]) if found else None


def firing(url: str) -> set[str]:
    alerts = httpx.get(url + "alerts").json()["data"]["alerts"]
    return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}
