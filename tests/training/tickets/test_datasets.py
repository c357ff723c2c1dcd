"""Sets of drafts: named by content, distinguished, freed of copies, shared out without leaks."""

from dataclasses import replace
from datetime import date
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.draft import Draft, LabelledDraft, Order
from classifier.labels import Label
from training.fitting.model_fitting import Tools
from training.tickets import near_copies
from training.tickets.datasets import difference, fingerprint
from training.tickets.near_copies import drop_copies
from training.tickets.split_plan import SplitPlan
from training.tickets.splitting import share

BODY = (
    "Dear customer, the blue kettle that you ordered last week is delayed at our supplier and will ship to you on "
    "Monday morning, 4 May."
)
PLAN = SplitPlan(tune=frozenset({"t"}), test=frozenset({"u"}), clear=frozenset())


def draft(id: str, body: str = BODY, *labels: Label, writer: str = "w", order: Order | None = None) -> LabelledDraft:
    return LabelledDraft(id, writer, f"scenario-{id}", Draft("GG-1", "Hello", body), frozenset(labels), order)


def test_a_fingerprint_knows_content_and_nothing_else(small_drafts: list[LabelledDraft]) -> None:
    name = fingerprint(small_drafts)
    assert fingerprint(reversed(small_drafts)) == name
    changed = [replace(small_drafts[0], note="looked at again"), *small_drafts[1:]]
    assert fingerprint(changed) != name


def test_a_difference_names_every_kind_of_change() -> None:
    before = [draft("a"), draft("b"), draft("c", BODY, Label.DELAY_NOTICE), draft("d")]
    after = [draft("a"), draft("b", "Another text."), draft("c"), draft("e")]
    found = difference(before, after)
    assert (found.added, found.removed, found.reworded) == (("e",), ("d",), ("b",))
    assert [(r.id, r.before, r.after) for r in found.relabelled] == [("c", ("delay_notice",), ())]
    assert found.labels == {"delay_notice": (1, 0), "none": (3, 4)}


CASES = [
    ("another date", draft("b", BODY.replace("4 May", "11 May")), "dropped"),
    ("one word more", draft("b", BODY + " Sorry."), "dropped"),
    ("other labels, a contrast", draft("b", BODY + " Sorry.", Label.DELAY_NOTICE), "kept"),
    ("another order state", draft("b", order=Order("customer")), "kept"),
    (
        "another text",
        draft("b", "We cancelled the order because the kettle is sold out and your money is on its way."),
        "kept",
    ),
    ("same words, other labels", draft("b", BODY, Label.DELAY_NOTICE), "contradiction"),
]


@pytest.mark.parametrize(("second", "fate"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_a_copy_goes_a_contrast_stays(second: LabelledDraft, fate: str) -> None:
    kept, found = drop_copies([draft("a"), second])
    assert ("b" in [d.id for d in kept]) == (fate != "dropped")
    assert [(c.dropped, c.kept, c.contradiction) for c in found] == (
        [] if fate == "kept" else [("b", "a", fate == "contradiction")]
    )
    assert all(0.9 <= c.likeness <= 1 for c in found)


FOOTER = "\n\nKind regards,\nMaya\nNorthgate Trading Ltd., 4 Mill Lane, Leeds. Open Monday to Friday from nine to five."


@pytest.mark.parametrize("outer", [BODY + FOOTER, "Hi there and thank you for your order!\n\n" + BODY + FOOTER])
def test_a_draft_inside_another_is_found_and_does_not_leak_into_training(outer: str) -> None:
    _, found = drop_copies([draft("a"), draft("b", outer)])
    assert [(c.kind, c.dropped, c.stays) for c in found] == [("contained", "b", True)]
    for inside, around in ((BODY, outer), (outer, BODY)):
        shared = share([draft("a", inside), draft("b", around, writer="u"), draft("c", "Else.", writer="t")], PLAN)
        assert [(c.kind, c.dropped, c.kept, c.stays) for c in shared.copies] == [("contained", "a", "b", False)]
        assert shared.counts() == {"train": 0, "tune": 1, "test": 1}
    contrast = [draft("a"), draft("b", outer, Label.DELAY_NOTICE, writer="u"), draft("c", "Else.", writer="t")]
    assert not share(contrast, PLAN).copies


@given(st.lists(st.text(alphabet="ab ", max_size=40), max_size=7))
def test_containment_finds_what_comparing_all_pairs_finds(texts: list[str]) -> None:
    shingles = [near_copies._shingles(text) for text in texts]
    found = near_copies._contained(shingles, 0.9)
    assert [(b, a) for b, a, _ in found] == [
        (b, a)
        for b in range(len(texts))
        for a in range(b)
        if min(len(shingles[a]), len(shingles[b])) >= near_copies._LEAST_CONTAINED
        and len(shingles[a] & shingles[b]) >= 0.9 * min(len(shingles[a]), len(shingles[b]))
    ]


@given(st.lists(st.text(max_size=30), max_size=8))
def test_any_texts_can_be_compared_and_the_first_always_stays(texts: list[str]) -> None:
    drafts = [draft(str(i), text) for i, text in enumerate(texts)]
    kept, found = drop_copies(drafts)
    assert len(kept) + sum(not c.stays for c in found) == len(drafts)
    assert [d.id for d in kept[:1]] == [d.id for d in drafts[:1]]


def test_a_kept_aside_draft_wins_over_its_copy_in_training() -> None:
    shared = share([draft("a"), draft("b", writer="u"), draft("c", "Else.", writer="t")], PLAN)
    assert [c.dropped for c in shared.copies] == ["a"]
    assert shared.counts() == {"train": 0, "tune": 1, "test": 1}


def test_without_the_plans_writers_scenarios_never_stand_on_both_sides() -> None:
    drafts = [
        replace(draft(str(i), " ".join(Random(i).choices("abcdefgh", k=30))), scenario=f"s{i // 3}") for i in range(90)
    ]
    shared = share(drafts, PLAN)
    parts = [{d.scenario for d in part} for part in (shared.split.train, shared.split.tune, shared.split.test)]
    assert all(parts)
    assert sum(map(len, parts)) == len(set.union(*parts))


def test_dated_drafts_are_tested_on_what_came_later() -> None:
    drafts = [
        draft("old", "Old one."),
        draft("new", "New one."),
        draft("c", "Else.", writer="t"),
        draft("d", "More.", writer="u"),
    ]
    dates = {"old": "2026-01-01", "new": "2026-06-01T10:00:00+00:00"}
    shared = share(drafts, PLAN, dates=dates, test_since=date(2026, 5, 1))
    assert [d.id for d in shared.split.test] == ["new", "d"]
    assert [d.id for d in shared.split.train] == ["old"]


def test_where_one_person_wrote_everything_scenarios_are_the_groups(small_drafts: list[LabelledDraft]) -> None:
    two = [next(d for d in small_drafts if d.writer == name) for name in ("plain-inbox", "fashion-us")]
    examples = Tools.load().examples([replace(d, writer=w) for d, w in zip([*two, *two], "aabb", strict=True)])
    assert examples.groups(np.array([0, 1, 2, 3])).tolist() == ["a", "a", "b", "b"]
    assert examples.groups(np.array([0, 1])).tolist() == [d.scenario for d in two]
