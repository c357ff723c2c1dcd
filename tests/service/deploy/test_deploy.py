"""service/deploy: what can be tried on this machine is tried, the rest is at least read. A missing tool is named."""

import json
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import kubernetes_validate
import pytest
import yaml

from tests.service.drafts import ALLOWED, BLOCKED
from tests.service.running import Running, running, settings_for

DEPLOY = Path(__file__).parents[3] / "service" / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
TIMERS = sorted((DEPLOY / "systemd").glob("*.timer"))
PROGRAM = "/opt/draft-screening/bin/draft-screening"
OLDEST_KUBERNETES = "1.31.0"
MOST_EXPOSED = 15
"""Tenths of systemd's own score, where 100 is a unit without any restriction."""


def tool(name: str, package: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip(f"NOT TESTED: {name} is not installed (Debian: apt-get install {package})")
    return found


def run(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units with a program that is there."""
    for unit in (*UNITS, *TIMERS):
        (tmp_path / unit.name).write_text(unit.read_text("utf-8").replace(PROGRAM, "/bin/true"), "utf-8")
    return tmp_path


def test_systemd_finds_no_fault_with_the_units(units: Path) -> None:
    verify = tool("systemd-analyze", "systemd")
    said = run(verify, "verify", "--man=no", *(f"./{unit.name}" for unit in (*UNITS, *TIMERS)), cwd=units)
    assert not said.strip()


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_is_hardened(units: Path, unit: Path) -> None:
    analyze = tool("systemd-analyze", "systemd")
    run(analyze, "security", "--no-pager", "--offline=true", f"--threshold={MOST_EXPOSED}", f"./{unit.name}", cwd=units)


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_runs_a_command_that_there_is(unit: Path) -> None:
    found = re.search(rf"^ExecStart={re.escape(PROGRAM)} (.+)$", unit.read_text("utf-8"), re.MULTILINE)
    assert found
    command, *given = found[1].split()
    said = run(sys.executable, "-m", "service", command, "--help")
    options = [word for word in given if word.startswith("--")]
    assert not [option for option in options if option not in re.sub(r"\x1b\[[\d;]*m", "", said)]


def test_each_timer_has_its_service() -> None:
    assert {timer.stem for timer in TIMERS} == {unit.stem for unit in UNITS} - {"draft-screening"}


def test_the_image_is_not_run_by_root_and_holds_what_pyproject_names() -> None:
    lines = (DEPLOY / "container" / "Containerfile").read_text("utf-8").splitlines()
    stages = [number for number, line in enumerate(lines) if line.startswith("FROM ")]
    assert len(stages) == 2
    last = lines[stages[-1] :]
    assert any(re.match(r"USER [1-9]\d*:", line) for line in last)
    assert any(line.startswith("HEALTHCHECK") for line in last)
    root = DEPLOY.parents[1]
    copied = [word for line in lines if re.match("COPY (?!--)", line) for word in line.split()[1:-1]]
    assert {"classifier", "service", "training", "data", "tests/golden", "requirements.lock"} <= set(copied)
    assert not [name for name in copied if not (root / name).exists()]


def test_the_linter_of_images_finds_no_fault(tmp_path: Path) -> None:
    linter = str(Path(sys.executable).with_name("hadolint"))
    run(linter, "--failure-threshold", "style", str(DEPLOY / "container" / "Containerfile"))
    careless = tmp_path / "Containerfile"
    careless.write_text("FROM python:latest\nRUN cd /srv && sudo pip install x\n", "utf-8")
    assert subprocess.run([linter, str(careless)], capture_output=True, check=False).returncode == 1


def documents(path: Path) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all(path.read_text("utf-8")) if one]


def test_compose_mounts_files_that_are_there_and_gives_no_rights() -> None:
    (compose,) = documents(DEPLOY / "container" / "compose.yaml")
    folder = DEPLOY / "container"
    for name, service in compose["services"].items():
        assert "no-new-privileges:true" in service["security_opt"], name
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert not source.startswith("../") or (folder / source).exists()
    assert compose["services"]["screening"]["read_only"] is True
    built = compose["services"]["screening"]["build"]
    assert (folder / built["context"] / built["dockerfile"]).exists()


def pods(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The pod templates of a manifest."""
    spec = document["spec"]
    if document["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    if "template" in spec:
        yield spec["template"]["spec"]


def test_the_manifests_are_whole_and_restricted() -> None:
    found = documents(DEPLOY / "kubernetes" / "draft-screening.yaml")
    assert [one["kind"] for one in found].count("Deployment") == 1
    for one in found:
        assert {"apiVersion", "kind", "metadata", "spec"} <= set(one)
        for pod in pods(one):
            assert pod["securityContext"]["runAsNonRoot"] is True
            assert pod["automountServiceAccountToken"] is False
            volumes = {volume["name"] for volume in pod["volumes"]}
            for container in pod["containers"]:
                assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
                assert container["securityContext"]["readOnlyRootFilesystem"] is True
                assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
                assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("version", [OLDEST_KUBERNETES, kubernetes_validate.latest_version()])
def test_kubernetes_own_schema_takes_the_manifests(version: str) -> None:
    for one in documents(DEPLOY / "kubernetes" / "draft-screening.yaml"):
        kubernetes_validate.validate(one, version, strict=True)
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate({**one, "spec": {**one["spec"], "misspelt": 1}}, version, strict=True)


def test_the_alerts_fire_when_they_should() -> None:
    promtool = tool("promtool", "prometheus")
    folder = DEPLOY / "prometheus"
    run(promtool, "check", "rules", "rules.yml", "alerts.yml", cwd=folder)
    run(promtool, "check", "config", "--syntax-only", "prometheus.yml", cwd=folder)
    run(promtool, "test", "rules", "alerts_test.yml", cwd=folder)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service that has done something of everything that is counted."""
    hook = {"webhook_url": "http://127.0.0.1:9/none", "webhook_secret": "s" * 32}
    with running(settings_for(tmp_path_factory.mktemp("watched"), **hook)) as started:
        for draft in (ALLOWED, BLOCKED):
            started.screen(draft, mode="send")
        yield started


@pytest.fixture(scope="module")
def metrics(watched: Running) -> set[str]:
    """The names of all series; a counter that has not counted yet has its name all the same."""
    text = watched.client.get("/metrics").text
    names = {re.split(r"[{ ]", line)[0] for line in text.splitlines() if not line.startswith("#")}
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE):
        names |= {name, *(f"{name}_{part}" for part in ("bucket", "sum", "count") if kind == "histogram")}
    return names


def recorded() -> set[str]:
    (rules,) = documents(DEPLOY / "prometheus" / "rules.yml")
    return {rule["record"] for group in rules["groups"] for rule in group["rules"]}


def asked(expression: str) -> set[str]:
    return set(re.findall(r"\bscreening[_:][a-z0-9_:]+", expression))


def test_rules_and_alerts_name_metrics_that_there_are(metrics: set[str]) -> None:
    for file in ("rules.yml", "alerts.yml"):
        (found,) = documents(DEPLOY / "prometheus" / file)
        for rule in [rule for group in found["groups"] for rule in group["rules"]]:
            missing = asked(rule["expr"]) - metrics - recorded()
            assert not missing, rule


def test_the_dashboard_names_metrics_that_there_are(metrics: set[str]) -> None:
    board = json.loads((DEPLOY / "grafana" / "draft-screening.json").read_text("utf-8"))
    expressions = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    expressions += [one["query"] for one in board["templating"]["list"] if one["type"] == "query"]
    assert len(expressions) > 20
    assert all(asked(one) for one in expressions)
    assert not set().union(*map(asked, expressions)) - metrics - recorded()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


@contextmanager
def program(*command: str, answers: int, log: Path) -> Iterator[None]:
    """A program that goes on, once it listens on its port."""
    with log.open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said)
        try:
            while process.poll() is None:
                try:
                    socket.create_connection(("127.0.0.1", answers)).close()
                    break
                except OSError:
                    time.sleep(0.05)
            assert process.poll() is None, log.read_text("utf-8")
            yield
        finally:
            process.terminate()
            process.wait(30)


def certificate(folder: Path) -> None:
    command = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=screening.example.com"
    pair = ("-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem"))
    run(tool("openssl", "openssl"), *command.split(), *pair)


@pytest.fixture
def proxy(watched: Running, tmp_path: Path) -> Iterator[tuple[int, int]]:
    """nginx as in the example, in front of the service: the ports of HTTP and HTTPS."""
    nginx = tool("nginx", "nginx")
    certificate(tmp_path)
    plain, secure = free_port(), free_port()
    text = (DEPLOY / "nginx" / "draft-screening.conf").read_text("utf-8")
    changes = {
        "listen 80;": f"listen 127.0.0.1:{plain};",
        "listen 443 ssl": f"listen 127.0.0.1:{secure} ssl",
        "127.0.0.1:8000": watched.url.removeprefix("http://"),
        "/etc/ssl/draft-screening": str(tmp_path),
    }
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = "".join(f"{kind}_temp_path {tmp_path}/{kind};" for kind in kinds)
    whole = (
        f"daemon off; pid {tmp_path}/pid; error_log stderr; events {{}} http {{ access_log off; {folders}\n{text} }}"
    )
    (tmp_path / "nginx.conf").write_text(whole, "utf-8")
    command = (nginx, "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf"))
    with program(*command, answers=secure, log=tmp_path / "log"):
        yield plain, secure


def test_the_proxy_passes_on_over_tls_and_turns_away_what_is_too_large(
    watched: Running, proxy: tuple[int, int], tmp_path: Path
) -> None:
    plain, secure = proxy
    trusted = ssl.create_default_context()
    trusted.check_hostname, trusted.verify_mode = False, ssl.CERT_NONE
    sent = httpx.get(f"http://127.0.0.1:{plain}/review?q=1", headers={"host": "screening.example.com"})
    assert (sent.status_code, sent.headers["location"]) == (308, "https://screening.example.com/review?q=1")
    key = {"authorization": watched.client.headers["authorization"]}
    with httpx.Client(base_url=f"https://127.0.0.1:{secure}", verify=trusted, headers=key, timeout=60) as client:
        answer = client.post("/screen", json=ALLOWED)
        assert (answer.status_code, answer.json()["decision"]) == (200, "allow")
        assert answer.headers["x-request-id"]
        assert "max-age" in answer.headers["strict-transport-security"]
        assert client.get("/readyz").status_code == 200
        assert client.post("/screen", content=b"x" * 8_500_000).status_code == 413
        assert client.get("/review/login").status_code == 200
        assert client.get("/metrics").status_code == 200


def test_prometheus_scrapes_the_service_and_loads_the_rules(watched: Running, tmp_path: Path) -> None:
    prometheus = tool("prometheus", "prometheus")
    folder = DEPLOY / "prometheus"
    (config,) = documents(folder / "prometheus.yml")
    key = tmp_path / "key"
    key.write_text(watched.client.headers["authorization"].removeprefix("Bearer "), "utf-8")
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(folder / name) for name in config["rule_files"]]
    (scrape,) = config["scrape_configs"]
    scrape["authorization"]["credentials_file"] = str(key)
    scrape["static_configs"][0]["targets"] = [watched.url.removeprefix("http://")]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config), "utf-8")
    port = free_port()
    options = {"config.file": tmp_path / "prometheus.yml", "storage.tsdb.path": tmp_path / "series"}
    command = [f"--{name}={value}" for name, value in options.items()]
    listening = f"--web.listen-address=127.0.0.1:{port}"
    with program(prometheus, *command, listening, answers=port, log=tmp_path / "log"):
        url = f"http://127.0.0.1:{port}/api/v1/"
        up = []
        for _ in range(300):
            if up := httpx.get(url + "query", params={"query": "screening_store_up"}).json()["data"]["result"]:
                break
            time.sleep(0.2)
        assert up[0]["value"][1] == "1"
        groups = httpx.get(url + "rules").json()["data"]["groups"]
        assert {len(group["rules"]) for group in groups} == {6, 12}


def test_the_guide_copies_files_that_are_there_and_replaces_words_that_are_in_them() -> None:
    section = (DEPLOY.parent / "README.md").read_text("utf-8").partition("### All of it on one machine")[2]
    named = re.findall(r"\$deploy/([\w./{},*-]+)", section.partition("\n## ")[0])
    assert len(named) == 5
    for name in named:
        choices = re.search(r"\{([^}]+)\}", name)
        for choice in choices[1].split(",") if choices else ("",):
            pattern = name.replace(choices[0], choice) if choices else name
            assert list(DEPLOY.glob(pattern)), pattern
    replaced = re.findall(r"sed 's/([^/]+)/[^/]*/' \$deploy/(\S+)", section)
    assert {word for word, _ in replaced} == {"screening.example.com", "screening:8000"}
    for word, file in replaced:
        assert word in (DEPLOY / file).read_text("utf-8")
