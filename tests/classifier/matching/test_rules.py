"""Every rule on every sentence that it must and must not flag, and the refusals at load."""

import pytest

from classifier.draft import Draft
from classifier.matching.matcher import RuleMatcher
from classifier.matching.rulebook import Rule, RuleBook, RuleError
from classifier.reading.language import LanguageJudge
from classifier.reading.reader import Reader
from classifier.reading.spelling import Words

BOOK = RuleBook.load()
MATCHER = RuleMatcher(BOOK)
WORDS = Words.load()
READER = Reader(WORDS, LanguageJudge(WORDS.english, frozenset({"en"}), frozenset()))

GOOD = """
[[rule]]
id = "test.one"
label = "substitute_offer"
strength = "strong"
status = "live"
patterns = ["we can ..3 send green"]
must_flag = ["We can also send green."]
must_not_flag = ["We send it."]
"""


def hits(sentence: str) -> set[str]:
    return {hit.rule_id for hit in MATCHER.find(READER.read(Draft("GG-1", "", sentence))).hits}


@pytest.mark.parametrize("rule", [r for r in BOOK.rules if r.status != "draft"], ids=lambda rule: rule.id)
def test_a_rule_flags_what_it_must_and_nothing_that_it_must_not(rule: Rule) -> None:
    missed = [s for s in rule.must_flag if rule.id not in hits(s)]
    wrong = [s for s in rule.must_not_flag if rule.id in hits(s)]
    assert not missed
    assert not wrong


def test_the_book_has_substance_in_every_family() -> None:
    assert len(BOOK.rules) >= 120
    for label in {rule.label for rule in BOOK.rules if rule.label}:
        assert sum(rule.label == label for rule in BOOK.rules) >= 8, label


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('must_flag = ["We can also send green."]', "must_flag = []", "must_flag is empty"),
        ('must_not_flag = ["We send it."]', "", "must_not_flag is empty"),
        ('strength = "strong"', 'strength = "hard"', "strength is strong or weak"),
        ('status = "live"', 'status = "on"', "status is draft, shadow or live"),
        ("we can ..3 send green", "we can {nothing} send", "unknown class {nothing}"),
        ("we can ..3 send green", "we can ..30 send", "a gap is at most"),
        ("we can ..3 send green", "..3 send", "begins or ends with a gap"),
        ("we can ..3 send green", "we? can?", "names no word that must be there"),
        ("substitute_offer", "swap_offer", "swap_offer"),
        ('id = "test.one"', 'id = "Test One"', "an id is lower-case words"),
        ('status = "live"', 'status = "live"\ncolour = "red"', "unknown entry 'colour'"),
    ],
)
def test_a_rule_that_will_not_do_is_refused_with_file_and_id(old: str, new: str, reason: str) -> None:
    with pytest.raises(RuleError) as refused:
        RuleBook.from_texts({"test.toml": GOOD.replace(old, new)})
    assert reason in str(refused.value)
    assert refused.value.file == "test.toml"


def test_two_rules_may_not_share_an_id() -> None:
    with pytest.raises(RuleError, match="the id is taken by a"):
        RuleBook.from_texts({"a.toml": GOOD, "b.toml": GOOD})


def test_broken_toml_is_refused_with_its_file() -> None:
    with pytest.raises(RuleError, match=r"a\.toml.*not TOML"):
        RuleBook.from_texts({"a.toml": "[[rule"})


def test_the_version_changes_with_any_byte() -> None:
    one = RuleBook.from_texts({"a.toml": GOOD})
    other = RuleBook.from_texts({"a.toml": GOOD + "# a word\n"})
    assert one.version != other.version
    assert one.version == RuleBook.from_texts({"a.toml": GOOD}).version


def test_a_draft_rule_is_not_run_and_a_shadow_rule_has_no_say() -> None:
    draft = Draft("GG-1", "", "We can also send green.")
    idle = RuleMatcher(RuleBook.from_texts({"a.toml": GOOD.replace('"live"', '"draft"')}))
    shadow = RuleMatcher(RuleBook.from_texts({"a.toml": GOOD.replace('"live"', '"shadow"')}))
    assert idle.find(READER.read(draft)).hits == ()
    assert [hit.status for hit in shadow.find(READER.read(draft)).hits] == ["shadow"]


def test_a_rule_that_fails_is_named_and_hides_no_other() -> None:
    book = RuleBook.from_texts({"a.toml": GOOD, "b.toml": GOOD.replace("test.one", "test.two")})
    matcher = RuleMatcher(book)
    broken = next(probe for probe in matcher.index.probes if probe.rule.id == "test.one")

    class Failing:
        def longest(self, letters: object) -> object:
            raise MemoryError

    object.__setattr__(broken, "shape", Failing())
    found = matcher.find(READER.read(Draft("GG-1", "", "We can also send green.")))
    assert found.failed_rules == ("test.one",)
    assert [hit.rule_id for hit in found.hits] == ["test.two"]


def test_an_exception_anywhere_in_the_draft_counts_where_the_rule_says_so() -> None:
    text = GOOD + 'unless_draft = ["you ordered green"]\n'
    matcher = RuleMatcher(RuleBook.from_texts({"a.toml": text}))
    assert matcher.find(READER.read(Draft("GG-1", "", "You ordered green. We can send green."))).hits == ()
    assert matcher.find(READER.read(Draft("GG-1", "", "You ordered blue. We can send green."))).hits
