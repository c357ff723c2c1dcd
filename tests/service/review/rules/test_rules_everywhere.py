"""A published rule runs in every process within seconds: two processes, one database, a home for each."""

import time
from pathlib import Path

import httpx
import pytest

from service.passes import new_key
from service.storage.database import Database
from tests.service.conftest import KINDS, fresh_url
from tests.service.review.desk import RULE, Seat, add_people
from tests.service.review.rules.test_rules_desk import ID, publish, version
from tests.service.test_processes import process

LLAMA = {"support_id": "GG-1A2B-3C4D", "subject": "Your order", "body": "Take the llama desk lamp. It ships today."}
PATIENCE = 300  # seconds of a very busy machine; a quiet one needs two


def seat(client: httpx.Client, name: str) -> Seat:
    found = Seat(httpx.Client(base_url=client.base_url, timeout=60, follow_redirects=True))
    found.sign_in(name)
    return found


def says(client: httpx.Client) -> bool:
    answer = client.post("/screen", json={**LLAMA, "mode": "preview"})
    assert answer.status_code == 200, answer.text
    return any(finding["id"] == ID for finding in answer.json()["findings"])


def comes_to_say(client: httpx.Client, wanted: bool) -> bool:
    deadline = time.monotonic() + PATIENCE
    while says(client) != wanted and time.monotonic() < deadline:
        time.sleep(0.2)
    return says(client) == wanted


@pytest.mark.parametrize("kind", KINDS)
def test_what_one_publishes_the_other_follows_and_so_it_is_with_rolling_back(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = fresh_url(kind, tmp_path, request)
    homes = [tmp_path / name for name in ("one", "two")]
    for home in homes:
        home.mkdir()
    shared = {"database_url": url, "pass_keys": new_key(), "model_check_seconds": "0.2"}
    with process(homes[0], **shared) as (_, first, _), process(homes[1], **shared) as (_, second, _):
        database = Database(url)
        add_people(database)
        database.close()
        lena, ada, other = seat(first, "lena"), seat(first, "ada"), seat(second, "ada")
        page = lena.post("/rules/save", source=RULE, note="").text
        publish(ada, ID, page)
        assert comes_to_say(first, True)
        assert comes_to_say(second, True)
        page = other.page(f"/rules/of/{ID}")
        assert page.count("> valid</span>") == 2  # signed by the one, checked by the other
        other.post(f"/rules/of/{ID}/roll-back", version=version(page), note="Enough.")
        assert comes_to_say(second, False)
        assert comes_to_say(first, False)
        for sitting in (lena, ada, other):
            sitting.leave()
