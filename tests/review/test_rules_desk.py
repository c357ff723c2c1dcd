"""The rules desk: numbers, trying, drafts, back-test, shadow, publishing, rolling back."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from classifier.matching.rulebook import LEXICON, RuleBook
from service.passes import new_key, signing_keys
from service.review.rules.files import entry_of, shipped, toml_of, with_rules
from service.review.rules.live_rule_book import RuleBookFollower
from service.review.rules.signatures import VersionSigner, hash_of, signature_statuses
from service.storage.tables.review import RuleVersionRow
from tests.review.desk import RULE, SWAP, Desk, Seat, one_line

Sit = Callable[[str], Seat]
ID = "substitute.llama-lamp"


def version(page: str) -> str:
    found = re.search(r'name="version" value="(\d+)"', page)
    assert found
    return found[1]


def follow(desk: Desk) -> None:
    """What every process does every few seconds."""
    services = desk.service.services
    RuleBookFollower(
        services.database, VersionSigner.from_settings(services.settings), services.screeners, desk.service.home
    ).follow()
    services.screeners.refresh()


def state(desk: Desk, rule_id: str) -> str | None:
    follow(desk)
    return next((r.status for r in desk.service.services.screeners.screener.book.rules if r.id == rule_id), None)


def test_the_book_is_listed_with_hits_and_what_people_think(desk: Desk, seat: Sit) -> None:
    case = desk.case()
    rule = re.search(r"rule <code>([\w.-]+)</code>", seat("mira").page(f"/cases/{case}"))
    assert rule
    seat("mira").decide(case, "overturn", wrong_rule=[rule[1]])
    page = seat("lena").page(f"/rules?find={rule[1]}")
    cells = re.findall(r'class="number">([^<]*)</td>', page)
    assert int(cells[0].replace(",", "")) >= 1
    assert int(cells[1]) >= 1
    assert cells[2].endswith("%")
    assert int(cells[4]) >= 1
    assert case in seat("lena").page(f"/rules/of/{rule[1]}")


def test_the_book_is_searched_by_label_and_put_in_order(desk: Desk, seat: Sit) -> None:
    desk.case()
    lena = seat("lena")
    found = re.findall(r'/rules/of/([\w.-]+)"', lena.page("/rules?find=Cancellation+probing"))
    assert found
    assert len(found) < len(re.findall(r'/rules/of/([\w.-]+)"', lena.page("/rules")))
    for order in ("hits", "called_wrong"):
        page = lena.page(f"/rules?order={order}")
        column = re.findall(r'data-th="' + order.capitalize().replace("_", " ") + r'" class="number">([\d,]*)', page)
        numbers = [int(cell.replace(",", "") or 0) for cell in column]
        assert numbers == sorted(numbers, reverse=True)
        assert len(numbers) > 20


def test_pasted_text_is_tried_and_not_kept(desk: Desk, seat: Sit) -> None:
    answer = seat("lena").post("/rules/try", text="The blue is sold out, we can send the green one instead.")
    assert "substitute." in answer.text
    assert "No rule speaks up." in seat("lena").post("/rules/try", text="Good morning.").text


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (('must_flag = ["Take the llama lamp."]', "must_flag = []"), "must_flag is empty"),
        (('["Take the lamp."]', '["A llama on a lamp."]'), "must not flag this and does"),
        (('["Take the llama lamp."]', '["Take the goat."]'), "must flag this and does not"),
        (('"llama ..3 lamp"', '"llama ..99 lamp"'), "a gap is at most"),
        (('id = "', "id = "), "not TOML"),
        (('strength = "strong"', 'strength = "mighty"'), "strength is strong or weak"),
    ],
)
def test_a_draft_that_fails_its_own_examples_is_refused_with_the_reason(
    seat: Sit, change: tuple[str, str], reason: str
) -> None:
    lena, source = seat("lena"), RULE.replace(*change)
    assert reason in lena.post("/rules/check", source=source, text="", rule_id="").text
    answer = lena.post("/rules/save", source=source, note="")
    assert (answer.status_code, reason in answer.text) == (422, True)


def test_a_rule_goes_from_draft_through_shadow_to_live_and_back(desk: Desk, seat: Sit) -> None:
    desk.service.screen({**SWAP, "body": "We can send the llama desk lamp instead, it is just as good."})
    lena, ada = seat("lena"), seat("ada")
    checked = one_line(lena.post("/rules/check", source=RULE, text="A llama lamp for you", rule_id="").text)
    assert "every example comes out as it says" in checked
    assert "<q>llama lamp</q>" in checked
    assert re.search(r"<dt>Hits</dt><dd>[1-9]", checked)
    page = lena.post("/rules/save", source=RULE, note="Seen on Monday.").text
    assert state(desk, ID) is None
    assert lena.post(f"/rules/of/{ID}/publish", version=version(page)).status_code == 403
    page = lena.post(f"/rules/of/{ID}/shadow", version=version(page)).text
    assert state(desk, ID) == "shadow"
    desk.service.screen({**SWAP, "body": "We can send the llama desk lamp instead, this very week."})
    assert 'class="number">1</td>' in lena.page(f"/rules?find={ID}")
    stale = version(ada.page(f"/rules/of/{ID}"))
    page = ada.post(f"/rules/of/{ID}/publish", version=stale).text
    assert state(desk, ID) == "live"
    assert ada.post(f"/rules/of/{ID}/publish", version=stale).status_code == 409
    page = ada.post(f"/rules/of/{ID}/roll-back", version=version(page)).text
    assert state(desk, ID) == "shadow"
    page = ada.post(f"/rules/of/{ID}/roll-back", version=version(page)).text
    assert state(desk, ID) is None
    hashes = re.findall(r'<code title="([0-9a-f]{64})">', page)
    assert len(set(hashes)) == 5
    assert re.findall(r"<td>(lena|ada)</td>", page) == ["ada", "ada", "ada", "lena", "lena"]
    assert "Roll back" not in page
    record = ada.page(f"/audit.csv?subject={ID}")
    assert (record.count("rule_live"), record.count("rule_rolled_back")) == (1, 2)


def test_a_shipped_rule_is_changed_in_its_place_and_given_back(desk: Desk, seat: Sit) -> None:
    rule = next(r for r in RuleBook.from_texts(shipped()).rules if r.status == "live" and r.strength == "strong")
    lena, ada = seat("lena"), seat("ada")
    source = toml_of({**rule.source, "strength": "weak"})
    lena.post("/rules/save", source=source, note="Too strict.")
    page = ada.page(f"/rules/of/{rule.id}")
    assert "Put in shadow beside the live one" in page
    page = ada.post(f"/rules/of/{rule.id}/publish", version=version(page)).text
    follow(desk)
    book = desk.service.services.screeners.screener.book
    assert [(r.strength, r.family) for r in book.rules if r.id == rule.id] == [("weak", rule.family)]
    ada.post(f"/rules/of/{rule.id}/roll-back", version=version(page))
    follow(desk)
    book = desk.service.services.screeners.screener.book
    assert [r.strength for r in book.rules if r.id == rule.id] == ["strong"]


def test_a_changed_live_rule_runs_in_shadow_beside_itself(desk: Desk, seat: Sit) -> None:
    lena, ada, kept = seat("lena"), seat("ada"), "substitute.goat-lamp"
    source = RULE.replace("llama", "goat")
    page = lena.post("/rules/save", source=source, note="").text
    ada.post(f"/rules/of/{kept}/publish", version=version(page))
    wider = source.replace('["goat ..3 lamp"]', '["goat ..3 lamp", "goat ..3 torch"]')
    page = lena.post("/rules/save", source=wider, note="Torches too.").text
    page = lena.post(f"/rules/of/{kept}/shadow", version=version(page)).text
    assert (state(desk, kept), state(desk, f"{kept}.trial")) == ("live", "shadow")
    desk.service.screen({**SWAP, "body": "We can send the goat torch instead, this very week."})
    page = lena.page(f"/rules/of/{kept}.trial")  # leads to: the live rule's page tells of both
    assert f"<code>{kept}.trial</code> without a say: 1 hit in 90 days, the live rule 0" in page
    refused = lena.post("/rules/save", source=wider.replace(kept, f"{kept}.trial"), note="")
    assert (refused.status_code, ".trial is a changed" in refused.text) == (422, True)
    lena.post(f"/rules/of/{kept}/end-trial", version=version(page))
    assert (state(desk, kept), state(desk, f"{kept}.trial")) == ("live", None)
    again = lena.post(f"/rules/of/{kept}/end-trial", version=version(ada.page(f"/rules/of/{kept}")))
    assert again.status_code == 409
    assert "goat ..3 torch" not in (desk.service.home / "rules" / "desk.toml").read_text("utf-8")


def test_a_version_that_was_altered_is_shown_as_not_valid_and_does_not_run(desk: Desk, seat: Sit) -> None:
    lena, ada, kept = seat("lena"), seat("ada"), "substitute.yak-lamp"
    page = lena.post("/rules/save", source=RULE.replace("llama", "yak"), note="").text
    page = ada.post(f"/rules/of/{kept}/publish", version=version(page)).text
    assert (page.count("> valid</span>"), page.count("not valid")) == (2, 0)
    assert state(desk, kept) == "live"
    with desk.service.services.database.writing() as session:
        row = session.get_one(RuleVersionRow, int(version(page)))
        row.source = row.source.replace("yak", "emu")
    page = ada.page(f"/rules/of/{kept}")
    assert (page.count("> valid</span>"), page.count("> not valid</span>")) == (1, 1)
    assert "altered after signing" in page
    assert state(desk, kept) is None


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, "valid"),
        ({"author": "otto"}, "broken"),
        ({"created_at": datetime(2026, 1, 2, tzinfo=UTC)}, "broken"),
        ({"status": "live"}, "broken"),
        ({"signature": None}, "broken"),
        ({"signature": "first.AAAA"}, "broken"),
        ({"signature": "unknown.AAAA"}, "retired"),
    ],
)
def test_a_seal_binds_words_author_and_time(change: dict[str, object], status: str) -> None:
    signer = VersionSigner(signing_keys("first:" + new_key().split(":")[1]))
    row = RuleVersionRow(
        id=7, rule_id=ID, status="draft", source=RULE, author="lena", created_at=datetime(2026, 1, 1, tzinfo=UTC)
    )
    row.version = hash_of(row, "")
    row.signature = signer.sign(row)
    for name, value in change.items():
        setattr(row, name, value)
    assert signature_statuses(signer, [row]) == {7: status}


def test_whoever_can_hash_anew_can_still_not_sign() -> None:
    signer = VersionSigner(signing_keys("first:" + new_key().split(":")[1]))
    row = RuleVersionRow(
        id=7, rule_id=ID, status="draft", source=RULE, author="lena", created_at=datetime(2026, 1, 1, tzinfo=UTC)
    )
    row.version = hash_of(row, "")
    row.signature = signer.sign(row)
    row.source = RULE.replace("llama", "emu")
    row.version = hash_of(row, "")
    assert signature_statuses(signer, [row]) == {7: "broken"}


def test_every_shipped_rule_survives_being_written_out() -> None:
    book = RuleBook.from_texts(shipped())
    everything = {rule.id: rule.source for rule in book.rules}
    again = RuleBook.from_texts({LEXICON: shipped()[LEXICON], **with_rules({}, everything)})
    assert {r.id: (r.patterns, r.unless, r.must_flag) for r in again.rules} == {
        r.id: (r.patterns, r.unless, r.must_flag) for r in book.rules
    }
    assert with_rules(shipped(), {}) == shipped()
    assert entry_of(toml_of(book.rules[0].source)) == book.rules[0].source
