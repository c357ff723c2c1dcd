"""Reviewed cases taken out of a running service with a key, as the workbench does where stored text is encrypted."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests.service.review.desk import SWAP, Desk, add_people
from tests.service.running import running, settings_for
from training.__main__ import call
from training.tickets.loading import load


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A service that encrypts what it stores, with one reviewed case."""
    keys = Fernet.generate_key().decode()
    with running(settings_for(tmp_path / "service", text_keys=keys, second_review_share=0)) as service:
        add_people(service.services.database)
        opened = Desk(service)
        opened.seat("mira").decide(opened.case(merchant_id="M-7"), "uphold")
        yield opened
        opened.seat("mira").leave()


def key_file(desk: Desk, scope: str, folder: Path) -> str:
    path = folder / f"{scope}.key"
    path.write_text(desk.service.key(scope, caller=scope)["Authorization"].removeprefix("Bearer ") + "\n")
    return str(path)


def test_a_key_brings_the_tickets_and_only_the_right_one_does(
    desk: Desk, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["import", "--from-service", desk.service.url, "--as", "reviewed"]
    assert call(asked) == 2
    assert "--key-file is needed" in " ".join(capsys.readouterr().err.replace("│", "").split())
    assert call([*asked, "--key-file", key_file(desk, "screen", tmp_path)]) == 2
    assert "the service answered 403" in " ".join(capsys.readouterr().err.split())
    assert call([*asked, "--key-file", key_file(desk, "review-export", tmp_path)]) == 0
    (ticket,) = load(home / "tickets")
    assert ticket.draft.body.startswith(SWAP["body"])
    assert ticket.writer == "merchant-M-7"
    assert [str(label) for label in ticket.labels] == ["substitute_offer"]
    gone = ["import", "--from-service", "http://127.0.0.1:9", "--key-file", key_file(desk, "review-export", tmp_path)]
    assert call(gone) == 2
    assert "cannot be reached" in " ".join(capsys.readouterr().err.split())
