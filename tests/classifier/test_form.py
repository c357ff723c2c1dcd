"""The form's own faults, through the screener."""

import pytest

from classifier import Draft, Screener

BODY = "The carrier returned your parcel to us as undeliverable. Shall we send it again or refund you?"


def faults(
    screener: Screener, support_id: str = "GG-1", subject: str = "Your parcel came back", body: str = BODY
) -> set[str]:
    return {f.id for f in screener.screen(Draft(support_id, subject, body)).findings}


@pytest.mark.parametrize("support_id", ["GG-1", "GG-8K2P-4L7Q-XY19", "gg-8k2p", " GG-12345678 ", "GG-AB-2204"])
def test_support_ids_as_commerceinterface_lists_them_are_fine(screener: Screener, support_id: str) -> None:
    assert not {i for i in faults(screener, support_id) if i.startswith("support-id")}


@pytest.mark.parametrize(
    "support_id", ["", "GG-", "12345", "GG 12345", "XX-12345", "GG-12 34", "GG-" + "9" * 60, "GG-1-"]
)
def test_a_malformed_support_id_is_a_finding(screener: Screener, support_id: str) -> None:
    assert "support-id-malformed" in faults(screener, support_id)


def test_a_deal_permalink_is_no_support_id(screener: Screener) -> None:
    assert "support-id-permalink" in faults(screener, "gg-wireless-earbuds-charging-case-12")


@pytest.mark.parametrize(
    ("subject", "fault"),
    [("", "subject-empty"), ("  ", "subject-empty"), ("Hello!", "subject-vague"), ("???", "subject-vague"),
     ("Your order", "subject-vague"), ("Your parcel came back", None)],
)  # fmt: skip
def test_the_subject_must_say_why(screener: Screener, subject: str, fault: str | None) -> None:
    found = {i for i in faults(screener, subject=subject) if i.startswith("subject")}
    assert found == ({fault} if fault else set())


@pytest.mark.parametrize(("body", "fault"), [("", "body-empty"), (" \n", "body-empty"), ("Returned", "body-one-word")])
def test_the_details_must_say_something(screener: Screener, body: str, fault: str) -> None:
    assert fault in faults(screener, body=body)


def test_an_address_request_without_a_step_is_advised_not_stopped(screener: Screener) -> None:
    draft = Draft("GG-1", "Shipping address incomplete", "The apartment number is missing in your shipping address.")
    verdict = screener.screen(draft)
    assert "missing-next-step" in {f.id for f in verdict.findings}
    assert verdict.decision == "allow"
