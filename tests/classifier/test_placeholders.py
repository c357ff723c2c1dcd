"""Unfilled placeholders are a fault of the form; brackets that people type are none."""

import pytest

from classifier import Draft, Screener
from classifier.placeholders import placeholder_faults


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        (
            "Dear {{first_name}}, order ${order_no} is late by [NUMBER] days.",
            ["{{first_name}}", "${order_no}", "[NUMBER]"],
        ),
        ("Hello %{name}, #{order}", ["%{name}", "#{order}"]),
        ("Hi <first name>, your [Order Number] of [date]", ["<first name>", "[Order Number]", "[date]"]),
        ("Hi {customer_name}, %ORDER_NO%", ["{customer_name}", "%ORDER_NO%"]),
        ("the set [brass, two hooks] is delayed (if the ferry runs)", []),
        ("50% off [sic], size [XL], <b>bold</b> text, a < b and c > d, {1, 2}", []),
    ],
)
def test_placeholders(text: str, spans: list[str]) -> None:
    assert [fault.span.text for fault in placeholder_faults("body", text) if fault.span] == spans


def test_a_placeholder_warns_with_its_span(screener: Screener) -> None:
    body = "Hi {{name}}, your delivery is late by a day, it comes on Friday."
    verdict = screener.screen(Draft("GG-8K2P", "Your delivery is late", body))
    found = [finding for finding in verdict.findings if finding.id == "placeholder-unfilled"]
    assert verdict.decision == "warn"
    assert [(one.severity, one.text) for one in found] == [("warn", "{{name}}")]
