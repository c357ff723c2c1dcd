"""The rule book that runs: the shipped rules with what the desk has in force, as files that every process reads.

The database holds the versions; each process writes the book for itself within seconds.
"""

import os
import secrets
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from classifier.matching.rulebook import RuleBook, RuleError
from service.http.errors import ServiceError
from service.judging.canaries import CanaryError
from service.judging.live_models import UNFINISHED, Screeners
from service.review.rules.files import shipped, with_rules
from service.review.rules.signatures import VersionSigner
from service.review.rules.versions import changes
from service.storage.database import Database
from service.storage.tables.review import RuleVersionRow


def check_book(session: Session, signer: VersionSigner) -> None:
    """Raises the 422 where the rules now in force do not load as a whole. Writes nothing: each process, this one
    included, writes the book after the versions are committed."""
    try:
        RuleBook.from_texts(with_rules(shipped(), changes(session, signer)))
    except RuleError as error:
        raise ServiceError(422, f"source: {error}") from None


def desk_book(session: Session, signer: VersionSigner) -> RuleBook | None:
    """The rule book that the desk has in force; None where it has none of its own. Raises RuleError."""
    if session.scalar(select(RuleVersionRow.id).limit(1)) is None:
        return None
    return RuleBook.from_texts(with_rules(shipped(), changes(session, signer)))


class RuleBookFollower:
    """Takes up what was published, here or elsewhere: looks whether the versions in the database have changed."""

    def __init__(self, database: Database, signer: VersionSigner, screeners: Screeners, home: Path) -> None:
        self._database = database
        self._signer = signer
        self._screeners = screeners
        self._folder = home / "rules"
        self._seen: tuple[int, int, str] = (0, 0, "")
        self._refused = False

    def follow(self) -> bool:
        """Write and load the book if there are new versions; True if so. A book that will not load, or judges a canary
        draft wrongly, is reported and not written: the one before it stays, over a restart too."""
        followed = False
        while self._step():  # once more: what was committed while this wrote must not wait behind it
            followed = True
        if followed:
            self._screeners.refresh()
        return followed

    def _step(self) -> bool:
        with self._database.reading() as session:
            count, newest = session.execute(select(func.count(), func.max(RuleVersionRow.id))).one()
            # what was refused is tried again with another model, which may judge the canary drafts rightly
            found = (count, newest or 0, self._screeners.model_version if self._refused else "")
            if found == self._seen and (self._refused or not (count and self._is_spoilt())):
                return False
            try:
                files = with_rules(shipped(), changes(session, self._signer))
            except RuleError as error:
                return self._refuse(found, error)
        try:
            self._write(files)
        except (RuleError, CanaryError) as error:
            return self._refuse(found, error)
        self._seen, self._refused = (*found[:2], ""), False  # after the work: what a full disk stopped is tried again
        self._screeners.rules_refused("")
        return True

    def _refuse(self, found: tuple[int, int, str], error: Exception) -> bool:
        self._refused, self._seen = True, (*found[:2], self._screeners.model_version)
        self._screeners.rules_refused(f"the desk's rules: {error}")
        return False

    def _is_spoilt(self) -> bool:
        """Whether somebody removed the files that this wrote, or a kill left half of them: they come back."""
        return (self._folder / UNFINISHED).exists() or next(self._folder.glob("*.toml"), None) is None

    def _write(self, files: dict[str, str]) -> None:
        """Raises RuleError or CanaryError, and writes nothing, where the whole could not judge."""
        there = {path.name: path.read_bytes() for path in self._folder.glob("*.toml")}
        if there != {name: text.encode() for name, text in files.items()}:
            self._screeners.try_book(RuleBook.from_texts(files))
            _swap(files, self._folder)
        (self._folder / UNFINISHED).unlink(missing_ok=True)


def _swap(files: dict[str, str], folder: Path) -> None:
    """Replace the files of the folder, each at once and whole; the service reads the folder again when they change.

    While they are no whole, UNFINISHED stands beside them, and goes once they are: a kill leaves it, and then neither
    half is taken for a rule book.
    """
    folder.mkdir(parents=True, exist_ok=True)
    changed = {}
    for name, text in files.items():
        path = folder / name
        if not path.exists() or path.read_bytes() != text.encode():
            fresh = path.with_suffix(f".{secrets.token_hex(4)}")  # several processes may write the same folder
            with fresh.open("wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            changed[path] = fresh
    (folder / UNFINISHED).touch()
    for path, fresh in changed.items():
        fresh.replace(path)
    for path in folder.glob("*.toml"):
        if path.name not in files:
            path.unlink(missing_ok=True)
