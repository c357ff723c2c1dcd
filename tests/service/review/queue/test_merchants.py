"""The page of a merchant and the page of a template: every draft, how it was judged, what people decided."""

import re
from collections import Counter
from collections.abc import Callable

from sqlalchemy import select

from service.storage.tables.screenings import ScreeningRow
from tests.service.review.desk import SWAP, Desk, Seat

Sit = Callable[[str], Seat]


def screenings(desk: Desk, merchant: str) -> list[ScreeningRow]:
    with desk.service.services.database.reading() as session:
        return list(session.scalars(select(ScreeningRow).where(ScreeningRow.merchant_id == merchant)))


def figure(page: str, name: str) -> str:
    found = re.search(rf"<dt>{name}</dt> ?<dd>(.+?)</dd>", page)
    assert found, name
    return re.sub(r"<[^>]+>", "", found[1])


def test_a_merchants_page_counts_what_the_rows_say(desk: Desk, seat: Sit) -> None:
    mira = seat("mira")
    for number in range(3):
        case = desk.case({"body": f"{SWAP['body']} It costs {number} more."}, merchant_id="M / ä&b")
    desk.service.screen(
        {**SWAP, "subject": "Delay", "body": "A storm has held up the carrier; your order arrives two days late."},
        merchant_id="M / ä&b",
    )
    mira.decide(case, "overturn")
    page = mira.page("/merchant?id=M%20/%20%C3%A4%26b")
    rows = screenings(desk, "M / ä&b")
    tally = Counter(row.decision for row in rows)
    assert len(rows) == 4
    assert figure(page, "Drafts") == "4"
    assert figure(page, "Blocked").startswith(f"{tally['block'] / 4:.0%} of 4, ")
    assert figure(page, "Warned").startswith(f"{tally['warn'] / 4:.0%} of 4, ")
    assert figure(page, "Overturned by people").startswith("100% of 1, ")
    assert page.count("/review/template?hash=") == len({row.template_hash for row in rows}) == 2
    assert "Overturned by mira" in page
    assert "2 wait" in page
    link = re.search(r'href="/review(/merchant\?id=[^"]+)"', mira.page(f"/cases/{case}"))
    assert link
    assert mira.page(link[1]) == page


def test_a_templates_page_names_who_sends_it_and_leads_to_what_waits(desk: Desk, seat: Sit) -> None:
    mira = seat("mira")
    for number, merchant in enumerate(("M-t1", "M-t1", "M-t2")):
        case = desk.case({"body": f"{SWAP['body']} Ticket {number} of this kind."}, merchant_id=merchant)
    template = desk.row(case).template_hash
    page = mira.page(f"/template?hash={template}")
    assert figure(page, "Drafts") == "3"
    assert re.search(r"merchant\?id=M-t1[^<]*<?[^<]*</a> ?</td> ?<td data-th=\"Drafts\" class=\"number\">2<", page)
    assert f"queue=all&amp;template={template}" in page
    assert "3 wait" in page


def test_a_merchant_nobody_knows_is_no_page(desk: Desk, seat: Sit) -> None:
    assert seat("mira").get("/merchant?id=nobody").status_code == 404
    assert seat("mira").get("/template?hash=0").status_code == 404
