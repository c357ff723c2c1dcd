"""What operators watch: the gauges of /metrics, and the page that says what runs."""

import re

import pytest

from classifier import __version__
from tests.service.drafts import BLOCKED
from tests.service.running import Running


def values(service: Running) -> dict[str, float]:
    """Every series of /metrics with its value."""
    text = service.client.get("/metrics").text
    lines = [line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


def test_rules_model_and_the_last_kept_write_are_told(service: Running) -> None:
    service.screen(BLOCKED, mode="send")
    found = values(service)
    book = service.services.screeners.screener.book
    assert found["screening_rules_loaded"] == len(book.rules) > 100
    assert found[f'screening_rules{{version="{book.version}"}}'] == 1
    assert found["screening_model_age_seconds"] >= 0
    assert found["screening_last_kept_timestamp_seconds"] > 1_700_000_000


def test_cases_are_counted_by_queue_and_state(service: Running) -> None:
    before = values(service).get('screening_cases_waiting{queue="blocked",state="open"}', 0)
    service.screen(BLOCKED | {"body": BLOCKED["body"] + " Once more."}, mode="send")
    found = values(service)
    assert found['screening_cases_waiting{queue="blocked",state="open"}'] == before + 1
    assert found['screening_cases_waiting_oldest_seconds{queue="blocked",state="open"}'] >= 0


def test_the_overview_says_what_runs_and_that_it_is_well(service: Running) -> None:
    page = service.client.get("/")
    assert page.status_code == 200
    assert "Ready to screen." in page.text
    for words in (__version__, service.services.screeners.model_version, service.services.database.kind):
        assert words in page.text
    for path in re.findall(r'(?:href|src)="(/[^"]*)"', page.text):
        shown = service.client.get(path, headers={"accept": "text/html"}, follow_redirects=True)
        assert shown.status_code == 200, path
    assert "script" not in page.headers["content-security-policy"]


def test_the_overview_needs_no_key(service: Running) -> None:
    page = service.client.get("/", headers={"authorization": ""})
    assert page.status_code == 200


@pytest.mark.parametrize("outcome", ["delivered", "failing", "waiting"])
def test_no_webhooks_are_told_where_none_are_sent(service: Running, outcome: str) -> None:
    assert f'screening_webhooks{{outcome="{outcome}"}}' not in values(service)
