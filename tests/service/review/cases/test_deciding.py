"""Deciding, undoing, and working beside others."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from service.review.auth.roles import Reviewer
from service.review.cases.claims import locked_case
from service.review.cases.decisions import DecisionRequest, decide
from service.storage.screenings.documents import read_document
from service.storage.screenings.records import new_id
from service.storage.tables.review import AuditRow, CaseDecisionRow, CaseRow
from service.storage.tables.screenings import AppealRow, FindingRow, OutboxRow, ScreeningRow
from tests.service.review.desk import SWAP, Desk, Seat, one_line

Sit = Callable[[str], Seat]


def acts(desk: Desk, case: str) -> list[CaseDecisionRow]:
    with desk.service.services.database.reading() as session:
        query = select(CaseDecisionRow).where(CaseDecisionRow.case_id == case).order_by(CaseDecisionRow.id)
        return list(session.scalars(query))


def recorded(desk: Desk, case: str) -> list[str]:
    with desk.service.services.database.reading() as session:
        query = select(AuditRow.action).where(AuditRow.subject == f"case:{case}").order_by(AuditRow.id)
        return list(session.scalars(query))


def noted(desk: Desk, subject: str, case: str) -> list[str]:
    """What the audit says of a subject in connection with a case."""
    with desk.service.services.database.reading() as session:
        rows = session.scalars(select(AuditRow).where(AuditRow.subject == subject).order_by(AuditRow.id))
        return [row.action for row in rows if case in (row.after or {}).values()]


def undo_of(answer_url: str) -> str:
    return answer_url.split("undo=")[1].split("&")[0]


def test_uphold_keeps_the_labels_and_goes_on_to_the_next_case(desk: Desk, seat: Sit) -> None:
    case = desk.case()
    answer = seat("mira").decide(case, "uphold", note="Plain swap.")
    assert "/review/cases/" in str(answer.url)
    assert case not in str(answer.url)
    assert [(row.action, row.labels) for row in acts(desk, case)] == [("uphold", "substitute_offer")]
    assert desk.row(case).state == "decided"
    assert recorded(desk, case) == ["created", "claimed", "decided"]


def test_overturn_drops_the_prohibited_label(desk: Desk, seat: Sit) -> None:
    case = desk.case()
    seat("mira").decide(case, "overturn")
    assert [(row.action, row.labels) for row in acts(desk, case)] == [("overturn", "")]


def test_labels_that_contradict_the_outcome_are_asked_about_and_nothing_typed_is_lost(desk: Desk, seat: Sit) -> None:
    case = desk.case()
    answer = seat("mira").decide(case, "uphold", label=["delay_notice"], note="Only late, I think.")
    assert answer.status_code == 422
    assert "speak against the decision" in answer.text
    assert "Only late, I think." in answer.text
    assert 'value="delay_notice" checked' in one_line(answer.text)
    assert acts(desk, case) == []


def test_relabel_evidence_note_and_a_wrong_rule_are_kept(desk: Desk, seat: Sit) -> None:
    case = desk.case()
    with desk.service.services.database.reading() as session:
        rule = session.scalar(select(FindingRow.rule_id).where(FindingRow.screening_id == desk.row(case).screening_id))
    start = SWAP["body"].index("green one")
    mark = {"field": "body", "start": start, "end": start + 9, "label": "substitute_offer"}
    seat("mira").decide(
        case, "relabel", label=["inventory_cancellation", "substitute_offer"], note="Also a shortage.",
        evidence=json.dumps([mark]), wrong_rule=[rule],
    )  # fmt: skip
    assert noted(desk, f"rule:{rule}", case) == ["rule_called_wrong"]
    rows = acts(desk, case)
    assert [(row.action, row.labels, row.rule_id) for row in rows] == [
        ("relabel", "inventory_cancellation substitute_offer", None),
        ("wrong_rule", None, rule),
    ]
    details = json.loads(desk.service.services.encryptor.decrypt_optional(rows[0].details) or "")
    assert (details["note"], details["evidence"]) == ("Also a shortage.", [mark])
    page = seat("lena").page(f"/cases/{case}")
    assert re.search(r'<mark class="\w+ person"|Substitute offer \(a reviewer\)', page)
    assert "Also a shortage." in page


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"outcome": "maybe"}, "outcome"),
        ({"label": ["kindness"]}, "label"),
        ({"evidence": '[{"field": "body", "start": 5, "end": 2, "label": "delay_notice"}]'}, "evidence"),
        ({"evidence": "{"}, "evidence"),
        ({"note": "x" * 4001}, "note"),
        ({"seen": "soon"}, "seen"),
    ],
)
def test_a_form_that_is_wrong_is_refused_by_the_name_of_its_field(
    desk: Desk, seat: Sit, form: dict[str, str], field: str
) -> None:
    case, mira = desk.case(), seat("mira")
    answer = mira.post(f"/cases/{case}/decide", **{"outcome": "uphold", "seen": "0", **form})
    assert (answer.status_code, f"{field}:" in answer.text) == (422, True)
    assert acts(desk, case) == []


def test_undo_brings_the_case_back_and_adds_a_row(desk: Desk, seat: Sit) -> None:
    case, mira = desk.case(), seat("mira")
    decided = str(mira.decide(case, "overturn").url)
    answer = mira.post("/undo", decisions=undo_of(decided), back="?queue=all")
    assert case in str(answer.url)
    assert [row.action for row in acts(desk, case)] == ["overturn", "undo"]
    assert desk.row(case).state == "open"
    assert desk.row(case).decided_at is None
    assert "undone" in recorded(desk, case)


def test_a_rule_called_wrong_and_taken_back_is_on_the_audit(desk: Desk, seat: Sit) -> None:
    case, mira = desk.case(), seat("mira")
    decided = str(mira.decide(case, "overturn", wrong_rule=["substitute.some-rule"]).url)
    mira.post("/undo", decisions=undo_of(decided), back="")
    assert noted(desk, "rule:substitute.some-rule", case) == ["rule_called_wrong", "rule_call_taken_back"]


def test_undo_ends_after_thirty_seconds_and_is_nobody_elses(desk: Desk, seat: Sit) -> None:
    case, mira = desk.case(), seat("mira")
    decided = undo_of(str(mira.decide(case, "uphold").url))
    assert seat("jonas").post("/undo", decisions=decided, back="").status_code == 409
    late = desk.case()
    services, earlier = desk.service.services, datetime.now(UTC) - timedelta(seconds=31)
    with services.database.writing() as session:
        me = Reviewer(acts(desk, case)[0].actor_id, "mira", "reviewer", "")
        ids = decide(session, services.encryptor, locked_case(session, late), me, DecisionRequest("uphold"), earlier)
    assert mira.post("/undo", decisions=f"{ids[0]}-{ids[0]}", back="").status_code == 409
    assert desk.row(late).state == "decided"


def test_a_claimed_case_is_shown_to_others_and_is_not_theirs_to_decide(desk: Desk, seat: Sit) -> None:
    case, mira, jonas = desk.case(), seat("mira"), seat("jonas")
    mira.page(f"/cases/{case}")
    assert "mira is working on this case" in jonas.page(f"/cases/{case}")
    answer = jonas.post(f"/cases/{case}/decide", outcome="uphold", seen="0", label="substitute_offer")
    assert answer.status_code == 409
    assert acts(desk, case) == []


def test_a_lock_that_ran_out_frees_the_case_and_the_late_page_is_told(desk: Desk, seat: Sit) -> None:
    case, mira, jonas = desk.case(), seat("mira"), seat("jonas")
    mira.page(f"/cases/{case}")
    desk.change(case, lock_expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert mira.post(f"/cases/{case}/renew").status_code == 409
    jonas.decide(case, "uphold")
    late = mira.post(f"/cases/{case}/decide", outcome="overturn", seen="0", label="substitute_offer")
    assert late.status_code == 409
    assert [row.action for row in acts(desk, case)] == ["uphold"]


def test_renewing_lengthens_the_lock(desk: Desk, seat: Sit) -> None:
    case, mira = desk.case(), seat("mira")
    mira.page(f"/cases/{case}")
    desk.change(case, lock_expires_at=datetime.now(UTC) + timedelta(seconds=5))
    assert mira.post(f"/cases/{case}/renew").json() == {"left": 300}
    until = desk.row(case).lock_expires_at
    assert until
    assert until > datetime.now(UTC) + timedelta(seconds=200)
    assert "renewed" in recorded(desk, case)


def test_hold_hand_over_release_and_take_over(desk: Desk, seat: Sit) -> None:
    case, mira, jonas, lena = desk.case(), seat("mira"), seat("jonas"), seat("lena")
    mira.page(f"/cases/{case}")
    mira.post(f"/cases/{case}/keep", outcome="hold", filter="queue=all")
    assert case in mira.page("?queue=mine")
    assert case not in jonas.page("?queue=blocked&merchant=")
    number = mira.page(f"/cases/{case}").split(">jonas<")[0].rsplit('value="', 1)[1].split('"')[0]
    mira.post(f"/cases/{case}/keep", outcome="hand", to=number, filter="queue=all")
    assert case in jonas.page("?queue=mine")
    assert "This case is kept for jonas" in mira.page(f"/cases/{case}")
    lena.post(f"/cases/{case}/keep", outcome="take", filter="queue=all")
    assert desk.row(case).claimed_by != int(number)
    lena.post(f"/cases/{case}/keep", outcome="release", filter="queue=all")
    assert (desk.row(case).claimed_by, desk.row(case).state) == (None, "open")
    assert mira.post(f"/cases/{case}/keep", outcome="take", filter="").status_code == 403
    assert {"held", "handed_over", "took_over", "released"} <= set(recorded(desk, case))


def test_looking_at_what_one_holds_does_not_give_it_up_and_a_hold_ends(desk: Desk, seat: Sit) -> None:
    case, mira, jonas = desk.case(), seat("mira"), seat("jonas")
    mira.page(f"/cases/{case}")
    mira.post(f"/cases/{case}/keep", outcome="hold", filter="queue=all")
    until = desk.row(case).lock_expires_at
    assert "23 h 59 min" in mira.page(f"/cases/{case}")
    assert mira.post(f"/cases/{case}/renew").json()["left"] > 80_000
    assert (desk.row(case).state, desk.row(case).lock_expires_at) == ("held", until)
    assert "kept for mira" in jonas.page(f"/cases/{case}")
    desk.change(case, lock_expires_at=datetime.now(UTC) - timedelta(seconds=1))
    jonas.decide(case, "uphold")
    assert desk.row(case).state == "decided"


def test_the_second_reader_is_blind_and_a_dispute_goes_to_a_lead(desk: Desk, seat: Sit) -> None:
    case, mira, jonas, lena = desk.case(second=True), seat("mira"), seat("jonas"), seat("lena")
    mira.decide(case, "uphold", note="As plain as can be.")
    assert desk.row(case).state == "second"
    assert "await" in mira.page(f"/cases/{case}")
    page = jonas.page(f"/cases/{case}")
    assert "You are the second reader" in page
    assert "As plain as can be." not in page
    jonas.decide(case, "overturn")
    assert desk.row(case).state == "disputed"
    assert "awaits somebody else" in jonas.page(f"/cases/{case}")
    assert "As plain as can be." in lena.page(f"/cases/{case}")
    lena.decide(case, "uphold")
    assert desk.row(case).state == "decided"
    agreement = lena.page("/agreement")
    assert case in agreement
    assert "Nowhere so far" not in agreement


def test_two_who_agree_need_no_lead(desk: Desk, seat: Sit) -> None:
    case = desk.case(second=True)
    seat("mira").decide(case, "uphold")
    seat("jonas").decide(case, "uphold")
    assert desk.row(case).state == "decided"


def test_an_appeal_is_decided_with_its_case_and_announced_only_after_the_undo_time(desk: Desk, seat: Sit) -> None:
    screening, mira = desk.screening(), seat("mira")
    desk.service.client.post(f"/screenings/{screening}/appeal", json={"message": "They <b>asked</b> for green."})
    with desk.service.services.database.reading() as session:
        case = session.scalars(select(CaseRow.id).where(CaseRow.screening_id == screening)).one()
    page = mira.page(f"/cases/{case}")
    assert "They &lt;b&gt;asked&lt;/b&gt; for green." in page
    decided = str(mira.decide(case, "overturn", reply="You were right.").url)
    with desk.service.services.database.reading() as session:
        appeal = session.get_one(AppealRow, screening)
        news = session.get_one(OutboxRow, appeal.event_id)
    assert (appeal.state, appeal.outcome) == ("decided", "overturned")
    assert news.next_attempt_at >= news.created_at + timedelta(seconds=30)
    assert desk.row(case).state == "decided"
    mira.post("/undo", decisions=undo_of(decided), back="")
    with desk.service.services.database.reading() as session:
        assert session.get_one(AppealRow, screening).state == "open"
        assert session.get(OutboxRow, news.id) is None
    assert desk.row(case).state == "open"


def test_cases_of_one_draft_that_close_and_open_together_are_on_the_audit(desk: Desk, seat: Sit) -> None:
    case, other, mira = desk.case(), new_id(), seat("mira")
    columns = {column.name: getattr(desk.row(case), column.name) for column in CaseRow.__table__.columns}
    with desk.service.services.database.writing() as session:
        session.add(CaseRow(**{**columns, "id": other, "kind": "shadow"}))
    decided = str(mira.decide(case, "overturn").url)
    assert noted(desk, f"case:{other}", case) == ["closed_together"]
    mira.post("/undo", decisions=undo_of(decided), back="")
    assert noted(desk, f"case:{other}", case) == ["closed_together", "opened_together"]
    mira.decide(case, "overturn")


def test_a_case_is_replayed_with_the_policy_quoted_beside_it(desk: Desk, seat: Sit) -> None:
    page = seat("mira").page(f"/cases/{desk.case(merchant_id='M-7')}")
    assert "Today’s rules and model" in page
    assert "Nothing has changed since." in page
    assert "ARRANGING A PRODUCT SUBSTITUTE" in page
    assert "M-7" in page


def test_the_machines_verdict_is_never_touched(desk: Desk, seat: Sit) -> None:
    case = desk.case()
    with desk.service.services.database.reading() as session:
        before = read_document(session.get_one(ScreeningRow, desk.row(case).screening_id).verdict)
    seat("mira").decide(case, "overturn")
    with desk.service.services.database.reading() as session:
        assert read_document(session.get_one(ScreeningRow, desk.row(case).screening_id).verdict) == before
