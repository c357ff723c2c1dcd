"""`/policy`: the JSON of the contract for programs, a page with an anchor for each section for people."""

import re
from collections.abc import Iterator

import httpx
import pytest

from service.overview.pages import prefers_page
from tests.service.drafts import ALLOWED, BLOCKED
from tests.service.running import Running, running, settings_for

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
OWN_RULE = """
[[rule]]
id = "own.loyalty-card.off-platform-contact"
strength = "strong"
status = "live"
patterns = ["loyalty card"]
message = "This speaks of the loyalty card."
guidance = "Leave it out."
policy_ref = "House rules: Loyalty"
must_flag = ["Show your loyalty card."]
must_not_flag = ["Show your card."]
"""
FAULTY = {
    "support_id": "none", "subject": "", "body": "Damn. {{name}}, show your loyalty card and pay me by PayPal.",
}  # fmt: skip


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("policy")
    (home / "rules").mkdir()
    (home / "rules" / "own.toml").write_text(OWN_RULE, "utf-8")
    with running(settings_for(home)) as started:
        yield started


def anchors(service: Running) -> set[str]:
    page = service.client.get("/policy", headers={"accept": BROWSER})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    ids = re.findall(r'<section id="([^"]+)"', page.text)
    assert len(ids) == len(set(ids))
    return set(ids)


def test_each_policy_url_leads_to_a_section_of_the_page(service: Running) -> None:
    there = anchors(service)
    cited: set[str] = set()
    for draft in (ALLOWED, BLOCKED, FAULTY):
        for finding in service.screen(draft, mode="preview")["findings"]:
            path, _, anchor = finding["policy_url"].partition("#")
            assert (path, anchor in there) == ("/policy", True), finding
            cited.add(anchor)
    assert "house-rules-loyalty" in cited
    assert len(cited) >= 4
    sections = service.client.get("/policy").json()["sections"]
    assert len(there) == len(sections) + 1


def test_the_page_quotes_each_section(service: Running) -> None:
    page = service.client.get("/policy", headers={"accept": BROWSER})
    said = re.sub(r"&#(\d+);", lambda code: chr(int(code[1])), page.text)
    for section in service.client.get("/policy").json()["sections"]:
        assert section["title"] in said
        assert section["quote"].replace("&", "&amp;") in said
    assert "not permitted" in page.text
    assert "{hour}" not in page.text
    assert "script" not in page.headers["content-security-policy"]


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html;q=0.5, application/json", None])
def test_programs_get_json(service: Running, accept: str | None) -> None:
    answer = httpx.get(service.url + "/policy", headers={"accept": accept} if accept else {})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["vary"] == "accept"
    assert {"version", "labels", "sections", "reminders"} <= answer.json().keys()


def test_the_document_says_both_and_types_what_programs_get(service: Running) -> None:
    operation = service.client.get("/openapi.json").json()["paths"]["/policy"]["get"]
    assert "`Accept: text/html`" in operation["description"]
    # a second type would make a typed client's answer "a policy or a string"
    assert list(operation["responses"]["200"]["content"]) == ["application/json"]


@pytest.mark.parametrize(
    ("accept", "page"),
    [(BROWSER, True), ("text/html", True), ("TEXT/HTML; q=0.9", True), ("text/html;q=0", False), ("text/*", False),
     ("application/json, text/html", False), ("text/html;level=1;q=0.4, application/json;q=0.3", True),
     ("text/html;q=x", False), ("", False), (None, False)],
)  # fmt: skip
def test_who_prefers_a_page(accept: str | None, page: bool) -> None:
    assert prefers_page(accept) is page
