"""The demonstration's proxy over HTTP: errors come through as they are, and without the demonstration there is none."""

from collections.abc import Iterator

import httpx
import pytest

from tests.service.running import Running, running, settings_for

DRAFT = {
    "support_id": "GG-8K2P-4L7Q-XY19",
    "subject": "Apartment number needed for your order",
    "body": "Hello Sam, please reply with your apartment number, so that the carrier can deliver your lamp.",
}
PROXY = [
    ("POST", "/compose/screen"),
    ("POST", "/compose/screenings/x/acknowledge"),
    ("POST", "/compose/screenings/x/appeal"),
    ("GET", "/compose/screenings/x"),
    ("POST", "/compose/send"),
]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(settings_for(tmp_path_factory.mktemp("demo"))) as service:
        service.app.state.demo_key = service.key("screen", caller="demo")["Authorization"].removeprefix("Bearer ")
        yield service


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(settings_for(tmp_path_factory.mktemp("plain"))) as service:
        yield service


def test_screen_send_and_no_other_text(demo: Running) -> None:
    with httpx.Client(base_url=demo.url, timeout=30) as page:
        answer = page.post("/compose/screen", json=DRAFT, headers={"idempotency-key": "k"}).json()
        again = page.post("/compose/screen", json=DRAFT, headers={"idempotency-key": "k"}).json()
        assert answer["screening_id"] == again["screening_id"]
        sent = DRAFT | {"screening_pass": answer["pass"], "screening_id": answer["screening_id"]}
        assert page.post("/compose/send", json=sent).json() == {"sent": True}
        changed = page.post("/compose/send", json=sent | {"subject": "Another"})
        assert (changed.status_code, changed.headers["content-type"]) == (409, "application/problem+json")


def test_the_back_end_sends_nothing_empty(demo: Running) -> None:
    empty = DRAFT | {"subject": "", "body": " "}
    with httpx.Client(base_url=demo.url, timeout=30) as page:
        screened = page.post("/compose/screen", json=empty).json()["screening_id"]
        granted = page.post(f"/compose/screenings/{screened}/acknowledge", json={}).json()["pass"]
        refused = page.post("/compose/send", json=empty | {"screening_pass": granted})
        assert refused.status_code == 409
        assert "nothing to send" in refused.json()["detail"]


def test_the_services_refusals_come_through(demo: Running) -> None:
    with httpx.Client(base_url=demo.url, timeout=30) as page:
        refused = page.post("/compose/screen", json=DRAFT | {"body": 5})
        assert (refused.status_code, refused.headers["content-type"]) == (422, "application/problem+json")
        assert refused.json()["errors"][0]["field"] == "body"
        assert page.get("/compose/screenings/none").status_code == 404
        assert page.post("/compose/send", json={"subject": "x"}).status_code == 422


def test_the_page_allows_nothing_inline(demo: Running) -> None:
    page = httpx.get(demo.url + "/compose")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "style=" not in page.text
    assert "onclick" not in page.text


@pytest.mark.parametrize(("method", "path"), PROXY)
def test_without_the_demonstration_there_is_no_proxy(plain: Running, method: str, path: str) -> None:
    assert httpx.request(method, plain.url + path, json=DRAFT | {"screening_pass": ""}).status_code == 404


def test_without_the_demonstration_the_page_says_so(plain: Running) -> None:
    page = httpx.get(plain.url + "/compose")
    assert page.status_code == 200
    assert "The demonstration is off" in page.text
