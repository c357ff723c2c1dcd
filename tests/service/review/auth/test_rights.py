"""Who gets in, and how far."""

import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import httpx
import pytest

from service.storage.tables.review import SessionRow
from tests.service.review.desk import PASSWORD, Desk, Seat

pytestmark = pytest.mark.parametrize("desk", ["sqlite"], indirect=True)  # rights ask nothing of the database's kind
Sit = Callable[[str], Seat]
PAGES = ["", "/numbers", "/agreement", "/rules", "/rules/new", "/audit", "/audit.csv", "/out", "/people"]
ALLOWED = {
    "mira": {"", "/numbers", "/agreement"},
    "lena": set(PAGES) - {"/people"},
    "ada": set(PAGES),
    "otto": {"", "/numbers", "/agreement", "/audit", "/audit.csv"},
}


@pytest.mark.parametrize("who", ALLOWED)
def test_each_role_sees_its_pages_and_no_other(seat: Sit, who: str) -> None:
    sitting = seat(who)
    assert {path for path in PAGES if sitting.get(path).status_code == 200} == ALLOWED[who]
    assert {sitting.get(path).status_code for path in set(PAGES) - ALLOWED[who]} <= {403}


@pytest.mark.parametrize("path", [*PAGES, "/cases/x", "/numbers/volumes.csv"])
def test_nobody_is_let_in_without_signing_in(desk: Desk, path: str) -> None:
    answer = httpx.get(f"{desk.service.url}/review{path}", headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/review/login")


def test_a_form_without_the_sessions_token_does_nothing(desk: Desk) -> None:
    case, mira = desk.case(), desk.fresh_seat("mira")
    mira.page(f"/cases/{case}")
    mira.csrf, right = "0" * 64, mira.csrf
    answer = mira.post(f"/cases/{case}/decide", outcome="uphold", seen="0", label="substitute_offer")
    assert answer.status_code == 403
    assert desk.row(case).state == "open"
    mira.csrf = right
    mira.leave()
    assert desk.row(case).claimed_by is None


def test_a_session_ends(desk: Desk) -> None:
    jonas = desk.fresh_seat("jonas")
    hashed = hashlib.sha256(jonas.client.cookies["review_session"].encode()).hexdigest()
    with desk.service.services.database.writing() as session:
        session.get_one(SessionRow, hashed).expires_at = datetime.now(UTC) - timedelta(seconds=1)
    assert "Sign in" in jonas.page("")
    jonas.client.close()


@pytest.mark.parametrize(
    ("asked", "reached"),
    [("/numbers?days=7", "/review/numbers?days=7"), ("//elsewhere.test/", "/review"), ("@elsewhere.test", "/review")],
)
def test_signing_in_leads_back_to_the_page_asked_for_and_nowhere_else(desk: Desk, asked: str, reached: str) -> None:
    with httpx.Client(base_url=desk.service.url, follow_redirects=True, headers={"accept": "text/html"}) as client:
        page = client.get(f"/review{asked}" if asked[1] == "n" else "/review/login?next=" + quote(asked))
        assert "Sign in" in page.text
        form = dict(re.findall(r'name="(csrf|next)" value="([^"]*)"', page.text))
        answer = client.post("/review/login", data={**form, "name": "mira", "password": PASSWORD})
    assert str(answer.url).removeprefix(desk.service.url) == reached


@pytest.mark.parametrize(
    ("path", "status"), [("/nowhere", 404), ("/cases/nothing", 404), ("/numbers?days=many", 422), ("/people", 403)]
)
def test_a_refusal_is_a_page_of_the_desk(seat: Sit, path: str, status: int) -> None:
    answer = seat("mira").get(path)
    assert answer.status_code == status
    assert "mira" in answer.text
    assert "Sign out" in answer.text


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(desk: Desk) -> None:
    with httpx.Client(base_url=desk.service.url) as client:
        page = client.get("/review/login")
        token = page.text.split('name="csrf" value="')[1].split('"')[0]
        answer = client.post(
            "/review/login", data={"csrf": token, "name": "mira", "password": "a long enough password"}
        )
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/review" in cookie


@pytest.mark.parametrize("path", ["/login", "", "/numbers"])
def test_pages_allow_nothing_inline_and_nothing_foreign(seat: Sit, path: str) -> None:
    answer = seat("mira").get(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert " style=" not in answer.text
    assert "<script>" not in answer.text


def test_an_auditor_reads_a_case_and_can_not_decide_it(desk: Desk, seat: Sit) -> None:
    case, otto = desk.case(), seat("otto")
    assert "reads and does not decide" in otto.page(f"/cases/{case}")
    answer = otto.post(f"/cases/{case}/decide", outcome="uphold", seen="0", label="substitute_offer")
    assert answer.status_code == 403
    assert desk.row(case).claimed_by is None


def test_an_administrator_adds_changes_and_shuts_out(desk: Desk, seat: Sit) -> None:
    ada = seat("ada")
    assert ada.post("/people", name="nora", role="reviewer", password="short").status_code == 422
    assert "nora" in ada.post("/people", name="nora", role="reviewer", password="long enough here").text
    with httpx.Client(
        base_url=desk.service.url, follow_redirects=True, timeout=60, headers={"accept": "text/html"}
    ) as client:
        nora = Seat(client)
        assert "Everything that waits" in nora.sign_in("nora", "long enough here").text
        number = ada.page("/people").split('aria-label="Role of nora"')[0].rsplit("/people/", 1)[1].split('"')[0]
        ada.post(f"/people/{number}", role="auditor", disabled="1")
        assert "Sign in" in nora.page("")
        assert nora.sign_in("nora", "long enough here").status_code == 403
    assert "user_changed" in ada.page("/audit.csv")
