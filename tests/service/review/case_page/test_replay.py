"""The screener that replays a case."""

import gc
import weakref

from classifier import Draft, Screener
from classifier.matching.rulebook import RuleBook
from classifier.policy.policy import Policy
from service.review.case_page.replay import ReplayScreener

DRAFT = Draft("GG-1", "Your mug", "The blue mug is sold out. Shall we send you the green one instead?")


def _live() -> Screener:
    return Screener(policy=Policy.load(), book=RuleBook.load(), artifact=None)


def test_it_judges_as_the_live_one_and_is_made_again_for_another() -> None:
    replaying, first, second = ReplayScreener(), _live(), _live()
    for live in (first, first, second):
        assert replaying.screen(live, DRAFT, None) == live.screen(DRAFT)
        assert replaying._own is not None
        assert replaying._own.book is live.book


def test_it_goes_with_the_one_that_it_was_made_from() -> None:
    replaying, live = ReplayScreener(), _live()
    replaying.screen(live, DRAFT, None)
    assert replaying._own is not None
    own = weakref.ref(replaying._own)
    del live
    gc.collect()
    assert own() is None


def test_the_one_before_does_not_take_the_next_with_it() -> None:
    replaying, first, second = ReplayScreener(), _live(), _live()
    replaying.screen(first, DRAFT, None)
    replaying.screen(second, DRAFT, None)
    del first
    gc.collect()
    assert replaying._own is not None
    assert replaying._own.book is second.book
