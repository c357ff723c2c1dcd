"""How the tests are parted over two processes: what shares something dear to start stays together."""

import re

from xdist.scheduler import LoadScopeScheduling

LONGEST_FIRST = ("training", "browser", "review", "service")
"""Folders in the order in which they begin, so that short files fill what is left of the time at the end."""


def place(folder: str) -> int:
    """Where a folder's tests stand in the order."""
    return LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else len(LONGEST_FIRST)


def group(test: str) -> str:
    """What a test, by its id, stays together with: a running service on one kind of database is started once, and one
    model is trained for all that need one; else the file."""
    file, _, name = test.partition("::")
    folder = file.split("/")[1]
    kind = re.search(r"\b(sqlite|postgresql)\b", name)
    if kind and folder in ("review", "service"):
        return f"{folder} {kind[1]}"
    return folder if folder == "training" and "notebooks" not in file else file


class Parting(LoadScopeScheduling):  # type: ignore[misc]
    """The runner's own way to hand out groups of tests, with groups of ours."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)
