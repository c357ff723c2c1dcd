"""The rules desk: numbers, trying, drafts, back-test, shadow, publishing, rolling back."""

import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import orjson
import pytest
from sqlalchemy import select

from classifier.matching.rulebook import LEXICON, RuleBook
from service.passes import new_key, signing_keys
from service.review.rules.editing import entry_of_form, form_of_entry
from service.review.rules.files import entry_of, shipped, toml_of, with_rules
from service.review.rules.live_rule_book import RuleBookFollower
from service.review.rules.signatures import VersionSigner, hash_of, signature_statuses
from service.review.rules.statistics import rule_lines
from service.storage.tables.review import AuditRow, RuleVersionRow
from service.storage.tables.screenings import ScreeningRow
from tests.service.review.desk import RULE, SWAP, Desk, Seat, one_line
from tests.service.running import until

Sit = Callable[[str], Seat]
ID = "substitute.llama-lamp"


def version(page: str) -> str:
    found = re.search(r'name="version" value="(\d+)"', page)
    assert found
    return found[1]


def publish(seat: Seat, rule_id: str, page: str) -> httpx.Response:
    """Look at what the newest version would do, then let it go live."""
    tested = seat.post(f"/rules/of/{rule_id}/test", version=version(page))
    assert tested.status_code == 200
    return seat.post(f"/rules/of/{rule_id}/publish", version=version(page), note="Tried.", sure="1")


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
        page = lena.page(f"/rules?order={order}&fold=nothing")
        column = re.findall(r'data-th="' + order.capitalize().replace("_", " ") + r'" class="number">([\d,]*)', page)
        numbers = [int(cell.replace(",", "") or 0) for cell in column]
        assert numbers == sorted(numbers, reverse=True)
        assert len(numbers) > 20


@pytest.mark.parametrize("fold", ["label", "file"])
def test_the_book_is_folded_with_counts(desk: Desk, seat: Sit, fold: str) -> None:
    rules = desk.service.services.screeners.screener.book.rules
    page = seat("lena").page(f"/rules?fold={fold}")
    groups = re.findall(r'<details class="card rules" data-group="([^"]+)" ?>(.*?)</details>', page)
    assert len(groups) == len({rule.label if fold == "label" else rule.family for rule in rules})
    assert [title for title, _ in groups] == sorted(title for title, _ in groups)
    for _, group in groups:
        said = re.search(r"data-whole=\"(\d+)\">\d+</span> rules?, ([\d,]+) hit", group)
        column = re.findall(r'data-th="Hits" class="number">([\d,]+)', group)
        hits = [int(cell.replace(",", "")) for cell in column]
        assert said
        assert (int(said[1]), int(said[2].replace(",", ""))) == (len(hits), sum(hits))
        assert hits == sorted(hits, reverse=True)
    assert f"{len(rules)} of {len(rules)} rules" in page


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
    page = publish(ada, ID, ada.page(f"/rules/of/{ID}")).text
    assert state(desk, ID) == "live"
    assert ada.post(f"/rules/of/{ID}/publish", version=stale).status_code == 409
    page = ada.post(f"/rules/of/{ID}/roll-back", version=version(page), note="Llamas again.").text
    assert state(desk, ID) == "shadow"
    page = ada.post(f"/rules/of/{ID}/roll-back", version=version(page), note="Llamas again.").text
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
    page = publish(ada, rule.id, page).text
    follow(desk)
    book = desk.service.services.screeners.screener.book
    assert [(r.strength, r.family) for r in book.rules if r.id == rule.id] == [("weak", rule.family)]
    ada.post(f"/rules/of/{rule.id}/roll-back", version=version(page), note="As before.")
    follow(desk)
    book = desk.service.services.screeners.screener.book
    assert [r.strength for r in book.rules if r.id == rule.id] == ["strong"]


def test_a_changed_live_rule_runs_in_shadow_beside_itself(desk: Desk, seat: Sit) -> None:
    lena, ada, kept = seat("lena"), seat("ada"), "substitute.goat-lamp"
    source = RULE.replace("llama", "goat")
    page = lena.post("/rules/save", source=source, note="").text
    publish(ada, kept, page)
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


def test_hits_are_the_hits_of_the_rules_and_not_the_findings_alone(desk: Desk) -> None:
    desk.service.screen({**SWAP, "body": "A storm has held up the carrier. Your parcel will arrive two days late."})
    follow(desk)
    with desk.service.services.database.reading() as session:
        book = desk.service.services.screeners.screener.book
        counted = {line.id: line.hits for line in rule_lines(session, book.rules)}
        seen: Counter[str] = Counter()
        for evidence in session.scalars(select(ScreeningRow.evidence)):
            seen.update({hit["rule_id"] for hit in orjson.loads(evidence)["rules"]["hits"]})
    assert counted == {rule.id: seen[rule.id] for rule in book.rules}
    assert any(seen[rule.id] for rule in book.rules if rule.label == "delay_notice")


def test_a_version_goes_live_once_it_was_back_tested_with_a_reason(desk: Desk, seat: Sit) -> None:
    lena, ada, kept = seat("lena"), seat("ada"), "substitute.ibex-lamp"
    page = lena.post("/rules/save", source=RULE.replace("llama", "ibex"), note="").text
    form = {"version": version(page)}
    untested = ada.post(f"/rules/of/{kept}/publish", **form, note="Quick.")
    assert (untested.status_code, "was not back-tested" in untested.text) == (409, True)
    assert lena.post(f"/rules/of/{kept}/test", **form).status_code == 403
    shown = one_line(ada.post(f"/rules/of/{kept}/test", **form).text)
    assert "stored drafts" in shown
    assert "Publish it all the same" not in shown
    assert ada.post(f"/rules/of/{kept}/publish", **form, note="").status_code == 422
    weaker = RULE.replace("llama", "ibex").replace("strong", "weak")
    page = lena.post("/rules/save", source=weaker, note="Another version.").text
    newer = ada.post(f"/rules/of/{kept}/publish", version=version(page), note="It was tested, was it not?")
    assert newer.status_code == 409
    ada.post(f"/rules/of/{kept}/test", version=version(page))
    live = ada.post(f"/rules/of/{kept}/publish", version=version(page), note="Seen thrice.").text
    assert "Seen thrice." in live
    until(lambda: state(desk, kept) == "live", seconds=20)  # the follower may be at an earlier version still
    assert ada.post(f"/rules/of/{kept}/roll-back", version=version(live), note="").status_code == 422
    back = ada.post(f"/rules/of/{kept}/roll-back", version=version(live), note="Ibexes are fine.").text
    assert "Rolled back: Ibexes are fine." in back
    assert state(desk, kept) is None


def test_a_rule_that_flags_a_third_of_all_drafts_does_not_go_live_unseen(desk: Desk, seat: Sit) -> None:
    lena, ada, kept = seat("lena"), seat("ada"), "substitute.everything"
    source = RULE.replace("llama-lamp", "everything").replace("llama ..3 lamp", "you|your|we|is|the|lamp")
    page = lena.post("/rules/save", source=source.replace("Take the lamp.", "Hello!"), note="").text
    shown = one_line(ada.post(f"/rules/of/{kept}/test", version=version(page)).text)
    assert re.search(r"It would flag \d+% of all drafts", shown)
    refused = ada.post(f"/rules/of/{kept}/publish", version=version(page), note="Why not?")
    assert (refused.status_code, state(desk, kept)) == (422, None)
    with desk.service.services.database.reading() as session:
        query = select(AuditRow.after).where(AuditRow.action == "rule_back_tested", AuditRow.subject == f"rule:{kept}")
        tested = session.scalars(query).one()
    assert tested["hits"] > tested["drafts"] / 3


def test_a_shipped_rule_is_switched_off_with_a_reason_and_given_back(desk: Desk, seat: Sit) -> None:
    book = RuleBook.from_texts(shipped())
    rule = next(r for r in book.rules if r.status == "live" and r.strength == "weak" and r.when == "always")
    lena, ada = seat("lena"), seat("ada")
    follow(desk)
    assert lena.post(f"/rules/of/{rule.id}/switch-off", version="0", note="Noise.").status_code == 403
    assert ada.post(f"/rules/of/{rule.id}/switch-off", version="0", note="").status_code == 422
    page = ada.post(f"/rules/of/{rule.id}/switch-off", version="0", note="Too much noise.").text
    assert "Too much noise." in page
    assert state(desk, rule.id) == "draft"  # in the book, and it does not run
    text = rule.must_flag[0]
    assert rule.id not in found_in(ada, text)
    assert re.search(r'data-th="Status">off<', ada.page(f"/rules?find={rule.id}"))
    ada.post(f"/rules/of/{rule.id}/roll-back", version=version(page), note="It was right.")
    assert state(desk, rule.id) == "live"
    assert rule.id in found_in(ada, text)


def found_in(seat: Seat, text: str) -> str:
    """What the book that runs finds in a text, as the page lists it."""
    page = seat.post("/rules/try", text=text).text
    return page.partition('<ul class="marks">')[2].partition("</ul>")[0]


def test_a_failed_save_loses_nothing_that_was_typed(seat: Sit) -> None:
    typed = {"text": "Take the goat & go.", "note": "Because of <goats>."}
    answer = seat("lena").post("/rules/save", source=RULE.replace("llama ..3", "llama ..99"), by="toml", **typed)
    assert answer.status_code == 422
    for words in ("llama ..99 lamp", "Take the goat &amp; go.", "Because of &lt;goats&gt;.", "a gap is at most"):
        assert words in answer.text


@pytest.mark.parametrize("status", ["off", "trial", "LIVE", ""])
def test_a_status_that_nobody_knows_is_refused(seat: Sit, status: str) -> None:
    source = RULE.replace('status = "draft"', f'status = "{status}"')
    answer = seat("lena").post("/rules/save", source=source, note="")
    assert (answer.status_code, "status is draft, shadow, live" in answer.text) == (422, True)


FIELDS = {
    "id": "substitute.moose-lamp", "label": "substitute_offer", "strength": "strong", "patterns": "moose ..3 lamp",
    "must_flag": "Take the moose lamp.", "must_not_flag": "Take the lamp.", "unless": "", "by": "form",
}  # fmt: skip


def test_a_form_is_the_same_rule_as_its_toml_and_its_examples_are_tried(seat: Sit) -> None:
    lena = seat("lena")
    found = lena.post("/rules/examples", **{**FIELDS, "must_flag": "Take the moose lamp.\nTake the goat."}).json()
    assert found["faults"] == []
    assert [(one["line"], one["wanted"], one["words"]) for one in found["examples"]] == [
        (1, True, "moose lamp"), (2, True, ""), (1, False, ""),
    ]  # fmt: skip
    again = lena.post("/rules/examples", source=found["source"], by="toml").json()
    assert again["fields"] == found["fields"]
    assert again["source"] == found["source"]


@pytest.mark.parametrize(
    ("change", "field", "line"),
    [
        ({"patterns": "moose lamp\nmoose ..99 lamp"}, "patterns", 2), ({"unless": "goat\n{nonsense}"}, "unless", 2),
        ({"source": 'id = "a.b"\nlabel = \n', "by": "toml"}, "", 2),
    ],
)  # fmt: skip
def test_a_fault_is_said_at_its_line(seat: Sit, change: dict[str, str], field: str, line: int) -> None:
    found = seat("lena").post("/rules/examples", **{**FIELDS, **change}).json()
    assert [(one["field"], one["line"]) for one in found["faults"]] == [(field, line)]


def test_every_shipped_rule_survives_the_form() -> None:
    for rule in RuleBook.from_texts(shipped()).rules:
        written = entry_of_form(form_of_entry(rule.source))
        again = RuleBook.from_texts(
            {LEXICON: shipped()[LEXICON], "x.toml": toml_of({**written, "status": rule.status})}
        )
        assert (again.rules[0].patterns, again.rules[0].unless, again.rules[0].when) == (
            rule.patterns, rule.unless, rule.when,
        )  # fmt: skip
        assert (again.rules[0].must_flag, again.rules[0].message) == (rule.must_flag, rule.message)


def test_a_version_that_was_altered_is_shown_as_not_valid_and_does_not_run(desk: Desk, seat: Sit) -> None:
    lena, ada, kept = seat("lena"), seat("ada"), "substitute.yak-lamp"
    page = lena.post("/rules/save", source=RULE.replace("llama", "yak"), note="").text
    page = publish(ada, kept, page).text
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
