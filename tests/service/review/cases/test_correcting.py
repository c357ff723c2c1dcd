"""What was decided can be put right, nothing is decided by accident, and one draft is one case."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from service.review.auth.roles import Reviewer
from service.review.cases.claims import locked_case
from service.review.cases.closed_cases import closed_cases
from service.review.cases.decisions import DecisionRequest, decide
from service.review.cases.second_readings import disagreements
from service.storage.tables.review import CaseDecisionRow, CaseRow, UserRow
from service.storage.tables.screenings import AppealRow, OutboxRow
from tests.service.review.cases.test_deciding import acts, noted, recorded, undo_of
from tests.service.review.desk import SWAP, Desk, Seat

Sit = Callable[[str], Seat]
EVER = datetime(2000, 1, 1, tzinfo=UTC)
NO_SUBJECT = {
    "support_id": "GG-7Q2P-4L7Q", "subject": "",
    "body": "Hello, the parcel is late at our end. It will ship on Monday. There is nothing you need to do.",
}  # fmt: skip
"""A draft that is warned about because of its form alone."""


def decided_earlier(desk: Desk, case: str, name: str, ago: timedelta) -> list[int]:
    """A decision that somebody made some time ago."""
    services, when = desk.service.services, datetime.now(UTC) - ago
    with services.database.writing() as session:
        user = session.scalars(select(UserRow).where(UserRow.name == name)).one()
        me = Reviewer(user.id, name, user.role, "")
        return decide(session, services.encryptor, locked_case(session, case), me, DecisionRequest("uphold"), when)


def exported(desk: Desk, seat: Seat, case: str) -> list[str] | None:
    lines = seat.post("/out", format="jsonl", since="", until="").text.splitlines()
    found = [t["labels"] for t in map(json.loads, lines) if desk.row(case).screening_id in t["id"]]
    assert len(found) <= 1
    return found[0] if found else None


def overturned(desk: Desk, case: str) -> bool | None:
    with desk.service.services.database.reading() as session:
        closed = {one.case.id: one for one in closed_cases(session, EVER, datetime.now(UTC) + timedelta(1))}
    return closed[case].overturned if case in closed else None


def appeal_of(desk: Desk, screening: str) -> AppealRow:
    with desk.service.services.database.reading() as session:
        return session.get_one(AppealRow, screening)


def appealed(desk: Desk, screening: str) -> None:
    assert desk.service.client.post(f"/screenings/{screening}/appeal", json={"message": "Why?"}).status_code == 200


def test_whoever_decided_reopens_for_a_day_and_export_and_numbers_follow(desk: Desk, seat: Sit) -> None:
    case, mira, lena = desk.case(), seat("mira"), seat("lena")
    decided_earlier(desk, case, "mira", timedelta(hours=23))
    assert exported(desk, lena, case) == ["substitute_offer"]
    assert "Was this wrong?" in mira.page(f"/cases/{case}")
    assert mira.post(f"/cases/{case}/reopen", reason="", filter="").status_code == 422
    answer = mira.post(f"/cases/{case}/reopen", reason="It was only a delay.", filter="queue=all")
    assert "Open again" in answer.text
    assert (desk.row(case).state, desk.row(case).decided_at) == ("open", None)
    assert exported(desk, lena, case) is None
    assert overturned(desk, case) is None
    mira.decide(case, "overturn", label=["delay_notice"])
    assert exported(desk, lena, case) == ["delay_notice"]
    assert overturned(desk, case) is True
    assert [row.action for row in acts(desk, case)] == ["uphold", "reopen", "overturn"]
    assert "reopened" in recorded(desk, case)
    assert "It was only a delay." in lena.page(f"/cases/{case}")


def test_others_and_those_who_come_late_ask_a_lead(desk: Desk, seat: Sit) -> None:
    case, mira, jonas, lena = desk.case(), seat("mira"), seat("jonas"), seat("lena")
    decided_earlier(desk, case, "mira", timedelta(hours=25))
    for late in (mira, jonas):
        assert "a lead does" in late.page(f"/cases/{case}")
        assert late.post(f"/cases/{case}/reopen", reason="Hm.", filter="").status_code == 403
    assert seat("otto").post(f"/cases/{case}/reopen", reason="Hm.", filter="").status_code == 403
    assert lena.post(f"/cases/{case}/reopen", reason="A delay.", filter="").status_code == 200
    assert desk.row(case).state == "open"


def test_an_appeal_that_was_answered_wrongly_is_answered_again(desk: Desk, seat: Sit) -> None:
    screening, mira = desk.screening(), seat("mira")
    appealed(desk, screening)
    with desk.service.services.database.reading() as session:
        case = session.scalars(select(CaseRow.id).where(CaseRow.screening_id == screening)).one()
    mira.decide(case, "uphold")
    first = appeal_of(desk, screening).event_id
    with desk.service.services.database.writing() as session:
        session.get_one(OutboxRow, first).attempts = 1  # the merchant has been told
    mira.post(f"/cases/{case}/reopen", reason="They were right.", filter="")
    assert appeal_of(desk, screening).state == "open"
    mira.decide(case, "overturn", reply="You were right.")
    again = appeal_of(desk, screening)
    assert (again.state, again.outcome) == ("decided", "overturned")
    assert again.event_id not in (None, first)


def test_two_readings_are_reopened_from_the_last_one(desk: Desk, seat: Sit) -> None:
    case, lena = desk.case(second=True), seat("lena")
    seat("mira").decide(case, "uphold")
    seat("jonas").decide(case, "uphold")
    lena.post(f"/cases/{case}/reopen", reason="Both were mistaken.", filter="")
    assert desk.row(case).state == "second"
    lena.decide(case, "overturn")
    assert desk.row(case).state == "decided"
    assert exported(desk, lena, case) == []


def test_each_of_my_last_decisions_can_be_taken_back_while_its_time_lasts(desk: Desk, seat: Sit) -> None:
    cases, mira = [desk.case() for _ in range(3)], seat("mira")
    answers = [str(mira.decide(case, "uphold").url) for case in cases]
    page = mira.page("/mine")
    assert all(case in page for case in cases)
    assert page.count("Take back,") >= 3
    earliest = undo_of(answers[0])
    assert f'value="{earliest}"' in page
    answer = mira.post("/undo", decisions=earliest, back="mine")
    assert str(answer.url).endswith("/mine?said=undone")
    assert [desk.row(case).state for case in cases] == ["open", "decided", "decided"]
    assert "taken back" in answer.text


def test_the_notice_goes_back_one_decision_at_a_time(desk: Desk, seat: Sit) -> None:
    first, second, mira = desk.case(), desk.case(), seat("mira")
    mira.decide(first, "uphold")
    mira.decide(second, "uphold")
    for case in (second, first):
        page = mira.page("?queue=all")
        found = re.search(r'name="decisions" value="([\d-]+)"', page)
        assert found
        mira.post("/undo", decisions=found[1], back="?queue=all")
        assert desk.row(case).state == "open"


def test_a_form_that_is_sent_twice_is_done_once_and_says_so(desk: Desk, seat: Sit) -> None:
    case, mira = desk.case(), seat("mira")
    mira.page(f"/cases/{case}")
    form: dict[str, Any] = {"outcome": "uphold", "seen": "0", "label": ["substitute_offer"], "filter": "queue=all"}
    answers = [mira.post(f"/cases/{case}/decide", **form, evidence="[]", appealed="0") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert "Upheld" in answers[1].text
    assert len(acts(desk, case)) == 1
    other = mira.post(f"/cases/{case}/decide", **{**form, "outcome": "overturn"}, evidence="[]", appealed="0")
    assert other.status_code == 409


def test_an_appeal_joins_the_case_that_waits_and_a_second_reading_holds_for_all(desk: Desk, seat: Sit) -> None:
    case, mira, jonas = desk.case(second=True), seat("mira"), seat("jonas")
    screening = desk.row(case).screening_id
    appealed(desk, screening)
    with desk.service.services.database.reading() as session:
        assert list(session.scalars(select(CaseRow.id).where(CaseRow.screening_id == screening))) == [case]
    assert (desk.row(case).kind, desk.row(case).second_review) == ("appealed", True)
    assert "The merchant contests this" in mira.page(f"/cases/{case}?queue=appealed")
    mira.decide(case, "uphold")
    assert (desk.row(case).state, appeal_of(desk, screening).state) == ("second", "open")
    jonas.decide(case, "uphold")
    assert (desk.row(case).state, appeal_of(desk, screening).outcome) == ("decided", "upheld")


def test_two_cases_of_one_draft_from_before_share_their_readings(desk: Desk, seat: Sit) -> None:
    case, mira, jonas = desk.case(second=True), seat("mira"), seat("jonas")
    row = desk.row(case)
    twin = row.id[:-4] + "0000"
    with desk.service.services.database.writing() as session:
        columns = {c.name: getattr(row, c.name) for c in CaseRow.__table__.columns}
        session.add(CaseRow(**{**columns, "id": twin, "kind": "suggested", "second_review": False}))
    mira.decide(case, "uphold")
    assert desk.row(twin).state == "second"
    refused = mira.post(f"/cases/{twin}/decide", outcome="uphold", seen="0", label=["substitute_offer"], evidence="[]")
    assert refused.status_code == 409
    decided = str(jonas.decide(twin, "uphold").url)
    assert (desk.row(case).state, desk.row(twin).state) == ("decided", "decided")
    assert noted(desk, f"case:{case}", twin) == ["closed_together"]
    jonas.post("/undo", decisions=undo_of(decided), back="")
    assert (desk.row(case).state, desk.row(twin).state) == ("second", "second")
    assert noted(desk, f"case:{case}", twin) == ["closed_together", "opened_together"]
    jonas.decide(twin, "uphold")


def test_a_decision_is_refused_where_the_merchant_has_contested_since(desk: Desk, seat: Sit) -> None:
    case, mira = desk.case(), seat("mira")
    assert 'name="appealed" value="0"' in mira.page(f"/cases/{case}")
    appealed(desk, desk.row(case).screening_id)
    form: dict[str, Any] = {"outcome": "uphold", "seen": "0", "label": ["substitute_offer"], "evidence": "[]"}
    answer = mira.post(f"/cases/{case}/decide", **form, appealed="0")
    assert (answer.status_code, "contested this since" in answer.text) == (409, True)
    assert acts(desk, case) == []


def test_a_selection_says_what_merchants_are_told_and_leaves_appeals_unless_asked(desk: Desk, seat: Sit) -> None:
    cases, mira = [desk.case(merchant_id="M-told") for _ in range(3)], seat("mira")
    appealed(desk, desk.row(cases[0]).screening_id)
    counted = mira.post("/bulk", outcome="uphold", filter="queue=all&merchant=M-told", everything="1")
    text = " ".join(counted.text.split())
    assert "1 appeal waits for an answer" in text
    assert "2 merchants have not asked and hear nothing" in text
    assert text.count(SWAP["subject"]) == 3  # a sample of what would be decided
    ids = re.search(r'name="cases" value="([^"]+)"', text)
    assert ids
    form = {"outcome": "uphold", "filter": "queue=all", "cases": ids[1], "note": ""}
    mira.post("/bulk/confirm", **form)
    assert [desk.row(case).state for case in cases] == ["open", "decided", "decided"]
    mira.post("/bulk/confirm", **form, appeals="1", reply="Please read section 3.")
    assert appeal_of(desk, desk.row(cases[0]).screening_id).outcome == "upheld"


def warned_and_sent(desk: Desk) -> dict[str, Any]:
    """The answer to a draft that was warned about its form, and sent all the same."""
    answer: dict[str, Any] = desk.service.screen(NO_SUBJECT, merchant_id="M-form")
    assert answer["decision"] == "warn", answer
    sent = desk.service.client.post(f"/screenings/{answer['screening_id']}/acknowledge", json={"reason": "It has one."})
    assert sent.status_code == 200
    return answer


def test_a_warning_about_the_form_can_be_wrong_and_is_counted_so(desk: Desk, seat: Sit) -> None:
    answer = warned_and_sent(desk)
    [case] = of_draft(desk, answer["screening_id"])
    mira = seat("mira")
    page = mira.page(f"/cases/{case}")
    assert "The warning was right" in page
    assert "The warning was wrong" in page
    ticked = [label["label"] for label in answer["labels"] if label["asserted"]] or ["delay_notice"]
    done = mira.decide(case, "overturn", label=ticked)
    assert done.status_code == 200
    assert overturned(desk, case) is True
    wrong = [row.rule_id for row in acts(desk, case) if row.action == "wrong_rule"]
    assert wrong
    assert all(name in {finding["id"] for finding in answer["findings"]} for name in wrong)


@pytest.mark.parametrize(("way", "back"), [("step", False), ("leave", True)])
def test_leaving_a_case_frees_it_and_the_list_opens_where_it_was(desk: Desk, seat: Sit, way: str, back: bool) -> None:
    case, mira = desk.case(merchant_id=f"M-leave-{way}"), seat("mira")
    mira.page(f"/cases/{case}")
    answer = mira.get(f"/cases/{case}/{way}?queue=all")
    assert answer.status_code == 200
    assert desk.row(case).claimed_by is None
    if back:
        assert re.search(r"<li data-row data-came>.{0,400}" + case, " ".join(answer.text.split()))


def test_a_page_that_waits_is_told_how_the_claim_stands(desk: Desk, seat: Sit) -> None:
    case, mira, jonas = desk.case(), seat("mira"), seat("jonas")
    mira.page(f"/cases/{case}")
    assert "data-watch=" in jonas.page(f"/cases/{case}")
    held = jonas.get(f"/cases/{case}/lock").json()
    assert held["left"] > 200
    assert "mira is working" in held["why_not"]
    mira.post(f"/cases/{case}/keep", outcome="release", filter="")
    assert jonas.get(f"/cases/{case}/lock").json() == {"left": 0, "why_not": None}


def test_a_hold_goes_on_to_the_next_case_and_words_go_with_a_hand_over(desk: Desk, seat: Sit) -> None:
    case, mira, jonas = desk.case(merchant_id="M-hold"), seat("mira"), seat("jonas")
    desk.case(merchant_id="M-hold")
    page = mira.page(f"/cases/{case}")
    number = page.split(">jonas<")[0].rsplit('value="', 1)[1].split('"')[0]
    form = {"outcome": "hand", "to": number, "filter": "queue=all&merchant=M-hold", "words": "You know this merchant."}
    answer = mira.post(f"/cases/{case}/keep", **form)
    assert "/review/cases/" in str(answer.url)
    assert case not in str(answer.url)
    assert "You know this merchant." in jonas.page(f"/cases/{case}")
    jonas.decide(case, "uphold")


def test_words_are_left_with_a_case_without_deciding_it(desk: Desk, seat: Sit) -> None:
    case, mira = desk.case(), seat("mira")
    mira.post(f"/cases/{case}/comment", words="I have asked the shop.", filter="queue=all")
    assert (desk.row(case).state, [row.action for row in acts(desk, case)]) == ("open", ["comment"])
    assert "I have asked the shop." in seat("lena").page(f"/cases/{case}")
    assert seat("otto").post(f"/cases/{case}/comment", words="No.", filter="").status_code == 403


def test_keys_are_kept_with_the_person(desk: Desk, seat: Sit) -> None:
    mira = seat("mira")
    assert "&#34;letters&#34;: {}" in mira.page("") or '"letters": {}' in mira.page("")
    mira.post("/keys", **{"key-u": "y", "off": "1"})
    again = desk.fresh_seat("mira")
    assert re.search(r'"letters": \{"u": "y"\}, "off": true', again.page("").replace("&#34;", '"'))
    for wrong in ({"key-u": "o"}, {"key-u": "4"}):
        assert mira.post("/keys", **wrong).status_code == 422
    mira.post("/keys", usual="1")
    assert '"off": false' in again.page("").replace("&#34;", '"')
    again.leave()


def test_the_first_decision_stays_on_the_record(desk: Desk, seat: Sit) -> None:
    case, mira = desk.case(), seat("mira")
    mira.decide(case, "uphold")
    mira.post(f"/cases/{case}/reopen", reason="A slip.", filter="")
    with desk.service.services.database.reading() as session:
        rows = session.scalars(select(CaseDecisionRow).where(CaseDecisionRow.case_id == case)).all()
    assert [(row.action, row.undoes) for row in rows] == [("uphold", None), ("reopen", rows[0].id)]


def of_draft(desk: Desk, screening: str) -> list[str]:
    with desk.service.services.database.reading() as session:
        return list(session.scalars(select(CaseRow.id).where(CaseRow.screening_id == screening)))


def test_an_appeal_against_a_decided_case_lets_that_case_wait_again(desk: Desk, seat: Sit) -> None:
    case, mira, lena = desk.case(), seat("mira"), seat("lena")
    screening = desk.row(case).screening_id
    mira.decide(case, "uphold")
    desk.change(case, created_at=datetime.now(UTC) - timedelta(days=3))
    appealed(desk, screening)
    assert of_draft(desk, screening) == [case]
    row = desk.row(case)
    assert (row.state, row.kind, row.decided_at) == ("open", "appealed", None)
    assert datetime.now(UTC) - row.created_at < timedelta(minutes=5)
    assert recorded(desk, case)[-1] == "reopened"
    assert exported(desk, lena, case) is None
    assert case in mira.page("?queue=appealed")
    mira.decide(case, "overturn")
    assert appeal_of(desk, screening).outcome == "overturned"
    assert (desk.row(case).state, exported(desk, lena, case), overturned(desk, case)) == ("decided", [], True)
    assert [row.action for row in acts(desk, case)] == ["uphold", "overturn"]


def test_a_reading_before_an_appeal_is_no_reading_after_it(desk: Desk, seat: Sit) -> None:
    case, mira, jonas = desk.case(second=True), seat("mira"), seat("jonas")
    screening = desk.row(case).screening_id
    mira.decide(case, "uphold")
    jonas.decide(case, "uphold")
    appealed(desk, screening)
    mira.decide(case, "overturn")
    assert (desk.row(case).state, appeal_of(desk, screening).state) == ("second", "open")
    assert case in jonas.page("?queue=second")
    assert "second reader" in jonas.page(f"/cases/{case}")
    with desk.service.services.database.reading() as session:
        assert not [one for one in disagreements(session, 1000) if one.case_id == case]
    jonas.decide(case, "overturn")
    assert appeal_of(desk, screening).outcome == "overturned"


def test_a_case_decided_the_other_way_takes_its_pass_back(desk: Desk, seat: Sit) -> None:
    screening, mira, client = desk.screening(SWAP), seat("mira"), desk.service.client
    appealed(desk, screening)
    [case] = of_draft(desk, screening)
    mira.decide(case, "overturn")
    with desk.service.services.database.writing() as session:  # as half a minute would
        appeal = session.get_one(AppealRow, screening)
        moment = datetime.now(UTC) - timedelta(minutes=2)
        appeal.decided_at = session.get_one(CaseRow, case).decided_at = moment
        session.get_one(OutboxRow, appeal.event_id).attempts = 1
    token = client.get(f"/screenings/{screening}").json()["pass"]
    check = {"token": token, **SWAP}
    assert client.post("/passes/verify", json=check).json()["valid"]
    mira.post(f"/cases/{case}/reopen", reason="It is a swap.", filter="")
    assert client.post("/passes/verify", json=check).json()["reason"] == "revoked"
    mira.decide(case, "uphold")
    assert client.post("/passes/verify", json=check).json()["reason"] == "revoked"
    assert client.get(f"/screenings/{screening}").json()["pass"] is None


def test_what_a_person_found_prohibited_gets_no_pass_back_by_contesting(desk: Desk, seat: Sit) -> None:
    screening, client = warned_and_sent(desk)["screening_id"], desk.service.client
    [case] = of_draft(desk, screening)
    token = client.get(f"/screenings/{screening}").json()["pass"]
    check = {"token": token, **NO_SUBJECT}
    assert client.post("/passes/verify", json=check).json()["valid"]
    seat("mira").decide(case, "uphold", label=["substitute_offer"])
    assert client.post("/passes/verify", json=check).json()["reason"] == "revoked"
    appealed(desk, screening)
    assert of_draft(desk, screening) == [case]
    assert client.post("/passes/verify", json=check).json()["reason"] == "revoked"
