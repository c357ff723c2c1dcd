"""Replies in an open ticket: what differs from a new one, and what the customer's own message changes."""

import json
import tomllib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from classifier import Draft, Order, Screener, Verdict
from classifier.draft import known_order
from classifier.labels import Label
from classifier.matching.rulebook import RuleBook, RuleError
from classifier.policy.policy import POLICY_FILE, Policy

OFFER = "The blue jacket is sold out, so we will send you the green one instead."
PLEA = "May we ask why you are cancelling? If you keep the order we will give you 15% off."


def reply(body: str, customer: str = "", **more: str) -> Draft:
    return Draft("GG-8K2P-4L7Q-XY19", more.get("subject", ""), body, "reply", customer)


def ids(verdict: Verdict) -> set[str]:
    return {finding.id for finding in verdict.findings}


@pytest.mark.parametrize(
    "body",
    [
        "Thank you for your message. The lamp has three brightness levels, and the cable is two metres long.",
        "You are right, and we are sorry for the trouble. The refund will be on your card within five days.",
        "Vielen Dank für Ihre Nachricht. Die Lampe hat drei Helligkeitsstufen, und das Kabel ist zwei Meter lang.",
        "Gracias por su mensaje. La lámpara tiene tres niveles de luz y el cable mide dos metros.",
    ],
)
def test_a_reply_needs_no_approved_reason_and_no_subject(screener: Screener, body: str) -> None:
    assert screener.screen(reply(body)).decision == "allow"
    new = screener.screen(replace(reply(body), context="new_ticket"))
    assert new.decision == "warn"
    assert {"subject-empty", "no-recognised-reason"} <= ids(new)


def test_a_substitute_arranged_in_a_thread_stays_prohibited(screener: Screener) -> None:
    for customer in ("", "Where is my jacket?", "> shall we send the green one instead?\n\nYes please, send it."):
        assert screener.screen(reply(OFFER, customer)).decision == "block"


@pytest.mark.parametrize(
    "customer",
    [
        "Could I exchange the blue jacket for a green one?",
        "Ich würde die blaue Jacke gern gegen eine grüne tauschen.",
        "Je voudrais échanger la veste bleue contre la verte.", "Quisiera cambiar la chaqueta azul por la verde.",
        "Vorrei cambiare la giacca blu con quella verde.",
    ],
)  # fmt: skip
def test_an_exchange_that_the_customer_wishes_is_not_forbidden(screener: Screener, customer: str) -> None:
    verdict = screener.screen(reply(OFFER, customer))
    assert verdict.decision == "allow"
    assert Label.SUBSTITUTE_OFFER not in verdict.labels
    advice = next(finding for finding in verdict.findings if finding.id == "exchange-asked-for")
    assert (advice.severity, advice.field) == ("info", "body")


@pytest.mark.parametrize(
    ("body", "decision"),
    [
        ("Green is gone too, so we will send you a purple one instead.", "warn"),
        ("We will send you the purple one instead of the blue.", "warn"),
        ("We will send you the green one instead of the blue.", "allow"),
        ("Die grüne ist ausverkauft, daher schicken wir Ihnen stattdessen die rote Jacke.", "warn"),
    ],
)
def test_a_variant_that_the_customer_did_not_ask_for_is_a_warning(screener: Screener, body: str, decision: str) -> None:
    verdict = screener.screen(reply(body, "I would like to swap it for the green one, please."))
    assert verdict.decision == decision
    assert (Label.SUBSTITUTE_OFFER in verdict.labels) == (decision == "warn")


def test_one_who_takes_up_an_offer_has_wished_for_nothing(screener: Screener) -> None:
    agreed = "Yes, I would like the green one instead, as you suggested."
    assert screener.screen(reply(OFFER, agreed)).decision == "block"


def test_a_customer_who_writes_that_they_cancel_has_cancelled(screener: Screener) -> None:
    invitation = "We have cancelled your order. You are welcome to place it again with us at any time."
    message = "Please cancel my order, I have found one nearby."
    assert screener.screen(reply(PLEA, message)).decision == "block"
    same = screener.screen(reply(invitation), Order(cancelled_by="customer"))
    assert screener.screen(reply(invitation, message)) == same
    assert screener.screen(reply(invitation)) != same
    by_you = Order(cancelled_by="merchant")
    assert screener.screen(reply(invitation, message), by_you) == screener.screen(reply(invitation), by_you)


def test_batches_read_the_customers_message_as_single_drafts_do(screener: Screener) -> None:
    drafts = [reply(OFFER, "Could I exchange the blue jacket for a green one?"), reply(PLEA, "I want to cancel."),
              Draft("GG-1", "Your order", OFFER)]  # fmt: skip
    assert screener.screen_many(drafts) == [screener.screen(draft) for draft in drafts]


def test_the_customers_message_is_not_read_in_a_new_ticket(screener: Screener) -> None:
    new = Draft("GG-1", "Your jacket", OFFER, customer_message="Could I exchange the blue jacket for a green one?")
    assert screener.screen(new) == screener.screen(replace(new, customer_message=""))


@pytest.mark.parametrize(
    ("body", "breach"),
    [
        ("Stop lying to us.", "foul-language"), ("Sie sind doch zu dumm zum Lesen.", "foul-language"),
        ("Vous êtes vraiment stupide.", "foul-language"), ("Usted es un mentiroso.", "foul-language"),
        ("Lei è proprio ridicolo.", "foul-language"), ("Message us on WhatsApp, it is faster.", "off-platform-contact"),
        ("Rufen Sie uns doch einfach an.", "off-platform-contact"),
        ("Écrivez-nous par mail, ce sera plus simple.", "off-platform-contact"),
        ("Llámenos al 600 123 456.", "off-platform-contact"), ("Ci scriva via e-mail.", "off-platform-contact"),
        ("Please pay the difference by PayPal.", "off-platform-payment"),
        ("Bitte schicken Sie die Lampe an uns zurück.", "return-without-label"),
    ],
)  # fmt: skip
def test_breaches_of_the_standards_are_warnings_in_a_reply(screener: Screener, body: str, breach: str) -> None:
    verdict = screener.screen(reply(body))
    assert verdict.decision == "warn"
    assert [f.severity for f in verdict.findings if f.id.endswith(breach)][:1] == ["warn"]
    new = screener.screen(Draft("GG-1", "Your order is late", body))
    assert "warn" not in {f.severity for f in new.findings if f.id.endswith(breach)}


@pytest.mark.parametrize("body", ["Yes.", "ok", "Nein", "Merci !"])
def test_one_word_is_no_reply(screener: Screener, body: str) -> None:
    verdict = screener.screen(reply(body))
    assert verdict.decision == "warn"
    assert ids(verdict) == {"body-one-word"} | (ids(verdict) & {"language-partly-judged"})


def test_rules_for_replies_leave_new_tickets_alone(screener: Screener) -> None:
    draft = Draft("GG-1", "Ihre Lampe", "So eine Scheiße, das Paket ist weg. Rufen Sie uns an.")
    assert not [hit for hit in screener.evidence(draft).rules.hits if hit.when != "always"]
    assert {hit.rule_id for hit in screener.hits(draft)} >= {
        "reply.swearing.foul-language", "reply.call-us.off-platform-contact"
    }  # fmt: skip


def test_what_is_known_of_the_order_wins_over_the_message() -> None:
    assert known_order(None, customer_cancels=True) == Order("customer")
    assert known_order(Order("merchant", "x"), customer_cancels=True) == Order("merchant", "x")
    assert known_order(Order(status="x", unknown_to_source=True), customer_cancels=True).unknown_to_source


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('without = ["no-recognised-reason"', 'without = ["no-recognized-reason"'),
        ('off-platform-payment = "warn"\npayment', 'off-platform-payments = "warn"\npayment'),
        ('off-platform-payment = "warn"\npayment', 'off-platform-payment = "block it"\npayment'),
    ],
)
def test_a_policy_whose_replies_name_nothing_is_refused(old: str, new: str, tmp_path: Path) -> None:
    text = POLICY_FILE.read_text("utf-8")
    assert old in text
    other = tmp_path / "policy.toml"
    other.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(ValueError, match="reply"):
        Policy.load(other)


def test_each_variant_is_named_once() -> None:
    lines = tomllib.loads(POLICY_FILE.read_text("utf-8"))["reply"]["variants"]
    words = [word for line in lines for word in line.split()]
    assert sorted({word for word in words if words.count(word) > 1}) == []
    assert all(word.isascii() and word == word.lower() for word in words)


@pytest.mark.parametrize("id", ["customer.en.wish", "customer.en.foul-language"])
def test_a_rule_for_what_customers_write_says_what_it_finds(id: str) -> None:
    rule = f"""
[[rule]]
id = "{id}"
strength = "weak"
status = "live"
when = "customer_writes"
patterns = ["please cancel"]
must_flag = ["please cancel"]
must_not_flag = ["thank you"]
"""
    with pytest.raises(RuleError, match="ends in"):
        RuleBook.from_texts({"customer.toml": rule})
    assert RuleBook.from_texts({"customer.toml": rule.replace(id, "customer.en.cancels")}).rules[0].label is None


GOLDEN = Path(__file__).parent.parent / "golden" / "replies"
ROWS: list[dict[str, Any]] = [json.loads(line) for line in (GOLDEN / "replies.jsonl").read_text("utf-8").splitlines()]
KNOWN_MISSES: dict[str, dict[str, Any]] = json.loads((GOLDEN / "known_misses.json").read_text("utf-8"))
PROHIBITED = {"substitute_offer", "cancellation_probing"}


def judged(screener: Screener, row: dict[str, Any]) -> Verdict:
    order = Order(cancelled_by=row["order"]["cancelled_by"]) if row["order"] else None
    draft = Draft(row["support_id"], row["subject"], row["body"], row["context"], row["customer_message"])
    return screener.screen(draft, order)


def test_the_labelled_replies_are_many_in_five_languages_and_few_are_missed() -> None:
    languages = Counter(row["language"] for row in ROWS)
    assert len(ROWS) >= 120
    assert languages.keys() == {"en", "de", "fr", "es", "it"}
    assert min(languages.values()) >= 24
    assert len({row["id"] for row in ROWS}) == len(ROWS)
    assert {row["decision"] for row in ROWS} == {"allow", "warn", "block"}
    for misses in KNOWN_MISSES.values():
        assert misses.keys() <= {row["id"] for row in ROWS}
        assert len(misses) <= len(ROWS) // 20


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row["id"]))
def test_the_decision_on_a_reply_is_that_of_a_careful_reader(screener: Screener, row: dict[str, Any]) -> None:
    verdict = judged(screener, row)
    wanted = {"decision": row["decision"], "prohibited": sorted(PROHIBITED.intersection(row["labels"]))}
    found = {
        "decision": verdict.decision,
        "prohibited": sorted(label for label in verdict.labels if label in PROHIBITED),
    }
    for kind, misses in KNOWN_MISSES.items():
        assert found[kind] == misses.get(row["id"], wanted[kind]), [(f.id, f.severity) for f in verdict.findings]
        assert misses.get(row["id"]) != wanted[kind], "mended: take it off known_misses.json"


def test_what_blocks_as_a_new_ticket_blocks_in_a_thread_too(screener: Screener) -> None:
    """Without a wish or a cancellation in the customer's message a reply is judged by the same words."""
    silent = [{**row, "customer_message": ""} for row in ROWS if PROHIBITED & set(row["labels"])]
    assert len(silent) >= 30
    for row in silent:
        new = screener.screen(Draft(row["support_id"], "", row["body"]), Order("customer"))
        reply_ = judged(screener, {**row, "order": {"cancelled_by": "customer"}})
        assert {f.id for f in reply_.findings if f.severity == "block"} == {
            f.id for f in new.findings if f.severity == "block"
        }, row["id"]
