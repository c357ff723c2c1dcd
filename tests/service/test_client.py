"""The typed client against a running service."""

from collections.abc import Iterator

import pytest

from service.client import ScreeningClient, ScreeningError
from tests.service.running import Running, running, settings_for

ALLOWED = {
    "support_id": "GG-8K2P-4L7Q-XY19",
    "subject": "Apartment number needed for your order",
    "body": "Hello Sam, please reply with your apartment number, so that the carrier can deliver your lamp.",
}
BLOCKED = ALLOWED | {
    "subject": "Your lamp",
    "body": "Hello 😀, blue is sold out, so we will send you the green one instead.",
}
CHATTY = ALLOWED | {"subject": "How was it?", "body": "We hope you enjoy your lamp. Would you leave us a review?"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(settings_for(tmp_path_factory.mktemp("client"))) as started:
        yield started


@pytest.fixture
def client(service: Running) -> Iterator[ScreeningClient]:
    key = service.client.headers["authorization"].removeprefix("Bearer ")
    with ScreeningClient(service.url, key, timeout=30) as opened:
        yield opened


def test_screen_counts_code_points(client: ScreeningClient) -> None:
    screening = client.screen(**BLOCKED, merchant_id="m-1", idempotency_key="client-1")
    assert screening.decision == "block"
    assert "substitute_offer" in screening.labels
    assert screening.probabilities.keys() >= screening.labels
    assert screening.granted is None
    first = screening.findings[0]
    assert BLOCKED["body"][first.start : first.end] == first.text
    assert (
        client.screen(**BLOCKED, merchant_id="m-1", idempotency_key="client-1").screening_id == screening.screening_id
    )


def test_the_order_is_heard(client: ScreeningClient) -> None:
    asked = ALLOWED | {"subject": "Your cancellation", "body": "Was anything wrong with it? We would like to know."}
    assert client.screen(**asked, cancelled_by="customer", mode="preview").decision == "block"


def test_a_pass_is_verified(client: ScreeningClient) -> None:
    screening = client.screen(**ALLOWED)
    assert screening.granted
    assert client.verify(screening.granted, **ALLOWED).valid
    changed = client.verify(screening.granted, **ALLOWED | {"body": "Other"})
    assert (changed.valid, changed.reason) == (False, "text-changed")
    assert client.pass_keys()["keys"]


def test_a_pass_is_spent_once(client: ScreeningClient) -> None:
    granted = str(client.screen(**ALLOWED).granted)
    first, again, other = (client.redeem(granted, **ALLOWED, idempotency_key=key) for key in ("t-1", "t-1", None))
    assert (first.valid, again.valid, other.reason) == (True, True, "spent")


def test_acknowledged(client: ScreeningClient) -> None:
    screening = client.screen(**CHATTY)
    assert screening.decision == "warn"
    granted = client.acknowledge(str(screening.screening_id), reason="asked for", by="sam")
    assert client.verify(granted, **CHATTY).valid


def test_appealed(client: ScreeningClient) -> None:
    screening = client.screen(**BLOCKED)
    client.appeal(str(screening.screening_id), "It is the same lamp")
    assert client.screening(str(screening.screening_id))["appeal"]["state"] == "open"


def test_many_in_order_with_the_refused_among_them(client: ScreeningClient) -> None:
    allowed, refused, blocked = client.screen_many([ALLOWED, {"subject": "no body"}, BLOCKED])
    assert not isinstance(allowed, ScreeningError)
    assert not isinstance(blocked, ScreeningError)
    assert (allowed.decision, blocked.decision) == ("allow", "block")
    assert isinstance(refused, ScreeningError)
    assert refused.status == 422


def test_told_of_an_unscreened_draft(client: ScreeningClient) -> None:
    assert client.screening(client.unscreened(**BLOCKED))["decision"] == "block"


def test_the_policy(client: ScreeningClient) -> None:
    assert client.policy()


def test_refusals_carry_the_problem(client: ScreeningClient, service: Running) -> None:
    with pytest.raises(ScreeningError, match="No screening") as refused:
        client.screening("0" * 32)
    assert (refused.value.status, refused.value.problem["status"]) == (404, 404)
    with ScreeningClient(service.url, "wrong") as stranger, pytest.raises(ScreeningError) as refused:
        stranger.screen(**ALLOWED)
    assert refused.value.status == 401
