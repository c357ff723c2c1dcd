"""The queue: order, pages, filters, search, views, bulk decisions."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from classifier import Draft
from service.review.auth.roles import Reviewer
from service.review.queue.filters import QueueFilter
from service.review.queue.listing import conditions
from service.review.queue.ordering import ordered
from service.review.queue.snippets import snippet
from service.storage.encryption import Encryptor
from service.storage.screenings.search import found_drafts
from service.storage.tables.review import CaseRow, UserRow
from tests.service.review.desk import SWAP, Desk, Seat, one_line

Sit = Callable[[str], Seat]
CASE = re.compile(r"/review/cases/(\w{32})\?")


def listed(page: str) -> list[str]:
    return list(dict.fromkeys(CASE.findall(page)))


def walk(sitting: Seat, query: str) -> list[str]:
    """All cases of a queue, page after page, those of one template apart."""
    return rows(sitting, f"{query}&flat=1")


def rows(sitting: Seat, query: str) -> list[str]:
    """The cases that the rows of a queue show, page after page."""
    found: list[str] = []
    path = f"?{query}"
    while path:
        page = sitting.page(path)
        found += listed(page)
        after = re.search(r'rel="next" href="/review(\?[^"]+)"', page)
        path = after[1].replace("&amp;", "&") if after else ""
    return found


def test_pages_hold_every_case_once_due_first(desk: Desk, seat: Sit) -> None:
    found = walk(seat("mira"), "queue=all")
    with desk.service.services.database.reading() as session:
        waiting = list(
            session.scalars(
                select(CaseRow.id)
                .where(CaseRow.decided_at.is_(None), CaseRow.state.in_(("open", "second")))
                .order_by(CaseRow.due_at, CaseRow.id)
            )
        )
    assert len(found) > 60
    assert found == waiting


def test_what_is_late_stands_first_and_says_so(desk: Desk, seat: Sit) -> None:
    case = desk.case()
    desk.change(case, due_at=datetime.now(UTC) - timedelta(hours=3))
    page = seat("mira").page("?queue=blocked")
    assert listed(page)[0] == case
    assert "3 h late" in page


@pytest.mark.parametrize(
    ("query", "column", "value"),
    [
        ("decision=block", CaseRow.decision, "block"),
        ("merchant=M-1041", CaseRow.merchant_id, "M-1041"),
        ("language=en", CaseRow.language, "en"),
        ("label=cancellation_probing", CaseRow.labels, "cancellation_probing"),
    ],
)
def test_a_filter_keeps_what_it_names(desk: Desk, seat: Sit, query: str, column: object, value: str) -> None:
    found = walk(seat("mira"), f"queue=blocked&{query}")
    with desk.service.services.database.reading() as session:
        values = set(session.scalars(select(column).where(CaseRow.id.in_(found))))  # type: ignore[call-overload]
    assert found
    assert all(value in each for each in values)


def test_filters_by_rule_and_by_day(desk: Desk, seat: Sit) -> None:
    case, mira = desk.case(), seat("mira")
    rule = re.search(r"rule <code>([\w.-]+)</code>", mira.page(f"/cases/{case}"))
    assert rule
    assert case in walk(mira, f"queue=all&rule={rule[1]}")
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    assert case not in walk(mira, f"queue=all&since={tomorrow}")
    assert case in walk(mira, f"queue=all&until={tomorrow}")


def test_words_of_the_draft_are_found(desk: Desk, seat: Sit) -> None:
    case = desk.case({"body": "The zebrawood lamp is sold out, we can send the oak one instead if you agree."})
    mira = seat("mira")
    assert listed(mira.page("?queue=all&words=zebrawood+lamp")) == [case]
    assert listed(mira.page("?queue=all&words=zebrawood+giraffe")) == []
    assert mira.get("?queue=all&words=%22%29+OR+*").status_code == 200


FOUND = [
    ("grösse", True), ("groesse", True), ("GROSSE", True), ("größe", True), ("zebraw*", True), ("zebraw", False),
    ('"red zebrawood"', True), ('"zebrawood red"', False), ('"red zebraw*"', False), ("naive zebrawood", True),
    ("uberzug", True), ("ueberzug", True), ("überzug lamp*", True), ("GG-8K2P-4L7Q zebrawood", True),
    ("3.50 zebrawood", True), ('zebrawood "', True), ("zebrawood AND", False), ("o'zebrawood:*", False),
]  # fmt: skip


@pytest.fixture(scope="module")
def zebra(desk: Desk) -> str:
    body = "The naïve red zebrawood lamp in Größe 3 with Überzug for 3.50 is sold out, we can send the oak one instead."
    return desk.case({"body": body})


@pytest.mark.parametrize(("words", "there"), FOUND)
def test_quotes_beginnings_accents_and_sharp_s(desk: Desk, seat: Sit, zebra: str, words: str, there: bool) -> None:
    page = seat("mira").get(f"?queue=all&flat=1&words={quote(words)}")
    assert page.status_code == 200
    assert (zebra in listed(page.text)) is there


def test_one_search_finds_what_waits_and_what_is_decided(desk: Desk, seat: Sit) -> None:
    mira = seat("mira")
    first, second = (desk.case({"body": f"{SWAP['body']} quokka {n}"}) for n in ("one", "two"))
    mira.decide(first, "overturn")
    page = mira.page("?queue=all&words=quokka")
    assert listed(page) == [second]
    assert 'name="queue" value="any"' in page
    both = mira.page("?queue=any&words=quokka")
    assert listed(both) == [second, first]
    assert "Overturned by mira" in both
    assert both.count('type="checkbox" name="case"') == 1
    assert second in str(mira.post("/next", filter="queue=any&words=quokka").url)


def test_a_search_finds_every_waiting_case_with_the_word(desk: Desk, seat: Sit) -> None:
    with desk.service.services.database.reading() as session:
        holding = found_drafts(session.get_bind().dialect.name, "the")
        assert holding is not None
        waits = CaseRow.decided_at.is_(None), CaseRow.state.in_(("open", "second"))
        expected = set(session.scalars(select(CaseRow.id).where(*waits, CaseRow.screening_id.in_(holding))))
    assert len(expected) > 50
    assert set(walk(seat("mira"), "queue=all&words=the")) == expected
    assert walk(seat("mira"), "queue=all&words=%22%22") == []


def test_the_decided_list_says_what_people_said(desk: Desk, seat: Sit) -> None:
    case, mira = desk.case(merchant_id="M-said"), seat("mira")
    mira.decide(case, "overturn")
    page = mira.page("?queue=decided&merchant=M-said")
    assert "Overturned by mira" in page
    assert case in page


def test_counts_and_oldest_age_stand_beside_each_queue(desk: Desk, seat: Sit) -> None:
    page = seat("mira").page("")
    with desk.service.services.database.reading() as session:
        blocked = session.scalar(select(func.count()).where(CaseRow.kind == "blocked", CaseRow.decided_at.is_(None)))
    assert re.search(rf'<span>Blocked</span><span class="number">{blocked}</span>\s*<span class="age">oldest ', page)


def test_a_count_is_of_what_this_reviewer_is_offered(desk: Desk, seat: Sit) -> None:
    case, mira, jonas = desk.case(), seat("mira"), seat("jonas")

    def blocked(sitting: Seat) -> int:
        found = re.search(r'<span>Blocked</span><span class="number">(\d+)</span>', sitting.page(""))
        assert found
        return int(found[1])

    before = blocked(jonas)
    mira.page(f"/cases/{case}")
    mira.post(f"/cases/{case}/keep", outcome="hold", filter="queue=all")
    assert (blocked(mira), blocked(jonas)) == (before, before - 1)


def test_a_view_is_kept_and_removed_and_shared_only_by_a_lead(desk: Desk, seat: Sit) -> None:
    mira, jonas, lena = seat("mira"), seat("jonas"), seat("lena")
    mira.post("/views", name="Swaps of M-1041", filter="queue=blocked&merchant=M-1041")
    assert "Swaps of M-1041" in mira.page("")
    assert "Swaps of M-1041" not in jonas.page("")
    assert mira.post("/views", name="For all", filter="queue=all", shared="1").status_code == 403
    lena.post("/views", name="For all", filter="queue=all&label=substitute_offer", shared="1")
    assert "For all" in jonas.page("")
    drop = re.search(r"/review(/views/\d+/drop)", mira.page(""))
    assert drop
    assert mira.post("/views", name="", filter="").status_code == 422
    mira.post(drop[1])
    assert "Swaps of M-1041" not in mira.page("")


def shown(page: str) -> str:
    """The cases that a page has counted."""
    found = re.search(r'name="cases" value="([\w ]*)"', page)
    assert found
    return found[1]


def test_a_bulk_decision_counts_first_then_decides_and_can_be_undone(desk: Desk, seat: Sit) -> None:
    cases, mira = [desk.case(merchant_id="M-bulk") for _ in range(3)], seat("mira")
    counted = mira.post("/bulk", outcome="uphold", filter="queue=all&merchant=M-bulk", case=cases)
    assert "Keep blocked: 3 cases?" in one_line(counted.text)
    assert {desk.row(case).state for case in cases} == {"open"}
    done = mira.post("/bulk/confirm", outcome="uphold", filter="queue=all", cases=shown(counted.text), note="Same.")
    assert "Upheld 3." in done.text
    assert {desk.row(case).state for case in cases} == {"decided"}
    undo = str(done.url).split("undo=")[1]
    mira.post("/undo", decisions=undo, back="?queue=all")
    assert {desk.row(case).state for case in cases} == {"open"}


def test_a_bulk_decision_leaves_what_somebody_else_works_on(desk: Desk, seat: Sit) -> None:
    cases, mira, jonas = [desk.case(merchant_id="M-bulk2") for _ in range(2)], seat("mira"), seat("jonas")
    jonas.page(f"/cases/{cases[0]}")
    form = {"outcome": "overturn", "filter": "queue=all&merchant=M-bulk2", "everything": "1"}
    counted = mira.post("/bulk", **form)
    assert "The block was wrong: 1 case?" in one_line(counted.text)
    assert "1 more cannot be decided by you now" in counted.text
    late = desk.case(merchant_id="M-bulk2")
    mira.post("/bulk/confirm", **form, cases=shown(counted.text))
    assert desk.row(late).state == "open"  # it came after the count
    assert [desk.row(case).state for case in cases] == ["open", "decided"]


def test_steps_follow_the_order_and_end_at_the_queue(desk: Desk, seat: Sit) -> None:
    mira = seat("mira")
    order = walk(mira, "queue=blocked&decision=block")
    forward = mira.get(f"/cases/{order[0]}/step?queue=blocked&by=1")
    assert order[1] in str(forward.url)
    assert order[0] in str(mira.get(f"/cases/{order[1]}/step?queue=blocked&by=-1").url)
    assert "/cases/" not in str(mira.get(f"/cases/{order[-1]}/step?queue=blocked&by=1").url)


def from_one_template(desk: Desk, merchant: str, count: int) -> list[str]:
    """Cases that differ in a number alone, due a minute apart, the first one first."""
    body = "Hello, kettle 17{} is sold out at {}. We can send you the green one instead. Reply and we ship it today."
    cases = [desk.case({"body": body.format(n, merchant)}, merchant_id=merchant) for n in range(count)]
    for number, case in enumerate(cases):
        desk.change(case, due_at=datetime.now(UTC) + timedelta(hours=5, minutes=number))
    return cases


def test_cases_of_one_template_stand_in_one_row_and_are_decided_together(desk: Desk, seat: Sit) -> None:
    cases, mira = from_one_template(desk, "M-fold", 7), seat("mira")
    page = mira.page("?queue=all&merchant=M-fold")
    assert listed(page) == [cases[0]]
    assert re.search(r">7 times</a>", page)
    assert walk(mira, "queue=all&merchant=M-fold") == cases
    [template] = set(re.findall(r'name="fold" value="(\w{64})"', page))
    assert walk(mira, f"queue=all&template={template}") == cases
    assert listed(mira.page(f"?queue=all&template={template}")) == cases
    counted = mira.post("/bulk", outcome="uphold", filter="queue=all&merchant=M-fold", fold=template)
    assert "Keep blocked: 7 cases?" in one_line(counted.text)
    mira.post("/bulk/confirm", outcome="uphold", filter="queue=all", cases=shown(counted.text))
    assert {desk.row(case).state for case in cases} == {"decided"}


def test_a_template_has_one_row_however_far_apart_its_cases_stand(
    desk: Desk, seat: Sit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.review.queue.listing.PAGE", 3)
    monkeypatch.setattr("service.review.queue.folding.SCANNED", 4)
    cases, mira = from_one_template(desk, "M-far", 6), seat("mira")
    others = [desk.case({"body": f"{SWAP['body']} {'so ' * n}"}, merchant_id="M-far") for n in range(1, 7)]
    for number, case in enumerate(others):
        desk.change(case, due_at=datetime.now(UTC) + timedelta(hours=5, minutes=number, seconds=30))
    assert rows(mira, "queue=all&merchant=M-far") == [cases[0], *others]
    assert "data-came" in mira.page(f"?queue=all&merchant=M-far&at={cases[4]}")


def test_a_row_shows_the_words_at_fault_and_the_time_only_where_it_presses(desk: Desk, seat: Sit) -> None:
    case, mira = desk.case(merchant_id="M-words"), seat("mira")
    page = mira.page("?queue=all&merchant=M-words")
    assert re.search(r'<p class="snippet">[^<]*<b>[^<]*green one[^<]*</b>[^<]*</p>', page)
    assert "due in" not in page
    desk.change(case, due_at=datetime.now(UTC) + timedelta(minutes=50))
    assert "due in" in mira.page("?queue=all&merchant=M-words")


def test_a_snippet_cuts_no_word_and_begins_with_the_details_where_nothing_is_marked() -> None:
    body = f"{'word ' * 40}the green one instead {'more ' * 60}"
    start = body.index("the green")
    fault = {"field": "body", "severity": "block", "start": start, "end": start + len("the green one instead")}
    mild = {"field": "body", "severity": "info", "start": 0, "end": 4}
    found = snippet(Draft("GG-1", "x", body), {"findings": [mild, fault]})
    assert found.marked == "the green one instead"
    assert re.fullmatch(r"… (word )+", found.before)
    assert found.after.startswith(" more")
    bare = snippet(Draft("GG-1", "x", "Short\n and plain."), {"findings": [{**fault, "field": "subject"}]})
    assert (bare.before, bare.marked, bare.after) == ("", "", "Short and plain.")


def test_a_filter_survives_its_own_address() -> None:
    asked = QueueFilter.read({"queue": "blocked", "words": "a & b", "since": "2026-11-01", "label": "delay_notice"})
    assert QueueFilter.parse(asked.text) == asked
    assert QueueFilter.read({"queue": "<script>", "label": "x", "since": "never", "after": "x"}) == QueueFilter()


WALKS = [
    "queue=all", "queue=blocked", "queue=decided", "queue=blocked&decision=block", "queue=mine", "queue=second",
    "queue=blocked&merchant=M-1041", "queue=all&model=model-0", "queue=all&language=de",
]  # fmt: skip


@pytest.mark.parametrize("query", WALKS)
@pytest.mark.parametrize("place", ["", "&after=2026-11-24T12:00:00%2B00:00~0"])
def test_a_page_is_a_walk_along_an_index(desk: Desk, query: str, place: str) -> None:
    asked, me = QueueFilter.parse(query + place), Reviewer(1, "mira", "reviewer", "")
    with desk.service.services.database.reading() as session:
        wanted = select(CaseRow.id).where(*conditions(session, asked, me, datetime.now(UTC)))
        statement = ordered(wanted, asked.queue, asked.after).limit(50)
        compiled = str(statement.compile(session.connection(), compile_kwargs={"literal_binds": True}))
        plan = plan_of(session, compiled)
    assert re.search(r"(SEARCH|SCAN) cases USING (COVERING )?INDEX ix_cases_|Index (Only )?Scan.* ix_cases_", plan), (
        plan
    )
    assert not re.search("TEMP B-TREE|Sort|Seq Scan on cases", plan), plan


def plan_of(session: Session, statement: str) -> str:
    """How the database would find the rows; PostgreSQL is asked for the plan that it would use on a full table."""
    if session.get_bind().dialect.name == "sqlite":
        return "\n".join(row[3] for row in session.execute(text(f"EXPLAIN QUERY PLAN {statement}")))
    for costly in ("seqscan", "sort", "incremental_sort", "bitmapscan"):
        session.execute(text(f"SET LOCAL enable_{costly} = off"))
    return "\n".join(row[0] for row in session.execute(text(f"EXPLAIN {statement}")))


def test_a_lead_routes_what_a_filter_finds_to_a_colleague(desk: Desk, seat: Sit) -> None:
    lena, mira, jonas = seat("lena"), seat("mira"), seat("jonas")
    case = desk.case(merchant_id="M-route")
    with desk.service.services.database.reading() as session:
        to = session.scalars(select(UserRow.id).where(UserRow.name == "jonas")).one()
    form = {"name": "Routed swaps", "filter": "queue=all&merchant=M-route", "whose": str(to)}
    assert mira.post("/views", **form).status_code == 403
    assert lena.post("/views", **{**form, "whose": "999999"}).status_code == 404
    lena.post("/views", **form)
    page = jonas.page("")
    link = r'href="/review\?(queue=all&amp;merchant=M-route)&amp;view=(\d+)"[^>]*> ?<span>Routed swaps</span>'
    found = re.search(link, page)
    assert found
    assert re.search(r"Routed swaps</span> ?<span class=\"number\">1</span> ?<span class=\"age\">by lena", page)
    assert case in jonas.page("?" + found[1].replace("&amp;", "&"))
    assert "Routed swaps" not in mira.page("")
    assert "to jonas" in lena.page("")
    assert jonas.post(f"/views/{found[2]}/drop").status_code == 404  # whoever routed it takes it back
    lena.post(f"/views/{found[2]}/drop")
    assert "Routed swaps" not in jonas.page("")


def test_a_starred_queue_stands_on_top_and_keys_do_not_lose_it(desk: Desk, seat: Sit) -> None:
    mira = seat("mira")
    mira.post("/star", filter="queue=blocked&label=substitute_offer", name="Blocked swaps", on="1")
    page = mira.page("")
    assert page.index("★ Blocked swaps") < page.index("Everything that waits</span>")
    mira.post("/keys", **{"key-u": "y"})
    assert "★ Blocked swaps" in mira.page("")
    mira.post("/keys", usual="1")
    mira.post("/star", filter="queue=blocked&label=substitute_offer", name="")
    assert "★ Blocked swaps" not in mira.page("")
    assert "★" not in seat("jonas").page("")


def test_a_store_that_encrypts_says_why_it_cannot_be_searched(
    desk: Desk, seat: Sit, monkeypatch: pytest.MonkeyPatch
) -> None:
    mira = seat("mira")
    assert 'name="words"' in mira.page("")
    monkeypatch.setattr(Encryptor, "encrypts", property(lambda self: True))
    page = mira.page("")
    assert "encrypted at rest, so they cannot be searched" in page
    assert 'name="words"' not in page
    assert mira.get("?queue=any&words=kettle").status_code == 409
