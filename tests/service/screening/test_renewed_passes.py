"""A replay after the pass has expired: a new pass, for as long as the verdict may be taken at its word."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from service.screening.pipeline import RENEWED_FOR
from service.storage.outbox import UNDO_TIME
from service.storage.tables.screenings import AcknowledgementRow, AppealRow, ScreeningRow
from tests.service.drafts import ALLOWED, BLOCKED, WARNED
from tests.service.running import Running, running, settings_for

LIFE = timedelta(minutes=60)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("renewed")
    with running(settings_for(home, rate_per_minute=0, time_budget_ms=60_000)) as started:
        yield started


def age(service: Running, row: Any, key: Any, **moments: datetime) -> None:
    """Let something have happened earlier."""
    with service.services.database.writing() as session:
        session.execute(update(row).where(key).values(**moments))


def why_not(service: Running, token: str, draft: dict[str, Any]) -> str | None:
    answer = service.client.post("/passes/verify", json={"token": token, **draft}).json()
    reason: str | None = answer["reason"]
    return reason


def test_the_same_key_gives_a_new_pass_once_the_first_has_expired(plain: Running) -> None:
    key = {"Idempotency-Key": "renewed-1"}
    first = plain.screen(ALLOWED, key)
    assert plain.screen(ALLOWED, key)["pass"] == first["pass"]
    now = datetime.now(UTC)
    screening = ScreeningRow.id == first["screening_id"]
    age(plain, ScreeningRow, screening, created_at=now - LIFE - timedelta(minutes=5))
    again = plain.screen(ALLOWED, key)
    assert again["screening_id"] == first["screening_id"]
    assert again["pass"] != first["pass"]
    assert why_not(plain, again["pass"], ALLOWED) is None
    assert plain.screen(ALLOWED, key)["pass"] == again["pass"]
    assert plain.client.get(f"/screenings/{first['screening_id']}").json()["pass"] == again["pass"]

    plain.client.post(f"/screenings/{first['screening_id']}/withdraw")
    assert why_not(plain, again["pass"], ALLOWED) == "revoked"
    assert plain.screen(ALLOWED, key)["pass"] is None


def test_after_a_day_the_draft_is_screened_again(plain: Running) -> None:
    key = {"Idempotency-Key": "renewed-2"}
    first = plain.screen(ALLOWED, key)
    age(plain, ScreeningRow, ScreeningRow.id == first["screening_id"], created_at=datetime.now(UTC) - RENEWED_FOR)
    assert why_not(plain, plain.screen(ALLOWED, key)["pass"], ALLOWED) == "expired"


def test_a_pass_of_another_moment_is_not_one_that_was_renewed(plain: Running) -> None:
    first = plain.screen(ALLOWED)
    earlier = datetime.now(UTC) - timedelta(minutes=17)
    age(plain, ScreeningRow, ScreeningRow.id == first["screening_id"], created_at=earlier)
    assert why_not(plain, first["pass"], ALLOWED) == "revoked"


def test_an_acknowledged_draft_is_acknowledged_again_with_a_new_pass(plain: Running) -> None:
    warned = plain.screen(WARNED)
    path = f"/screenings/{warned['screening_id']}/acknowledge"
    first = plain.client.post(path).json()
    earlier = datetime.now(UTC) - LIFE - timedelta(minutes=5)
    age(plain, AcknowledgementRow, AcknowledgementRow.screening_id == warned["screening_id"], at=earlier)
    again = plain.client.post(path).json()
    assert again["pass"] != first["pass"]
    assert why_not(plain, again["pass"], WARNED) is None


def test_what_a_reviewer_allowed_gives_a_pass_whenever_the_merchant_comes_back(plain: Running) -> None:
    blocked = plain.screen(BLOCKED)
    path = f"/screenings/{blocked['screening_id']}"
    plain.client.post(f"{path}/appeal", json={"message": "Look again."})
    decided = datetime.now(UTC) - UNDO_TIME - timedelta(days=9)
    appealed = AppealRow.screening_id == blocked["screening_id"]
    with plain.services.database.writing() as session:
        session.execute(
            update(AppealRow).where(appealed).values(state="decided", outcome="overturned", decided_at=decided)
        )
    granted = plain.client.get(path).json()["pass"]
    assert why_not(plain, granted, BLOCKED) is None
