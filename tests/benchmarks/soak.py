"""A long run of everything at once: `python -m tests.benchmarks.soak --minutes 30 [--rate 6] [--json FILE]`.

One service as a process, with SQLite and the encoder. Callers preview, send, acknowledge, appeal, redeem, send batches,
and drop connections half-way; reviewers decide cases and read the figures; a lead and an administrator publish a rule
and roll it back; a second model goes live and back; `purge` runs as a command. Each minute a line says what the process
holds (memory, files, sockets, threads, the database's size) and how long answers took. The end says what grew.
"""

import argparse
import json
import os
import random
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from classifier.model.artifact import MANIFEST, SHIPPED, digest
from service.storage.database import Database
from tests.benchmarks.servers import KEY, ROOT, Server, service
from tests.benchmarks.texts import drafts
from tests.service.review.desk import PASSWORD, RULE, SWAP, Seat, add_people

RELOAD_SECONDS, PUBLISH_SECONDS, PURGE_SECONDS = 60.0, 90.0, 120.0
OTHER_MODEL = "other"
RULE_ID = "substitute.llama-lamp"
CALLERS = 4
OUTCOMES = ("uphold", "uphold", "uphold", "overturn")
WARM_UP = 3
"""Minutes that do not count for growth: caches fill, the other model is seen for the first time."""


@dataclass(frozen=True, slots=True)
class Minute:
    """What one minute gave. `latency` holds, by kind of request, the number of answers, median, p99 and most (ms)."""

    minute: int
    memory_mb: float
    files: int
    sockets: int
    threads: int
    database_mb: float
    log_mb: float
    screenings: int
    latency: dict[str, tuple[int, float, float, float]]
    statuses: dict[str, int]


@dataclass
class Tally:
    """What happened since the last look: times by kind of request, and answers by status."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    statuses: "Counter[str]" = field(default_factory=Counter)
    done: "Counter[str]" = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def took(self, kind: str, seconds: float, response: httpx.Response) -> httpx.Response:
        """One answer."""
        with self.lock:
            self.times[kind].append(seconds * 1000)
            self.statuses[str(response.status_code)] += 1
            if "Too much is waiting already" in response.text:
                self.done["answers shed"] += 1
            elif response.status_code >= 500:
                self.faults.append(f"{kind}: {response.status_code} {response.text[:200]}")
        return response

    def did(self, what: str) -> None:
        """Something that is counted for the whole run."""
        with self.lock:
            self.done[what] += 1

    def take(self) -> tuple[dict[str, tuple[int, float, float, float]], dict[str, int]]:
        """Latency and statuses since the last call."""
        with self.lock:
            times, self.times = self.times, defaultdict(list)
            statuses, self.statuses = dict(self.statuses), Counter()
        return {kind: _latency(found) for kind, found in sorted(times.items())}, statuses


def _latency(found: list[float]) -> tuple[int, float, float, float]:
    ordered = sorted(found)
    at = [ordered[int((len(ordered) - 1) * share)] for share in (0.5, 0.99)]
    return len(ordered), round(at[0], 1), round(at[1], 1), round(ordered[-1], 1)


class Soak:
    """The people and programs around one service."""

    def __init__(self, server: Server, home: Path, rate: float) -> None:
        self.server = server
        self.home = home
        self.rate = rate
        self.url = f"http://127.0.0.1:{server.port}"
        self.tally = Tally()
        self.over = threading.Event()

    def start(self) -> list[threading.Thread]:
        """Everybody begins."""
        plans: list[Callable[[], None]] = [partial(self._caller, n, self.rate / CALLERS) for n in range(CALLERS)]
        plans += [partial(self._reviewer, name) for name in ("mira", "jonas")]
        plans += [self._leads, self._models, self._purges, self._dropped]
        threads = [threading.Thread(target=self._guarded, args=(plan,), daemon=True) for plan in plans]
        for thread in threads:
            thread.start()
        return threads

    def _guarded(self, plan: Callable[[], None]) -> None:
        while not self.over.is_set():
            try:
                plan()
            except Exception as error:  # a fault of the run is told at its end
                with self.tally.lock:
                    self.tally.faults.append(
                        f"{getattr(plan, '__name__', plan)}: {type(error).__name__}: {error}"[:300]
                    )
                self.over.wait(5)

    def _timed(self, kind: str, ask: Callable[..., httpx.Response], *given: Any, **named: Any) -> httpx.Response:
        started = time.perf_counter()
        response = ask(*given, **named)
        return self.tally.took(kind, time.perf_counter() - started, response)

    def _caller(self, number: int, rate: float) -> None:
        rng, texts = random.Random(number), drafts()
        headers = {"Authorization": f"Bearer {KEY}"}
        limits = httpx.Limits(keepalive_expiry=3)  # the service lets idle connections go after five seconds
        with httpx.Client(base_url=self.url, headers=headers, timeout=60, limits=limits) as client:
            while not self.over.wait(rng.expovariate(rate)):
                words = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=9))
                draft = rng.choice(texts) if rng.random() < 0.7 else SWAP
                draft = {**draft, "body": f"{draft['body']} {words}", "merchant_id": f"M-{rng.randrange(40)}"}
                self._one(client, draft, rng)

    def _one(self, client: httpx.Client, draft: dict[str, Any], rng: random.Random) -> None:
        choice = rng.random()
        if choice < 0.55:
            self._timed("preview", client.post, "/screen", json={**draft, "mode": "preview"})
        elif choice < 0.6:
            body = {"drafts": [{**draft, "body": f"{draft['body']} {n}"} for n in range(10)]}
            self._timed("batch of 10", client.post, "/screen/batch", json=body)
        else:
            answer = self._timed("send", client.post, "/screen", json=draft).json()
            self._afterwards(client, answer, draft, rng)

    def _afterwards(
        self, client: httpx.Client, answer: dict[str, Any], draft: dict[str, Any], rng: random.Random
    ) -> None:
        at = f"/screenings/{answer.get('screening_id')}"
        if answer.get("decision") == "warn":
            reason = {"reason": "the customer asked", "acknowledged_by": "sam"}
            self._timed("acknowledge", client.post, f"{at}/acknowledge", json=reason)
        elif answer.get("decision") == "block" and rng.random() < 0.5:
            self._timed("appeal", client.post, f"{at}/appeal", json={"message": "It is the same lamp."})
        elif answer.get("pass"):
            token = {"token": answer["pass"], **{name: draft[name] for name in ("support_id", "subject", "body")}}
            self._timed("redeem", client.post, "/passes/redeem", json=token)

    def _reviewer(self, name: str) -> None:
        seat = self._seat(name)
        rng = random.Random(name)
        while not self.over.wait(rng.uniform(0.5, 2)):
            page = self._timed("queue", seat.get, "?queue=all")
            cases = re.findall(r"/review/cases/(\w{32})", page.text)
            if cases:
                case = rng.choice(cases[:20])
                shown = self._timed("case", seat.get, f"/cases/{case}")
                seen = re.search(r'name="seen" value="(\d+)"', shown.text)
                form = {"label": re.findall(r'name="label" value="(\w+)" checked', shown.text), "evidence": "[]"}
                form |= {"note": "seen", "filter": "queue=all", "seen": seen[1] if seen else "0"}
                outcome = rng.choice(OUTCOMES)
                self._timed("decide", seat.post, f"/cases/{case}/decide", outcome=outcome, **form)
                self.tally.did("decisions asked for")
            if rng.random() < 0.1:
                self._timed("figures", seat.get, "/numbers")

    def _leads(self) -> None:
        lena, ada = self._seat("lena"), self._seat("ada")
        while not self.over.wait(PUBLISH_SECONDS):
            page = lena.post("/rules/save", source=RULE, note="soak").text
            for step in ("publish", "roll-back"):
                version = re.search(r'name="version" value="(\d+)"', page)
                form = {"version": version[1] if version else ""}
                page = self._timed(step, ada.post, f"/rules/of/{RULE_ID}/{step}", **form).text
                self.tally.did("rule books published")
                self.over.wait(PUBLISH_SECONDS / 2)

    def _models(self) -> None:
        registry = self.home / "registry"
        other = registry / "versions" / OTHER_MODEL
        if not other.exists():
            shutil.copytree(SHIPPED, other)
            manifest = {**json.loads((other / MANIFEST).read_text("utf-8")), "published_as": OTHER_MODEL}
            (other / MANIFEST).write_text(json.dumps({**manifest, "version": digest(manifest)}), "utf-8")
        live = registry / "live"
        while not self.over.wait(RELOAD_SECONDS):
            if live.exists():
                live.unlink()
            else:
                live.write_text(OTHER_MODEL + "\n", "utf-8")
            self.tally.did("models promoted")

    def _purges(self) -> None:
        while not self.over.wait(PURGE_SECONDS):
            command = [sys.executable, "-m", "service", "purge", "--older-than-days", "0", "--yes"]
            environment = {**os.environ, "SCREENING_HOME": str(self.home)}
            done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
            self.tally.did(f"purges that ended with {done.returncode}")
            if done.returncode:
                with self.tally.lock:
                    self.tally.faults.append(f"purge: {done.stderr[-200:]}")

    def _dropped(self) -> None:
        """Clients that go away in the middle: half a head, half a body, an answer that nobody reads."""
        body = json.dumps({**SWAP, "mode": "preview"}).encode()
        head = (
            f"POST /screen HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode()
        whole = head + body
        while not self.over.wait(0.5):
            cut = random.choice((len(head) // 2, len(head) + 20, len(whole)))
            with socket.create_connection(("127.0.0.1", self.server.port), 10) as connection:
                connection.sendall(whole[:cut])
            self.tally.did("connections dropped")

    def _seat(self, name: str) -> Seat:
        client = httpx.Client(base_url=self.url, timeout=120, follow_redirects=True, headers={"accept": "text/html"})
        seat = Seat(client)
        seat.sign_in(name, PASSWORD)
        if not seat.csrf:
            raise RuntimeError(f"{name} could not sign in")
        return seat

    def look(self, minute: int) -> Minute:
        """What the process holds now, and what the last minute gave."""
        links = []
        for entry in Path(f"/proc/{self.server.pid}/fd").iterdir():
            try:
                links.append(os.readlink(entry))
            except OSError:  # closed meanwhile
                continue
        database = self.home / "screening.db"
        latency, statuses = self.tally.take()
        return Minute(
            minute=minute,
            memory_mb=round(self.server.memory(), 1),
            files=sum(link.startswith("/") for link in links),
            sockets=sum(link.startswith("socket:") for link in links),
            threads=len(list(Path(f"/proc/{self.server.pid}/task").iterdir())),
            database_mb=round(database.stat().st_size / 1e6, 1),
            log_mb=round(_size(database.with_name(database.name + "-wal")) / 1e6, 1),
            screenings=_screenings(database),
            latency=latency,
            statuses=statuses,
        )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _screenings(path: Path) -> int:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30) as connection:
        count: int = connection.execute("SELECT count(*) FROM screenings").fetchone()[0]
    connection.close()
    return count


def line(one: Minute) -> str:
    """A minute as a line of text."""
    found = {kind: one.latency.get(kind, (0, 0.0, 0.0, 0.0)) for kind in ("preview", "send", "decide", "queue")}
    times = "  ".join(f"{kind} {n} {middle:.0f}/{late:.0f}" for kind, (n, middle, late, _) in found.items())
    return (
        f"{one.minute:3d} min  {one.memory_mb:6.1f} MB  {one.files:3d} files  {one.sockets:3d} sockets  "
        f"{one.threads:2d} threads  db {one.database_mb:5.1f} MB  wal {one.log_mb:4.1f} MB  {one.screenings:6d} kept  "
        f"{times}"
    )


def _figure(one: Minute, kind: str, at: int) -> float:
    return one.latency.get(kind, (0, 0.0, 0.0, 0.0))[at]


def summary(minutes: list[Minute], tally: Tally) -> list[str]:
    """What grew: the last third beside the first third after the warm-up."""
    counted = [one for one in minutes if one.minute > WARM_UP] or minutes
    third = max(1, len(counted) // 3)
    first, last = counted[:third], counted[-third:]

    def mean(of: list[Minute], value: Callable[[Minute], float]) -> float:
        return sum(map(value, of)) / len(of)

    values: dict[str, Callable[[Minute], float]] = {
        "memory, MB": lambda one: one.memory_mb,
        "files": lambda one: one.files,
        "sockets": lambda one: one.sockets,
        "threads": lambda one: one.threads,
        **{
            f"{kind}, {name} ms": partial(_figure, kind=kind, at=at)
            for kind in ("preview", "send")
            for name, at in (("median", 1), ("p99", 2))
        },
    }
    found = [
        f"{name:20} first third {mean(first, value):8.1f}   last third {mean(last, value):8.1f}"
        for name, value in values.items()
    ]
    found.append("done: " + ", ".join(f"{count} {what}" for what, count in sorted(tally.done.items())))
    statuses: Counter[str] = Counter()
    for one in minutes:
        statuses.update(one.statuses)
    found.append("answers: " + ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items())))
    found += [f"FAULT {count} x {fault}" for fault, count in Counter(tally.faults).most_common(20)]
    return found


def main() -> None:
    """Run, say each minute, and at the end what grew. Ends with 1 where anything failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=30)
    parser.add_argument("--rate", type=float, default=6.0, help="requests of callers a second, all together")
    parser.add_argument("--json", type=Path, help="a file for the minutes as JSON")
    given = parser.parse_args()
    os.environ["SCREENING_MODEL_CHECK_SECONDS"] = "1"
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        home = Path(folder)
        database = Database(f"sqlite:///{home / 'screening.db'}")
        database.migrate()
        add_people(database)
        database.close()
        with service(folder, encoder=True) as server:
            soak = Soak(server, home, given.rate)
            threads = soak.start()
            minutes: list[Minute] = []
            began = time.monotonic()
            for minute in range(1, given.minutes + 1):
                time.sleep(max(0.0, began + 60 * minute - time.monotonic()))
                minutes.append(soak.look(minute))
                print(line(minutes[-1]), flush=True)
            soak.over.set()
            for thread in threads:
                thread.join(150)
            quiet = [soak.server.memory()]
            time.sleep(10)
            quiet.append(len(list(Path(f"/proc/{server.pid}/fd").iterdir())))
    found = summary(minutes, soak.tally)
    print("\n".join([*found, f"left alone for 10 s: {quiet[0]:.1f} MB, {quiet[1]:.0f} files and sockets open"]))
    if given.json:
        given.json.write_text(json.dumps([asdict(one) for one in minutes], indent=1) + "\n", encoding="utf-8")
    sys.exit(1 if soak.tally.faults else 0)


if __name__ == "__main__":
    main()
