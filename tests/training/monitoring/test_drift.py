"""Drift, on profiles made by hand: practical limits first, no figure muted by many others, small samples say so."""

from collections import Counter

import numpy as np

from classifier import LABELS
from training.monitoring.drift import DriftReport, Limits, Profile, Shift, drift

LIMITS = Limits.load()


def profile(drafts: int, *, delay: int = 20, rules: int = 150, rare: int = 0, seed: int = 1) -> Profile:
    """Drafts of which one in `delay` is a delay notice; each of many rules hits one in twenty, rule-0 `rare` more."""
    rng = np.random.default_rng(seed)
    hits = {f"rule-{n}": drafts // 20 for n in range(rules)} | {"rule-0": drafts // 20 + rare}
    labels = {"delay_notice": drafts // delay, "none": drafts - drafts // delay}
    return Profile(
        drafts, rng.random((drafts, len(LABELS))), rng.integers(10, 90, drafts), rng.random(drafts) / 10,
        Counter(labels), Counter(labels), Counter({"en": drafts}), Counter(hits),
    )  # fmt: skip


def moved(found: DriftReport) -> dict[str, Shift]:
    return {shift.name: shift for shift in found.shifts}


def test_overturned_verdicts_are_not_muted_by_the_rules() -> None:
    same = profile(1000)
    found = drift(same, profile(1000, seed=2), LIMITS, reviewed=(14, 60))
    assert len(found.shifts) > 151
    assert [s.name for s in found.shifts if s.drifted] == ["overturned verdicts"]
    assert not drift(same, profile(1000, seed=2), LIMITS, reviewed=(7, 60)).drifted


def test_a_sure_but_small_difference_is_no_drift() -> None:
    found = drift(profile(20_000), profile(20_000, delay=10, seed=2), LIMITS)
    labels = moved(found)["labels"]
    assert labels.p_value < 1e-9
    assert not labels.drifted
    assert not labels.unsure
    assert not found.small


def test_one_rule_of_many_that_moves_far_is_found() -> None:
    found = drift(profile(1000), profile(1000, rare=200, seed=2), LIMITS)
    assert [s.name for s in found.shifts if s.drifted] == ["rule rule-0"]


def test_a_small_sample_says_that_it_is_small() -> None:
    found = drift(profile(1000), profile(20, delay=4, seed=2), LIMITS, reviewed=(2, 8))
    assert found.small
    assert found.as_dict()["small"]
    overturned = moved(found)["overturned verdicts"]
    assert (overturned.drifted, overturned.unsure, overturned.word) == (False, True, "too few drafts to say")
