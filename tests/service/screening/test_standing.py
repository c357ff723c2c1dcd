"""Which passes of a stored screening stand: withdrawn, reviewed, taken back, appealed, spent."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from classifier import Draft, Screener
from service.passes import Passes, PassVerification, new_key
from service.screening.standing import checked_standing, redeemed, standing_terms
from service.storage.database import Database
from service.storage.encryption import Encryptor
from service.storage.outbox import UNDO_TIME, decide_appeal, reopen_appeal
from service.storage.screenings.repository import Screenings
from service.storage.tables.review import CaseDecisionRow, CaseRow, UserRow
from tests.service.drafts import ALLOWED, BLOCKED
from tests.service.storage.test_store import keep, new
from tests.service.storage.test_store import screener as screener  # the same rules

PASSES = Passes.from_setting(new_key(), issuer="test", minutes=60)
PLAIN = Encryptor()


class Kept:
    """A stored screening of a decision of one's choosing, and what becomes of it."""

    def __init__(self, database: Database, screener: Screener, decision: str) -> None:
        made = new(screener, Draft(**(BLOCKED if decision == "block" else ALLOWED)))
        made.verdict["decision"] = decision
        keep(database, made)
        self.id, self.hash, self.database = made.id, made.text_hash, database

    def tokens(self) -> list[str]:
        with self.database.reading() as session:
            stored = Screenings(session, PLAIN).get(self.id)
            assert stored is not None
            return [PASSES.issue(terms) for terms in standing_terms(session, stored)]

    def why_not(self, token: str) -> str | None:
        checked = self.checked(token)
        if checked.valid:
            with self.database.reading() as session:
                checked = checked_standing(session, PLAIN, checked)
        return checked.reason

    def checked(self, token: str) -> PassVerification:
        return PASSES.check(token, self.hash, datetime.now(UTC))

    def redeem(self, token: str, *, caller: str = "shop", key: str | None = None) -> str | None:
        with self.database.writing() as session:
            return redeemed(session, PLAIN, self.checked(token), caller, key, datetime.now(UTC)).reason

    def do(self, step: str, *more: Any) -> None:
        with self.database.writing() as session:
            getattr(Screenings(session, PLAIN), step)(self.id, datetime.now(UTC), "gateway", *more)

    def review(self, labels: str, *, action: str = "relabel") -> int:
        """The final decision of a reviewer; the id of its row."""
        now = datetime.now(UTC)
        with self.database.writing() as session:
            user = session.scalar(select(UserRow).where(UserRow.name == "ann"))
            if user is None:
                user = UserRow(name="ann", role="reviewer", password_hash="x", created_at=now)
                session.add(user)
                session.flush()
            case = session.scalars(select(CaseRow).where(CaseRow.screening_id == self.id)).one()
            case.state, case.decided_at = "decided", now
            row = CaseDecisionRow(case_id=case.id, at=now, actor_id=user.id, action=action, labels=labels)
            session.add(row)
            session.flush()
            return row.id

    def take_back(self, decision: int) -> None:
        now = datetime.now(UTC)
        with self.database.writing() as session:
            row = session.get_one(CaseDecisionRow, decision)
            undo = CaseDecisionRow(case_id=row.case_id, at=now, actor_id=row.actor_id, action="undo", undoes=row.id)
            session.add(undo)
            case = session.get_one(CaseRow, row.case_id)
            case.state, case.decided_at = "open", None

    def overturn(self, ago: timedelta) -> None:
        with self.database.writing() as session:
            assert decide_appeal(session, PLAIN, self.id, "overturned", None, datetime.now(UTC) - ago)


def test_a_withdrawn_screenings_pass_is_revoked(database: Database, screener: Screener) -> None:
    kept = Kept(database, screener, "allow")
    (token,) = kept.tokens()
    assert kept.why_not(token) is None
    kept.do("withdraw")
    assert kept.why_not(token) == "revoked"
    assert kept.tokens() == []


def test_a_review_that_finds_it_prohibited_revokes_until_it_is_taken_back(
    database: Database, screener: Screener
) -> None:
    kept = Kept(database, screener, "allow")
    (token,) = kept.tokens()
    decision = kept.review("substitute_offer", action="overturn")
    assert kept.why_not(token) == "revoked"
    kept.take_back(decision)
    assert kept.why_not(token) is None
    kept.review("delay_notice", action="uphold")
    assert kept.why_not(token) is None


def test_an_overturned_appeal_gives_its_pass_once_it_cannot_be_undone(database: Database, screener: Screener) -> None:
    kept = Kept(database, screener, "block")
    kept.do("appeal", "Please look again.")
    kept.overturn(timedelta(0))
    assert kept.tokens() == []
    with database.reading() as session:
        stored = Screenings(session, PLAIN).get(kept.id)
        assert stored is not None
        assert stored.after["appeal"]["state"] == "open"


def test_taking_the_review_back_revokes_its_pass_and_the_next_one_gives_another(
    database: Database, screener: Screener
) -> None:
    kept = Kept(database, screener, "block")
    kept.do("appeal", "Please look again.")
    kept.overturn(UNDO_TIME + timedelta(minutes=2))
    (first,) = kept.tokens()
    assert kept.why_not(first) is None
    with database.writing() as session:
        assert reopen_appeal(session, kept.id)
    assert kept.why_not(first) == "revoked"
    kept.overturn(UNDO_TIME + timedelta(minutes=1))
    (second,) = kept.tokens()
    assert (kept.why_not(first), kept.why_not(second)) == ("revoked", None)


def test_an_acknowledged_warning_keeps_its_pass_when_an_appeal_gives_another(
    database: Database, screener: Screener
) -> None:
    kept = Kept(database, screener, "warn")
    assert kept.tokens() == []
    kept.do("acknowledge", None, None)
    (first,) = kept.tokens()
    kept.do("appeal", None)
    kept.overturn(UNDO_TIME + timedelta(minutes=1))
    assert [kept.why_not(token) for token in (first, kept.tokens()[-1])] == [None, None]


def test_a_pass_is_spent_once(database: Database, screener: Screener) -> None:
    kept = Kept(database, screener, "allow")
    (token,) = kept.tokens()
    assert [kept.redeem(token) for _ in range(3)] == [None, "spent", "spent"]
    assert kept.why_not(token) == "spent"


def test_the_same_key_of_the_same_caller_gets_the_same_answer(database: Database, screener: Screener) -> None:
    kept = Kept(database, screener, "allow")
    (token,) = kept.tokens()
    assert kept.redeem(token, key="k") is None
    assert kept.redeem(token, key="k") is None
    assert kept.redeem(token, key="other") == "spent"
    assert kept.redeem(token, key="k", caller="gateway") == "spent"


@pytest.mark.parametrize("step", ["withdraw", "review"])
def test_what_is_revoked_cannot_be_spent(database: Database, screener: Screener, step: str) -> None:
    kept = Kept(database, screener, "allow")
    (token,) = kept.tokens()
    if step == "withdraw":
        kept.do("withdraw")
    else:
        kept.review("cancellation_probing")
    assert kept.redeem(token) == "revoked"


def test_a_pass_without_its_screening_is_revoked(database: Database, screener: Screener) -> None:
    kept = Kept(database, screener, "allow")
    checked = kept.checked(kept.tokens()[0])
    with database.reading() as session:
        lost = PassVerification(True, screening_id="0" * 32, stamp=checked.stamp)
        assert checked_standing(session, PLAIN, lost).reason == "revoked"
