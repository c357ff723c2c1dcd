"""What the page of a case shows beside the draft."""

from collections.abc import Callable

from tests.service.review.desk import Desk, Seat


def test_the_case_of_a_reply_shows_what_it_answers(desk: Desk, seat: Callable[[str], Seat]) -> None:
    case = desk.case({"context": "reply", "customer_message": "When does <my> lamp come?"})
    page = seat("mira").page(f"/cases/{case}")
    assert "that this replies to" in page
    assert "When does &lt;my&gt; lamp come?" in page
    assert "that this replies to" not in seat("mira").page(f"/cases/{desk.case()}")
