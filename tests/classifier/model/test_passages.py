"""The passage is the unit of judgement: what else stands in a draft cannot soften it."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier import Draft, LabelledDraft, Screener
from classifier.reading.passages import passages
from training.tickets.loading import load

ADDITIONS = [
    line.replace("\\n", "\n")
    for line in (Path(__file__).parents[2] / "golden" / "additions.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
MOST_ALLOWED, MOST_WARNED = 0.01, 0.05


@pytest.fixture(scope="module")
def blocked(screener: Screener) -> list[LabelledDraft]:
    """Three hundred drafts of all writers that are blocked alone."""
    drafts = [one for one in load() if one.labels and len(one.draft.body) < 300]
    random.Random(7).shuffle(drafts)
    found = []
    for one in drafts:
        if screener.screen(one.draft, one.order).decision == "block":
            found.append(one)
        if len(found) == 300:
            break
    return found


def softened(screener: Screener, drafts: list[LabelledDraft], additions_each: int) -> dict[str, float]:
    counts = {"allow": 0, "warn": 0, "block": 0}
    for number, one in enumerate(drafts):
        for i in range(additions_each):
            text = ADDITIONS[(number * additions_each + i) % len(ADDITIONS)]
            body = f"{text}\n\n{one.draft.body}" if (number + i) % 2 else f"{one.draft.body}\n\n{text}"
            draft = Draft(one.draft.support_id, one.draft.subject, body)
            counts[screener.screen(draft, one.order).decision] += 1
    return {decision: count / sum(counts.values()) for decision, count in counts.items()}


def test_there_are_forty_additions() -> None:
    assert len(ADDITIONS) >= 40


def test_what_is_added_does_not_soften_a_block(screener: Screener, blocked: list[LabelledDraft]) -> None:
    shares = softened(screener, blocked, 4)
    assert shares["allow"] <= MOST_ALLOWED
    assert shares["warn"] <= MOST_WARNED


@pytest.mark.long
def test_none_of_the_additions_softens_a_block(screener: Screener, blocked: list[LabelledDraft]) -> None:
    shares = softened(screener, blocked, len(ADDITIONS))
    assert shares["allow"] <= MOST_ALLOWED
    assert shares["warn"] <= MOST_WARNED


def test_the_evidence_names_the_passage_that_decides(screener: Screener) -> None:
    offer = "The blue kettle is sold out, may we send you the white one instead?"
    letter = "Thank you for your order. " * 12 + offer + " Our shop is open until six."
    evidence = screener.evidence(Draft("GG-1", "About your order", letter))
    assert evidence.model is not None
    deciding = [one.sentence.text for one in evidence.model.passages if "substitute_offer" in one.decides]
    assert deciding == [offer]


@given(st.lists(st.sampled_from(ADDITIONS), min_size=0, max_size=30))
@settings(max_examples=50, deadline=None)
def test_a_passage_is_bounded_whatever_the_length(screener: Screener, texts: list[str]) -> None:
    reading = screener.read(Draft("GG-1", "About your order", "\n\n".join(texts)))
    assert all(len(passage.tokens) <= 200 for passage in passages(reading))
    assert len(passages(reading)) == len(reading.judged)
