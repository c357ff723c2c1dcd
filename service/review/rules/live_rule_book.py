"""The rule book that runs: the shipped rules with what the desk has in force, as files that every process reads.

The database holds the versions; each process writes the book for itself within seconds.
"""

import logging
import os
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from classifier.matching.rulebook import RuleBook, RuleError
from service.http.errors import ServiceError
from service.judging.live_models import Screeners
from service.review.rules.files import shipped, with_rules
from service.review.rules.signatures import VersionSigner
from service.review.rules.versions import changes
from service.storage.database import Database
from service.storage.tables.review import RuleVersionRow
from service.telemetry.logs import event


def check_book(session: Session, signer: VersionSigner) -> None:
    """Raises the 422 where the rules now in force do not load as a whole. Writes nothing: each process, this one
    included, writes the book after the versions are committed."""
    try:
        RuleBook.from_texts(with_rules(shipped(), changes(session, signer)))
    except RuleError as error:
        raise ServiceError(422, f"source: {error}") from None


class RuleBookFollower:
    """Takes up what was published, here or elsewhere: looks whether the versions in the database have changed."""

    def __init__(self, database: Database, signer: VersionSigner, screeners: Screeners, home: Path) -> None:
        self._database = database
        self._signer = signer
        self._screeners = screeners
        self._home = home
        self._seen: tuple[int, int] = (0, 0)

    def follow(self) -> bool:
        """Write and load the book if there are new versions; True if so. A book that will not load is left."""
        followed = False
        while self._step():  # once more: what was committed while this wrote must not wait behind it
            followed = True
        if followed:
            self._screeners.refresh()
        return followed

    def _step(self) -> bool:
        with self._database.reading() as session:
            count, newest = session.execute(select(func.count(), func.max(RuleVersionRow.id))).one()
            changed = (found := (count, newest or 0)) != self._seen
            if not changed and not (count and self._emptied()):
                return False
            self._seen = found  # also where it will not load: said once, not every few seconds
            files = with_rules(shipped(), changes(session, self._signer))
        try:
            _write(files, self._home / "rules")
        except RuleError as error:
            if changed:
                event("rules-refused", level=logging.ERROR, reason=str(error))
            return changed
        return True

    def _emptied(self) -> bool:
        """Whether somebody removed the files that this wrote: they come back."""
        return next((self._home / "rules").glob("*.toml"), None) is None


def _write(files: dict[str, str], folder: Path) -> None:
    """Raises RuleError, and writes nothing, where the whole would not load."""
    there = {path.name: path.read_bytes() for path in folder.glob("*.toml")}
    if there != {name: text.encode() for name, text in files.items()}:
        RuleBook.from_texts(files)
        _swap(files, folder)


def _swap(files: dict[str, str], folder: Path) -> None:
    """Each file at once and whole; the service reads the folder again when a file of it changes."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = folder / name
        if path.exists() and path.read_bytes() == text.encode():
            continue
        fresh = path.with_suffix(f".{os.getpid()}")  # several processes may write the same folder
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
    for path in folder.glob("*.toml"):
        if path.name not in files:
            path.unlink(missing_ok=True)
